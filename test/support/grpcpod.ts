import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { closeLater } from "./check.ts";
import type { PodLike } from "./pod.ts";
import { freePort } from "./ports.ts";

/** A pod on HTTP/2 that answers like a gRPC service: it echoes the body as it comes and ends with trailers. */
export class GrpcPod implements PodLike {
  readonly name: string;
  readonly address = "127.0.0.1";
  readonly port: number;
  #server: Http2Server = createServer();
  #sessions = new Set<ServerHttp2Session>();

  private constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  static async start(name: string): Promise<GrpcPod> {
    const pod = closeLater(new GrpcPod(name, await freePort()));
    await pod.#listen();
    return pod;
  }

  get endpoint(): string {
    return `${this.address}:${this.port}`;
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.destroy();
    return closed;
  }

  #listen(): Promise<void> {
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream) => {
      stream.on("error", () => stream.close());
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", "x-pod": this.name },
        { waitForTrailers: true },
      );
      stream.once("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": "0", "grpc-message": this.name }),
      );
      stream.pipe(stream);
    });
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.port, this.address, resolve);
    });
  }
}
