import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeLater } from "./check.ts";
import { freePort } from "./ports.ts";

/** A pod that answers its name on a host other than 127.0.0.1: an IPv6 address, or a Unix domain socket. */
export class HostPod {
  readonly name: string;
  /** How Envoy and a token name it. */
  readonly endpoint: string;
  /** Envoy's `address` of the endpoint. */
  readonly address: object;
  #server: Server;

  private constructor(name: string, endpoint: string, address: object) {
    this.name = name;
    this.endpoint = endpoint;
    this.address = address;
    this.#server = createServer({ keepAliveTimeout: 0 }, (_request, response) => void response.end(name));
    closeLater(this);
  }

  /** Listens on ::1. */
  static async onIPv6(name: string): Promise<HostPod> {
    const port = await freePort();
    const socket_address = { address: "::1", port_value: port };
    const pod = new HostPod(name, `[::1]:${port}`, { socket_address });
    await pod.#listen({ host: "::1", port });
    return pod;
  }

  /** Listens on a socket in a folder of its own. */
  static async onPipe(name: string): Promise<HostPod> {
    const folder = mkdtempSync(join(tmpdir(), "affinity-pipe-"));
    closeLater({ close: () => rmSync(folder, { recursive: true }) });
    const path = join(folder, "pod.sock");
    const pod = new HostPod(name, path, { pipe: { path } });
    await pod.#listen({ path });
    return pod;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #listen(at: { host: string; port: number } | { path: string }): Promise<void> {
    return new Promise((resolve, reject) => this.#server.once("error", reject).listen(at, resolve));
  }
}
