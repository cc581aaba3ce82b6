import session, { type SessionData } from "express-session";

export interface MemoryStoreOptions {
  /** Sessions kept at most; one more and the one unused for longest goes. */
  capacity: number;
  /** Milliseconds without a request after which a session is gone. */
  idleTimeout: number;
  /** Milliseconds since some fixed moment; the system's clock unless told otherwise. */
  now?: () => number;
}

interface Entry {
  json: string;
  expires: number;
}

/**
 * Sessions in the memory of this process, in bounded space: express-session's own MemoryStore keeps every
 * session for ever.
 *
 * Callbacks are called at once, so that between reading a session and writing it no other request of the same
 * session comes in: parallel visits are all counted.
 */
export class MemoryStore extends session.Store {
  // A Map keeps the order of insertion and every use inserts anew: the first entry is the one unused for longest.
  readonly #entries = new Map<string, Entry>();
  readonly #capacity: number;
  readonly #idleTimeout: number;
  readonly #now: () => number;

  constructor({ capacity, idleTimeout, now = Date.now }: MemoryStoreOptions) {
    super();
    this.#capacity = capacity;
    this.#idleTimeout = idleTimeout;
    this.#now = now;
  }

  /** Sessions in memory now. */
  get size(): number {
    return this.#entries.size;
  }

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    this.#dropExpired();
    const entry = this.#entries.get(sid);
    callback(null, entry ? (JSON.parse(entry.json) as SessionData) : null);
  }

  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    this.#dropExpired();
    this.#put(sid, JSON.stringify(data));
    if (this.#entries.size > this.#capacity) this.#dropFirst();
    callback?.();
  }

  override touch(sid: string, _data: SessionData, callback?: () => void): void {
    this.#dropExpired();
    const entry = this.#entries.get(sid);
    if (entry) this.#put(sid, entry.json);
    callback?.();
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#entries.delete(sid);
    callback?.();
  }

  #put(sid: string, json: string): void {
    this.#entries.delete(sid);
    this.#entries.set(sid, { json, expires: this.#now() + this.#idleTimeout });
  }

  #dropExpired(): void {
    const now = this.#now();
    for (const [sid, entry] of this.#entries) {
      if (entry.expires > now) return;
      this.#entries.delete(sid);
    }
  }

  #dropFirst(): void {
    for (const sid of this.#entries.keys()) {
      this.#entries.delete(sid);
      return;
    }
  }
}
