import type { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
} from "@grpc/grpc-js";
import { closeLater } from "./check.ts";
import { STICKY_HOST } from "./client.ts";
import type { PodLike } from "./pod.ts";
import { freePort } from "./ports.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text);
const textOf = (bytes: Buffer): string => bytes.toString();

// Messages are text, so that there is no need of protobuf.
const codec = {
  requestSerialize: bytesOf,
  requestDeserialize: textOf,
  responseSerialize: bytesOf,
  responseDeserialize: textOf,
};

/** One method of each kind. */
const ECHO = {
  /** Answers with the pod's name and the message. */
  say: { path: "/echo.Echo/Say", requestStream: false, responseStream: false, ...codec },
  /** Answers with as many messages as the message says: 0, 1 and so on. */
  count: { path: "/echo.Echo/Count", requestStream: false, responseStream: true, ...codec },
  /** Answers each message with the pod's name and the message, until the client ends. */
  talk: { path: "/echo.Echo/Talk", requestStream: true, responseStream: true, ...codec },
} satisfies ServiceDefinition;

/** A pod that serves ECHO by @grpc/grpc-js; its initial metadata has its name in `x-pod`. */
export class GrpcService implements PodLike {
  readonly name: string;
  readonly address = "127.0.0.1";
  readonly port: number;
  /** What `say` answers with instead of a message. */
  refusal: status | undefined;
  /** Whether `say` and `talk` answer nothing at all. */
  isSilent = false;
  /** Calls that reached this pod, and those of them that are over, in whatever way. */
  calls = 0;
  ended = 0;
  #server: Server | undefined;

  private constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  /** Pods named grpc-0, grpc-1 and so on. */
  static startMany(count: number): Promise<GrpcService[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const pod = closeLater(new GrpcService(`grpc-${index}`, await freePort()));
        await pod.start();
        return pod;
      }),
    );
  }

  /** `ip:port`, as a token names the pod. */
  get endpoint(): string {
    return `${this.address}:${this.port}`;
  }

  /** Like a killed process: open connections break, new ones are refused. */
  close(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  /** Listens, again on the same port after close(). */
  start(): Promise<number> {
    const server = new Server();
    this.#server = server;
    server.addService(ECHO, {
      say: (call: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) => {
        this.#begin(call);
        if (this.isSilent) return;
        if (this.refusal !== undefined) return answer({ code: this.refusal, details: this.name });
        call.sendMetadata(this.#metadata());
        answer(null, `${this.name}: ${call.request}`);
      },
      count: (call: ServerWritableStream<string, string>) => {
        this.#begin(call);
        call.sendMetadata(this.#metadata());
        for (let number = 0; number < Number(call.request); number++) call.write(String(number));
        call.end();
      },
      talk: (call: ServerDuplexStream<string, string>) => {
        this.#begin(call);
        call.sendMetadata(this.#metadata());
        if (this.isSilent) return;
        call.on("data", (message: string) => call.write(`${this.name}: ${message}`));
        call.on("end", () => call.end());
      },
    });
    return new Promise((resolve, reject) => {
      const address = `${this.address}:${this.port}`;
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  #begin(call: { on(event: "cancelled", listener: () => void): unknown }): void {
    this.calls++;
    // The library's word for every end of a call.
    call.on("cancelled", () => this.ended++);
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set("x-pod", this.name);
    return metadata;
  }
}

/** How a call went; every call ends with a status, never with an exception. */
interface Reply {
  code: status;
  /** The initial metadata, or those of the status when it came alone. */
  metadata: Metadata;
  /** Of the metadata: the pod that answered, "" when it said none, and every Set-Cookie. */
  pod: string;
  setCookie: string[];
  messages: string[];
}

type AnyCall = ClientUnaryCall | ClientReadableStream<string> | ClientDuplexStream<string, string>;

interface Call<C extends AnyCall> {
  call: C;
  reply: Promise<Reply>;
}

/** Cookie: as it is, in the metadata `cookie`. Deadline: milliseconds from now. */
interface CallAsk {
  cookie?: string;
  deadline?: number;
}

// Above what any call takes: one that hangs ends with DEADLINE_EXCEEDED.
const PATIENCE_MILLISECONDS = 20_000;

/** A channel of @grpc/grpc-js to the gateway, over h2c, on a connection of its own. */
export class Channel {
  #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.default_authority": STICKY_HOST,
      // Channels to one address would share a connection.
      "grpc.use_local_subchannel_pool": 1,
      // What fails at the gateway is to be seen.
      "grpc.enable_retries": 0,
    });
    closeLater(this);
  }

  close(): void {
    this.#client.close();
  }

  say(message: string, ask: CallAsk = {}): Call<ClientUnaryCall> {
    const messages: string[] = [];
    const call = this.#client.makeUnaryRequest(
      ...method(ECHO.say),
      message,
      metadataOf(ask),
      optionsOf(ask),
      (_error, value) => {
        if (value !== undefined) messages.push(value);
      },
    );
    return { call, reply: replyOf(call, messages) };
  }

  count(messages: number, ask: CallAsk = {}): Call<ClientReadableStream<string>> {
    const asked = [String(messages), metadataOf(ask), optionsOf(ask)] as const;
    return streamed(this.#client.makeServerStreamRequest(...method(ECHO.count), ...asked));
  }

  talk(ask: CallAsk = {}): Call<ClientDuplexStream<string, string>> {
    const asked = [metadataOf(ask), optionsOf(ask)] as const;
    return streamed(this.#client.makeBidiStreamRequest(...method(ECHO.talk), ...asked));
  }
}

type Serialize = (text: string) => Buffer;
type Deserialize = (bytes: Buffer) => string;

function method({ path }: { path: string }): [string, Serialize, Deserialize] {
  return [path, bytesOf, textOf];
}

function metadataOf({ cookie }: CallAsk): Metadata {
  const metadata = new Metadata();
  if (cookie !== undefined) metadata.set("cookie", cookie);
  return metadata;
}

function optionsOf({ deadline = PATIENCE_MILLISECONDS }: CallAsk): CallOptions {
  return { deadline: Date.now() + deadline };
}

function streamed<C extends ClientReadableStream<string> | ClientDuplexStream<string, string>>(
  call: C,
): Call<C> {
  const messages: string[] = [];
  call.on("data", (message: string) => messages.push(message));
  return { call, reply: replyOf(call, messages) };
}

function replyOf(call: AnyCall, messages: string[]): Promise<Reply> {
  let initial: Metadata | undefined;
  const events: EventEmitter = call;
  events.on("metadata", (metadata: Metadata) => (initial = metadata));
  // It says what the status says.
  events.on("error", () => {});
  return new Promise((resolve) => {
    events.on("status", ({ code, metadata: final }: StatusObject) => {
      const metadata = initial ?? final;
      const done = (): void =>
        resolve({
          code,
          metadata,
          pod: String(metadata.get("x-pod")[0] ?? ""),
          setCookie: metadata.get("set-cookie").map(String),
          messages,
        });
      // The last messages may still be on their way to "data".
      if (code === status.OK && call instanceof Readable && !call.readableEnded) call.once("end", done);
      else done();
    });
  });
}
