import { RedisStore } from "connect-redis";
import session, { type SessionData, type Store } from "express-session";
import { createClient } from "redis";

// A Redis that takes connections and answers nothing is down, too.
const PATIENCE_MS = 1000;
const RETRY_MS = 250;

export interface RedisStoreOptions {
  /** redis://HOST:PORT or rediss://..., as the library `redis` takes it. */
  url: string;
  /** Seconds without a request after which a session is gone. */
  idleTimeout: number;
  /** Takes a line whenever Redis goes or comes. */
  say: (line: string) => void;
}

export interface OpenRedisStore {
  store: Store;
  /** Settles when Redis has answered, or was out of reach, for the first time. */
  tried: Promise<void>;
}

/**
 * Sessions in a Redis that all pods share, by the session library's own store. It connects by itself, now and whenever
 * Redis is back; as long as Redis does not answer, each use fails, within a second at the latest.
 */
export function openRedisStore({ url, idleTimeout, say }: RedisStoreOptions): OpenRedisStore {
  const client = createClient({
    url,
    // A visitor is told at once, instead of waiting for a Redis that may never come.
    disableOfflineQueue: true,
    // A connection that is dead without a word from the other side is found out, and replaced.
    pingInterval: PATIENCE_MS,
    socket: { connectTimeout: PATIENCE_MS, socketTimeout: 3 * PATIENCE_MS, reconnectStrategy: RETRY_MS },
  });
  let up: boolean | undefined;
  const tried = new Promise<void>((resolve) => {
    client.on("ready", () => {
      if (up === false) say("Redis answers again");
      up = true;
      resolve();
    });
    client.on("error", (error: unknown) => {
      if (up !== false) say(`Redis does not answer: ${reason(error)}`);
      up = false;
      resolve();
    });
  });
  // All that goes wrong comes as an "error"; the promise waits for as long as it takes.
  client.connect().catch(() => {});
  const redis = new RedisStore({ client, prefix: "session:", ttl: idleTimeout });
  return { store: new PromptStore(redis), tried };
}

/**
 * Passes everything on to another store, and calls back after PATIENCE_MS at the latest. A visit saves its session, which
 * renews its time in Redis: there is nothing to touch.
 */
class PromptStore extends session.Store {
  readonly #store: Store;

  constructor(store: Store) {
    super();
    this.#store = store;
  }

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    this.#store.get(sid, inTime(callback));
  }

  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    this.#store.set(sid, data, inTime(callback));
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#store.destroy(sid, inTime(callback));
  }
}

/** Calls back once: with what comes first, the store's result or the end of our patience. */
function inTime<T>(callback: ((error: unknown, result?: T) => void) | undefined) {
  let settled = false;
  const settle = (error?: unknown, result?: T): void => {
    if (settled) return;
    settled = true;
    clearTimeout(late);
    callback?.(error, result);
  };
  // Not at once: in a process that was held up the answer may have come, and is read before an immediate is called.
  const late = setTimeout(
    () => setImmediate(() => settle(new Error(`no answer within ${PATIENCE_MS} ms`))),
    PATIENCE_MS,
  );
  return settle;
}

function reason(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}
