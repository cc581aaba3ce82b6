import { findRedis, startRedis, type Redis } from "../../cli/redis.ts";
import { Processes } from "../../cli/processes.ts";
import { closeLater } from "../support/check.ts";
import { freePort } from "../support/ports.ts";

/** A real Redis on a port of its own, that a test ends and starts again. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #processes = new Processes();
  #redis: Redis | undefined;

  private constructor(port: number) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  static async start(): Promise<RedisServer> {
    const server = closeLater(new RedisServer(await freePort()));
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const binary = await findRedis((line) => process.stderr.write(`${line}\n`));
    this.#redis = await startRedis(this.#processes, binary, this.port);
  }

  /** Redis's own process. */
  get pid(): number {
    if (this.#redis === undefined) throw new Error("Redis: not running");
    return this.#redis.pid;
  }

  async end(): Promise<void> {
    await this.#redis?.end();
    this.#redis = undefined;
  }

  close(): Promise<void> {
    return this.#processes.endAll();
  }
}
