import { openToken, type TokenKey } from "../../cli/token.ts";
import type { Answer } from "../support/client.ts";
import { binding } from "../support/gateway.ts";
import { tick, type Window } from "./clock.ts";
import type { Fleet, PodLife } from "./fleet.ts";
import type { Gateway, GatewayLife } from "./gateways.ts";
import type { Home, Session } from "./session.ts";
import type { Cause, Failure } from "./tally.ts";

/** Methods that the gateway, and a client, never send a second time once a pod may have seen them. */
export const ONCE: ReadonlySet<string> = new Set(["POST", "PATCH", "LOCK"]);

const AFFINITY = new RegExp(`^${binding.sessionName}=([^;]*)`);
// What the application answers to a visit, and at /healthz.
const VISIT = /^Hostname: (\S+)<br>\n(\d+)th time access\.\n$/;
const HEALTH = /^(\S+)\n$/;
const MOST_COMPLAINTS = 20;

/** A request on its way. */
export interface Sent {
  session: Session;
  gateway: Gateway;
  life: GatewayLife;
  method: string;
  /** Whether it carried a cookie that names a pod. */
  hadToken: boolean;
  at: number;
}

/**
 * Judges what clients see, from what the test did to pods and gateways and from nothing that the gateways say.
 *
 * A session **moves** when another pod answers than the one that served it last. It may when that one lived no more at some
 * moment between the request and its answer. It is **lost** when it begins anew although its pod lives: the gateway takes it
 * for a new client, or the pod counts its visits from 1.
 */
export class Ledger {
  readonly #fleet: Fleet;
  readonly #keys: readonly TokenKey[];
  /** Sessions that moved, and of these those whose pod lived. */
  moved = 0;
  movedThoughAlive = 0;
  lost = 0;
  /** Answers whose count is not what the client sent to this pod. */
  miscounted = 0;
  /** Sessions whose pod ended, or that moved as it was held; and of these those that its successor at that address has now. */
  displaced = 0;
  stayed = 0;
  /** Requests that a client might send again, and that no gateway answered. */
  unservedRequests = 0;
  /** What happened that must not, the first of it in words. */
  readonly complaints: string[] = [];

  /** @param keys all that gateways seal under */
  constructor(fleet: Fleet, keys: readonly TokenKey[]) {
    this.#fleet = fleet;
    this.#keys = keys;
  }

  sent(session: Session, gateway: Gateway, method: string): Sent {
    const { life } = gateway;
    life.tally.sent++;
    return { session, gateway, life, method, hadToken: session.token !== undefined, at: tick() };
  }

  /** The connection broke, or there was none; `isReused` if it had served a request before. */
  unanswered(sent: Sent, error: Error, isReused: boolean): Failure {
    const { gateway } = sent;
    const time = { from: sent.at, to: tick() };
    if (gateway.wasDown(time)) return this.#failed(sent, "gateway");
    if (isReused && gateway.wasReloading(time)) return this.#failed(sent, "closed");
    this.complain(`${sent.method} to ${gateway.name}: no answer (${error.message})`);
    return this.#failed(sent, "retryable");
  }

  /** An answer came; true when it is a pod's. */
  answered(sent: Sent, answer: Answer): boolean {
    const { life, session } = sent;
    const time = { from: sent.at, to: tick() };
    if (answer.status !== 200) {
      this.#refused(sent, answer, time);
      return false;
    }
    life.tally.answered++;
    if (sent.hadToken) life.tally.resumed++;
    this.#keep(sent, answer);
    const visit = VISIT.exec(answer.body);
    const name = visit?.[1] ?? HEALTH.exec(answer.body)?.[1] ?? "";
    const pod = this.#fleet.lifeOf(name, sent.at);
    if (pod === undefined) this.#misses(`answered by "${answer.body}", which is no pod that was up`);
    else this.#settle(session, pod, time, visit === null ? undefined : Number(visit[2]));
    return true;
  }

  /** No gateway answered a request that the client may send again and again. */
  unserved(method: string): void {
    this.unservedRequests++;
    this.complain(`${method}: answered by none of the gateways`);
  }

  /** Notes which sessions a pod that ends takes with it. */
  ended(life: PodLife, sessions: readonly Session[]): void {
    for (const { home } of sessions) if (home?.life === life) this.#displace(home);
  }

  complain(what: string): void {
    if (this.complaints.length < MOST_COMPLAINTS) this.complaints.push(what);
  }

  #refused(sent: Sent, { status, setCookie, body }: Answer, time: Window): void {
    const { gateway, life, method, hadToken } = sent;
    if (hadToken) life.tally.resumed++;
    if (setCookie.length > 0) this.#misses(`${status} with ${setCookie.join()}`);
    if (status === 503 && gateway.wasTrapped(time)) {
      // Whether the filter of before saw it is not known to the client.
      if (hadToken) life.tally.resumed--;
      this.#failed(sent, "trap");
    } else if (status === 503 && ONCE.has(method) && this.#fleet.mayBreak(time)) this.#failed(sent, "once");
    else {
      this.complain(`${method} to ${gateway.name}: ${status} ${body.trim()}`);
      this.#failed(sent, "retryable");
    }
  }

  #failed({ life: { tally }, session, method }: Sent, failure: Failure): Failure {
    tally.failed[failure]++;
    // A pod may have counted the visit all the same.
    if (session.home !== undefined && method === "GET") session.home.doubt++;
    return failure;
  }

  /** Takes note of the affinity cookie of an answer, if it has one. */
  #keep({ session, life: { tally } }: Sent, { setCookie }: Answer): void {
    const values = setCookie.flatMap((line) => AFFINITY.exec(line)?.[1] ?? []);
    if (values.length > 1) this.#misses(`${values.length} affinity cookies in one answer`);
    const [value] = values;
    if (value === undefined) return;
    const token = openToken(value, this.#keys, binding);
    if (token === null) return this.#misses(`affinity=${value} opens under none of the keys`);
    const cause = causeOf(session, token);
    tally.cookies[cause]++;
    if (cause === "lost") this.#loses(session, "another session than the client had");
    session.token = token;
  }

  /** The session is at this pod now, which has counted so many visits; undefined where it did not say. */
  #settle(session: Session, life: PodLife, time: Window, count: number | undefined): void {
    let { home } = session;
    if (home?.life !== life) {
      if (home !== undefined) this.#leaves(home, life, time);
      home = { life, count: 0, doubt: 0, isDisplaced: false };
      session.home = home;
      // It came when the end had begun.
      if (life.hasEnded) this.#displace(home);
    }
    if (session.token?.endpoint !== life.endpoint)
      this.#misses(`${life.name} at ${life.endpoint} answered; the cookie says ${session.token?.endpoint}`);
    if (count === undefined) return;
    if (count <= home.count || count > home.count + 1 + home.doubt) {
      if (count === 1) this.#loses(session, `${life.name} counts from 1 after ${home.count}`);
      else this.#misses(`${life.name} counts ${count} after ${home.count}, ${home.doubt} unanswered`);
    }
    home.count = count;
    home.doubt = 0;
  }

  /** The session has another home from now on. */
  #leaves(home: Home, to: PodLife, time: Window): void {
    const isSameName = home.life.name === to.name;
    if (isSameName) this.stayed++;
    else this.moved++;
    const lived = home.life.livedThrough(time);
    if (lived) {
      this.movedThoughAlive++;
      this.complain(`${home.life.name} lives, and its session moved to ${to.name}`);
    } else this.#displace(home);
  }

  #displace(home: Home): void {
    if (home.isDisplaced) return;
    home.isDisplaced = true;
    this.displaced++;
  }

  #loses({ home }: Session, why: string): void {
    this.lost++;
    this.complain(`a session of ${home?.life.name ?? "no pod yet"} is lost: ${why}`);
  }

  #misses(why: string): void {
    this.miscounted++;
    this.complain(why);
  }
}

function causeOf({ token: had }: Session, token: { session: bigint; endpoint: string }): Cause {
  if (had === undefined) return "created";
  if (had.session !== token.session) return "lost";
  return had.endpoint === token.endpoint ? "renewed" : "repinned";
}
