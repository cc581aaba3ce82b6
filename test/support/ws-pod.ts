import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { closeLater } from "./check.ts";
import type { PodLike } from "./pod.ts";
import { freePort } from "./ports.ts";

/** A pod that answers HTTP with its name, and accepts WebSockets by the ws library, which it echoes. */
export class WebSocketPod implements PodLike {
  readonly name: string;
  readonly address = "127.0.0.1";
  readonly port: number;
  /** Every WebSocket that was opened here, oldest first. */
  readonly accepted: WebSocket[] = [];
  #server: Server = createServer({ keepAliveTimeout: 0 });
  #webSockets = new WebSocketServer({ server: this.#server });

  private constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  /** Pods named pod-0, pod-1 and so on. */
  static startMany(count: number): Promise<WebSocketPod[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const pod = closeLater(new WebSocketPod(`pod-${index}`, await freePort()));
        await pod.#listen();
        return pod;
      }),
    );
  }

  /** `ip:port`, as a token names the pod. */
  get endpoint(): string {
    return `${this.address}:${this.port}`;
  }

  /** The WebSocket that was opened here last. */
  get last(): WebSocket {
    const last = this.accepted.at(-1);
    if (last === undefined) throw new Error(`${this.name}: no WebSocket was opened here`);
    return last;
  }

  /** Like a killed process: open connections break, new ones are refused. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.accepted) socket.terminate();
    await closed;
  }

  async #listen(): Promise<void> {
    this.#server.on("request", (_request, response) => response.end(this.name));
    this.#webSockets.on("headers", (headers) => headers.push(`x-pod: ${this.name}`));
    this.#webSockets.on("connection", (socket) => {
      this.accepted.push(socket);
      // A client that broke off: "close" follows.
      socket.on("error", () => socket.terminate());
      socket.on("message", (data, binary) => socket.send(data, { binary }));
    });
    this.#server.listen(this.port, this.address);
    await once(this.#server, "listening");
  }
}
