import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { closeLater } from "./check.ts";
import { balancedCookie, NginxRing, persistentCookie, type NginxMode } from "./nginx.ts";
import { freePort } from "./ports.ts";

const NAME = "INGRESSCOOKIE";

/**
 * What stands before a cut-over: a gateway that gives sessions to pods by the cookies of ingress-nginx, by its rules:
 * whoever has a cookie that finds a pod goes there, whoever has none gets one.
 */
export class NginxGateway {
  readonly port: number;
  readonly mode: NginxMode;
  readonly backend: string;
  readonly pods: readonly string[];
  readonly #ring: NginxRing;
  #issued = 0;

  private constructor(port: number, mode: NginxMode, backend: string, pods: readonly string[]) {
    this.port = port;
    this.mode = mode;
    this.backend = backend;
    this.pods = pods;
    this.#ring = new NginxRing(pods);
  }

  static async start(mode: NginxMode, backend: string, pods: readonly string[]): Promise<NginxGateway> {
    const gateway = new NginxGateway(await freePort(), mode, backend, pods);
    const server = createServer((incoming, outgoing) => gateway.#proxy(incoming, outgoing));
    closeLater({
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(gateway.port, "127.0.0.1", resolve);
    });
    return gateway;
  }

  /** The pod of a cookie's value; undefined when it names none. */
  podOf(value: string): string | undefined {
    if (this.mode === "balanced") return this.#ring.nodeOf(value);
    const key = value.split("|")[0];
    return this.pods.find((pod) => persistentCookie(this.backend, pod).split("|")[0] === key);
  }

  #newCookie(): string {
    const number = this.#issued++;
    if (this.mode === "balanced") return balancedCookie(this.backend, number);
    return persistentCookie(this.backend, this.pods[number % this.pods.length]!);
  }

  #proxy(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const sent = new RegExp(`(?:^|; )${NAME}=([^; ]+)`).exec(incoming.headers.cookie ?? "")?.[1];
    const known = sent === undefined ? undefined : this.podOf(sent);
    const cookie = known === undefined ? this.#newCookie() : undefined;
    const [host, port] = (known ?? this.podOf(cookie!)!).split(":");
    const upstream = request(
      { host, port, path: incoming.url, method: incoming.method, headers: incoming.headers, agent: false },
      (answer) => {
        const lines = answer.headers["set-cookie"] ?? [];
        const ours = cookie === undefined ? [] : [`${NAME}=${cookie}; Path=/; HttpOnly`];
        outgoing.writeHead(answer.statusCode ?? 502, {
          ...answer.headers,
          "set-cookie": [...lines, ...ours],
        });
        answer.pipe(outgoing);
      },
    );
    upstream.once("error", () => outgoing.writeHead(502).end());
    incoming.pipe(upstream);
  }
}
