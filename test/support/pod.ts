import { createHash } from "node:crypto";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { closeLater } from "./check.ts";
import { freePort } from "./ports.ts";

/** A request as the pod got it. */
interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** Where a pod listens and what it calls itself. */
export interface PodLike {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

// RFC 6455, section 1.3
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
// As much as Envoy accepts by default; Node's own limit is 16 kB.
const MAX_HEADER_SIZE = 60 * 1024;

/** An HTTP/1.1 server on 127.0.0.1 that answers with its name, and misbehaves when a test tells it to. */
export class Pod implements PodLike {
  readonly name: string;
  readonly address = "127.0.0.1";
  readonly port: number;
  /** Every request that reached this pod, oldest first, also those that it did not answer. */
  readonly received: Received[] = [];
  /** How requests are answered, once their body is read. */
  behaviour: Behaviour = answerName();
  /** Breaks every connection at once, before a byte is read. */
  resetsConnections = false;
  #server: Server | undefined;
  #sockets = new Set<Socket>();

  private constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  static async start(name: string): Promise<Pod> {
    const pod = closeLater(new Pod(name, await freePort()));
    await pod.start();
    return pod;
  }

  /** Pods named pod-0, pod-1 and so on. */
  static startMany(count: number): Promise<Pod[]> {
    return Promise.all(Array.from({ length: count }, (_, index) => Pod.start(`pod-${index}`)));
  }

  /** `ip:port`, as a token names the pod. */
  get endpoint(): string {
    return `${this.address}:${this.port}`;
  }

  /** Listens, again on the same port after stop(). */
  async start(): Promise<void> {
    // Idle connections stay: a pod that closes them would race with Envoy's next request.
    const server = createServer({ maxHeaderSize: MAX_HEADER_SIZE, keepAliveTimeout: 0, requestTimeout: 0 });
    server.on("connection", (socket: Socket) => this.#accept(socket));
    server.on("request", (request, response) => this.#receive(request, response));
    server.on("upgrade", (request: IncomingMessage, socket: Socket) => this.#upgrade(request, socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: this.port, host: this.address, backlog: 4096 }, resolve);
    });
    this.#server = server;
  }

  /** Like a killed process: open connections break, new ones are refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  close(): Promise<void> {
    return this.stop();
  }

  /** The last request that reached this pod. */
  get last(): Received {
    const last = this.received.at(-1);
    if (last === undefined) throw new Error(`${this.name} got no request`);
    return last;
  }

  #accept(socket: Socket): void {
    if (this.resetsConnections) {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const received = this.#record(request);
    request.setEncoding("utf8").on("data", (text: string) => (received.body += text));
    request.once("end", () => {
      response.setHeader("x-pod", this.name);
      this.behaviour(request, response);
    });
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
    this.#record(request);
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}${WEBSOCKET_GUID}`)
      .digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\nx-pod: ${this.name}\r\n\r\n`,
    );
    socket.pipe(socket);
  }

  #record(request: IncomingMessage): Received {
    const { method = "", url = "", headers } = request;
    const received = { method, url, headers, body: "" };
    this.received.push(received);
    return received;
  }
}

/** Answers the pod's name, which is in the x-pod header too, with this status and these headers. */
export function answerName(status = 200, headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(status, headers).end(String(response.getHeader("x-pod")));
  };
}

/** Reads the request and breaks the connection by a TCP reset, answering nothing. */
export const resetBeforeAnswering: Behaviour = (request) => {
  request.socket.resetAndDestroy();
};

/** Holds requests back until they are released, in any order. */
export class Hold {
  readonly waiting: { request: IncomingMessage; release: () => void }[] = [];

  readonly behaviour: Behaviour = (request, response) => {
    this.waiting.push({ request, release: () => answerName()(request, response) });
  };
}
