import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import type { PodOptions } from "../pods.ts";
import type { Processes } from "../processes.ts";
import { findRedis, startRedis, type Redis } from "../redis.ts";
import { Refusal } from "./refusal.ts";

interface Setup {
  processes: Processes;
  say: (line: string) => void;
  signal: AbortSignal;
}

/** The demo's Redis, which can be stopped and started again at the same address; or the reason why there is none. */
export class RedisSwitch {
  readonly #setup: Setup;
  readonly #binary: string | undefined;
  readonly #port: number;
  readonly #secret = randomBytes(32).toString("base64");
  #redis: Redis | undefined;
  /** Why there is no Redis here, in one sentence; undefined when there is one to start. */
  readonly reason: string | undefined;

  private constructor(setup: Setup, found: { binary: string; port: number } | { reason: string }) {
    this.#setup = setup;
    this.#binary = "binary" in found ? found.binary : undefined;
    this.#port = "port" in found ? found.port : 0;
    this.reason = "reason" in found ? found.reason : undefined;
  }

  /**
   * Finds a Redis and starts it. Where that cannot be, a line says so.
   *
   * @throws the signal's reason when it aborts
   */
  static async on(setup: Setup): Promise<RedisSwitch> {
    const { say, signal } = setup;
    try {
      const binary = await findRedis(say, { signal });
      const redis = new RedisSwitch(setup, { binary, port: await freePort() });
      await redis.start();
      say(`Redis: ${binary}`);
      return redis;
    } catch (error) {
      signal.throwIfAborted();
      const reason = (error as Error).message;
      say(`${reason}; the demo goes on without cache.sample.com`);
      return new RedisSwitch(setup, { reason });
    }
  }

  get state(): "up" | "down" {
    return this.#redis === undefined ? "down" : "up";
  }

  /** What pods need for sessions in Redis, whether or not it is up; undefined when there is none. */
  get cache(): PodOptions["cache"] {
    if (this.#binary === undefined) return undefined;
    return { redisUrl: `redis://127.0.0.1:${this.#port}`, secret: this.#secret };
  }

  /**
   * Nothing when it is up.
   *
   * @throws Refusal when there is none to start
   */
  async start(): Promise<void> {
    if (this.#redis !== undefined) return;
    if (this.#binary === undefined) throw new Refusal(409, `there is no Redis to start: ${this.reason}`);
    const redis = await startRedis(this.#setup.processes, this.#binary, this.#port);
    this.#redis = redis;
    redis.onEnd((sentence) => {
      if (this.#redis !== redis) return;
      this.#redis = undefined;
      if (!this.#setup.signal.aborted) this.#setup.say(`${sentence}; the other hosts go on`);
    });
  }

  /** Nothing when it is down. */
  async stop(): Promise<void> {
    const redis = this.#redis;
    this.#redis = undefined;
    await redis?.end();
  }
}

/** A TCP port of 127.0.0.1 that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
