import { randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { http1, STICKY_HOST } from "../support/client.ts";
import { tick } from "./clock.ts";
import { PATIENCE_MS, type Gateway, type Gateways } from "./gateways.ts";
import { ONCE, type Ledger } from "./ledger.ts";
import { Session } from "./session.ts";

export interface TrafficOptions {
  sessions: number;
  /** Requests under way at a time. */
  lanes: number;
  /** Milliseconds between an answer and the next request of a lane. */
  pause: number;
  gateways: Gateways;
  ledger: Ledger;
  /** Default the host with affinity. */
  host?: string;
}

/** Of 16 requests these are something else than a visit (GET); the pod answers them with its name. */
const OTHERS = ["POST", "POST", "PATCH", "PUT"];
const REQUESTS = 16;
// Behind a load balancer that knows nothing of sessions, one connection in so many ends up at another gateway.
const WANDERS_ONE_IN = 4;

interface Wait {
  what: string;
  isOver(): boolean;
  resolve(): void;
  reject(error: Error): void;
}

interface Round {
  since: number;
  missing: Set<Session>;
}

/** Clients that visit one after another, in an order that is new each time, for as long as it takes. */
export class Traffic {
  readonly sessions: Session[];
  /** Affinity cookies that came, whatever they say. */
  setCookies = 0;
  readonly #options: TrafficOptions;
  #deck: Session[] = [];
  readonly #lanes: Promise<void>[] = [];
  #answered = 0;
  #isEnding = false;
  #error: Error | undefined;
  readonly #waits = new Set<Wait>();
  readonly #rounds = new Set<Round>();

  constructor(options: TrafficOptions) {
    if (options.sessions <= 2 * options.lanes) throw new Error("there must be more sessions than lanes");
    this.#options = options;
    this.sessions = Array.from({ length: options.sessions }, () => new Session(this.#anyGateway()));
  }

  /** Sends so many requests at a time; called again, twice as many. */
  start(): void {
    for (let lane = 0; lane < this.#options.lanes; lane++) this.#lanes.push(this.#lane());
  }

  /** Sends no more, and waits for what is under way. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#lanes);
    if (this.#error !== undefined) throw this.#error;
  }

  /** After a failure: breaks off what is under way. */
  async close(): Promise<void> {
    this.#isEnding = true;
    for (const { agent } of this.#options.gateways.all) agent.destroy();
    await Promise.all(this.#lanes);
  }

  /** Clients who have not been here before; they come before others do. */
  join(count: number): Session[] {
    const newcomers = Array.from({ length: count }, () => new Session(this.#anyGateway()));
    this.sessions.push(...newcomers);
    this.#deck.push(...newcomers);
    return newcomers;
  }

  /** Waits until so many more requests have been answered by a pod. */
  requests(count: number): Promise<void> {
    const target = this.#answered + count;
    return this.until(`${count} requests are answered`, () => this.#answered >= target);
  }

  /** Waits until a pod has answered each session a request that was sent after this call. */
  async round(): Promise<void> {
    const round = { since: tick(), missing: new Set(this.sessions) };
    this.#rounds.add(round);
    await this.until("every session is answered", () => round.missing.size === 0);
    this.#rounds.delete(round);
  }

  /** Waits until it is so after some request. */
  until(what: string, isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const wait = { what, isOver, resolve, reject };
      this.#waits.add(wait);
      const late = globalThis.setTimeout(
        () => reject(new Error(`${what}: not so within ${PATIENCE_MS} ms; ${this.#answered} answered`)),
        PATIENCE_MS,
      );
      const over = (): void => {
        clearTimeout(late);
        this.#waits.delete(wait);
      };
      wait.resolve = () => (over(), resolve());
      wait.reject = (error) => (over(), reject(error));
      this.#look();
    });
  }

  /** One visit of a session, when all others are over. */
  async mark(gateway: Gateway): Promise<void> {
    const session = this.sessions.find(({ token }) => token !== undefined)!;
    session.gateway = gateway;
    await this.#send(session, "GET");
  }

  async #lane(): Promise<void> {
    try {
      while (!this.#isEnding) {
        await this.#visit(this.#next());
        await setTimeout(this.#options.pause);
      }
    } catch (error) {
      this.#error = error as Error;
      this.#isEnding = true;
      this.#look();
    }
  }

  /** One that waits for nothing; there are always some, as there are more sessions than lanes. */
  #next(): Session {
    for (;;) {
      for (let drawn = this.#deck.length; drawn > 0; drawn--) {
        const session = this.#deck.pop()!;
        if (!session.isBusy) return session;
        // Its turn comes when its request is over.
        this.#deck.unshift(session);
      }
      this.#deck = shuffled(this.sessions);
    }
  }

  async #visit(session: Session): Promise<void> {
    session.isBusy = true;
    const since = tick();
    if (randomInt(WANDERS_ONE_IN) === 0) session.gateway = this.#anyGateway();
    const method = OTHERS[randomInt(REQUESTS)] ?? "GET";
    try {
      if (!(await this.#send(session, method))) return;
    } finally {
      session.isBusy = false;
      this.#look();
    }
    this.#answered++;
    for (const round of this.#rounds) if (round.since < since) round.missing.delete(session);
    this.#look();
  }

  /** Sends a request, and again to the next gateway where one does not answer and the method allows it. */
  async #send(session: Session, method: string): Promise<boolean> {
    const { gateways, ledger, host = STICKY_HOST } = this.#options;
    const path = method === "GET" ? "/" : "/healthz";
    const body = method === "GET" ? {} : { body: "some bytes" };
    // Each may be down or close a kept connection once; more is a fault.
    for (let attempt = 0; attempt < 2 * gateways.all.length + 1; attempt++) {
      const { gateway } = session;
      const cookie = session.jar.header(host, path);
      const sent = ledger.sent(session, gateway, method);
      try {
        const answer = await http1(gateway.envoy.port, {
          host,
          path,
          method,
          agent: gateway.agent,
          patience: PATIENCE_MS,
          ...(cookie === undefined ? {} : { cookie }),
          ...body,
        });
        this.setCookies += answer.setCookie.filter((line) => line.startsWith("affinity=")).length;
        session.jar.keep(answer.setCookie, host, path);
        return ledger.answered(sent, answer);
      } catch (error) {
        if (!isBrokenConnection(error)) throw error;
        ledger.unanswered(sent, error, error.reused);
        if (ONCE.has(method)) return false;
        session.gateway = gateways.all[(gateways.all.indexOf(gateway) + 1) % gateways.all.length]!;
      }
    }
    ledger.unserved(method);
    return false;
  }

  #anyGateway(): Gateway {
    const { all } = this.#options.gateways;
    return all[randomInt(all.length)]!;
  }

  #look(): void {
    for (const wait of this.#waits) {
      if (this.#error !== undefined) wait.reject(this.#error);
      else if (wait.isOver()) wait.resolve();
    }
  }
}

function isBrokenConnection(error: unknown): error is Error & { reused: boolean } {
  return error instanceof Error && "reused" in error;
}

/** Fisher and Yates's. */
function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const at = randomInt(last + 1);
    [all[last], all[at]] = [all[at]!, all[last]!];
  }
  return all;
}
