/** The client of the bench: kept connections, the same bytes for every request, an exact number of them. */
import { connect, type Socket } from "node:net";

const STATUS = Buffer.from("HTTP/1.1 200 ");
const PATIENCE_MS = 30_000;

/** A connection with at most one request under way. */
export class Connection {
  readonly #socket: Socket;
  #end: Buffer;
  #before: Buffer | undefined;
  #answered: (answer: Buffer) => void = () => {};
  #failed: (error: Error) => void = () => {};

  private constructor(socket: Socket, end: Buffer) {
    this.#socket = socket;
    this.#end = end;
  }

  /** @param end by what an answer ends */
  static open(port: number, end: Buffer): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const buffer = Buffer.allocUnsafe(16384);
      const socket = connect({
        port,
        host: "127.0.0.1",
        noDelay: true,
        onread: {
          buffer,
          callback: (length) => {
            connection?.receive(buffer.subarray(0, length));
            return true;
          },
        },
      });
      connection = new Connection(socket, end);
      socket.once("connect", () => resolve(connection));
      socket.once("error", reject);
      socket.on("error", (error) => connection.#failed(error));
      socket.on("close", () => connection.#failed(new Error(`port ${port}: closed the connection`)));
    });
  }

  /** Who is told of each answer (bytes that are valid in the call only), and of the end of it all. */
  listen(answered: (answer: Buffer) => void, failed: (error: Error) => void): void {
    this.#answered = answered;
    this.#failed = failed;
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  close(): void {
    this.#failed = () => {};
    this.#socket.destroy();
  }

  private receive(bytes: Buffer): void {
    const answer = this.#before === undefined ? bytes : Buffer.concat([this.#before, bytes]);
    if (!endsWith(answer, this.#end)) {
      this.#before = Buffer.from(answer);
      return;
    }
    this.#before = undefined;
    if (endsWith(answer.subarray(0, STATUS.length), STATUS)) this.#answered(answer);
    else this.#failed(new Error(`not the answer that was expected: ${answer.toString("latin1", 0, 300)}`));
  }
}

function endsWith(bytes: Buffer, end: Buffer): boolean {
  const start = bytes.length - end.length;
  return start >= 0 && bytes.compare(end, 0, end.length, start) === 0;
}

/** So many connections to a port. */
export function openConnections(port: number, count: number, end: Buffer): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => Connection.open(port, end)));
}

/** A closed loop: as many requests under way as there are connections. */
export class ClosedLoop {
  readonly #connections: readonly Connection[];
  #request: Buffer = Buffer.alloc(0);
  #unsent = 0;
  #unanswered = 0;
  #done: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  /** The last answer of the last drive. */
  last = "";

  constructor(connections: readonly Connection[]) {
    this.#connections = connections;
    for (const connection of connections) {
      connection.listen(
        (answer) => this.#answered(connection, answer),
        (error) => this.#fail(error),
      );
    }
  }

  /** Sends so many requests, and returns when all are answered. @throws Error for any answer but the expected one */
  async drive(request: Buffer, count: number): Promise<void> {
    this.#request = request;
    this.#unsent = count;
    this.#unanswered = count;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
      timer = setTimeout(() => reject(new Error(`no answer in ${PATIENCE_MS} ms`)), PATIENCE_MS);
      for (const connection of this.#connections) this.#send(connection);
    });
    clearTimeout(timer);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #send(connection: Connection): void {
    if (this.#unsent === 0) return;
    this.#unsent--;
    connection.send(this.#request);
  }

  #answered(connection: Connection, answer: Buffer): void {
    if (--this.#unanswered > 0) return this.#send(connection);
    this.last = answer.toString("latin1");
    this.#done();
  }
}
