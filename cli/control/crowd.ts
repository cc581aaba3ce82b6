import { randomInt } from "node:crypto";
import { Agent, request, type IncomingHttpHeaders } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { CookieJar } from "../cookie-jar.ts";

/** The gateway's hosts, by the names that the page has for them. */
export const HOSTS = { abc: "abc.sample.com", plain: "plain.sample.com", cache: "cache.sample.com" } as const;

export type HostName = keyof typeof HOSTS;

/** What became of a crowd's visits to one host. `pinned`, `new`, `moved` and `failed` add up to `visitors`. */
export interface HostReport {
  visitors: number;
  /** Met the same pod as on the visit before. */
  pinned: number;
  /** Had never been served at this host. */
  new: number;
  /** Met another pod than on the visit before. */
  moved: number;
  /** Had been served before, and yet their count began at 1 again. */
  lost: number;
  /** Got no page: no answer, or another status than 200. */
  failed: number;
  /** Visits that each pod served. */
  byPod: Record<string, number>;
}

export type CrowdReport = Record<HostName, HostReport>;

/** The largest crowd. */
export const MOST_VISITORS = 1000;

const AT_ONCE = 50;
// Longer than a gateway is away when it starts anew, and when it is told of a pod that has gone.
const PATIENCE_MS = 15_000;
const RETRY_MS = 100;

/** What one visitor knows of one host. */
interface Acquaintance {
  jar: CookieJar;
  /** The token, where it travels in a header. */
  token?: string;
  /** The pod of the last visit that was served. */
  pod?: string;
}

interface Visit {
  pod: string;
  count: number;
}

/** Visitors with cookies of their own for each host, who visit through the gateway like browsers. */
export class Crowd {
  readonly #port: number;
  readonly #tokenHeader: string | undefined;
  readonly #visitors: Record<HostName, Acquaintance>[] = [];

  /**
   * @param port the gateway's on 127.0.0.1
   * @param tokenHeader the header in which the filter's token travels both ways, instead of a cookie
   */
  constructor(port: number, tokenHeader?: string) {
    this.#port = port;
    this.#tokenHeader = tokenHeader;
  }

  /** Has the first `count` visitors (1 to 1000) visit each host once, at most 50 of them at a time. */
  async visit(count: number): Promise<CrowdReport> {
    while (this.#visitors.length < count)
      this.#visitors.push({
        abc: { jar: new CookieJar() },
        plain: { jar: new CookieJar() },
        cache: { jar: new CookieJar() },
      });
    const report: CrowdReport = { abc: noVisits(), plain: noVisits(), cache: noVisits() };
    const visits = (Object.keys(HOSTS) as HostName[]).flatMap((host) =>
      this.#visitors.slice(0, count).map((visitor) => ({ host, known: visitor[host] })),
    );
    // In the order of the time before everybody would meet the same pod again where pods take turns.
    shuffle(visits);
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
    const lane = async (): Promise<void> => {
      for (let next = visits.pop(); next !== undefined; next = visits.pop()) {
        record(report[next.host], next.known, await this.#visitOnce(agent, next.host, next.known));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
    } finally {
      agent.destroy();
    }
    return report;
  }

  /** One visit; undefined when it failed. A gateway that cannot be reached is asked again for a while. */
  async #visitOnce(agent: Agent, host: HostName, known: Acquaintance): Promise<Visit | undefined> {
    const headers: Record<string, string> = { host: HOSTS[host] };
    const cookie = known.jar.header(HOSTS[host], "/");
    if (cookie !== undefined) headers["cookie"] = cookie;
    if (this.#tokenHeader !== undefined && known.token !== undefined)
      headers[this.#tokenHeader] = known.token;
    const deadline = Date.now() + PATIENCE_MS;
    let answer = await ask(this.#port, agent, headers);
    while (answer === undefined && Date.now() < deadline) {
      await delay(RETRY_MS);
      answer = await ask(this.#port, agent, headers);
    }
    if (answer === undefined) return undefined;
    known.jar.keep(answer.headers["set-cookie"] ?? [], HOSTS[host], "/");
    const token = this.#tokenHeader === undefined ? undefined : answer.headers[this.#tokenHeader];
    if (typeof token === "string") known.token = token;
    const page = /^Hostname: ([a-z0-9.-]+)<br>\n(\d+)th time access\.\n$/.exec(answer.text);
    return answer.status === 200 && page ? { pod: page[1]!, count: Number(page[2]) } : undefined;
  }
}

/** Fisher and Yates's, in place. */
function shuffle(items: unknown[]): void {
  for (let last = items.length - 1; last > 0; last--) {
    const at = randomInt(last + 1);
    [items[last], items[at]] = [items[at], items[last]];
  }
}

function noVisits(): HostReport {
  return { visitors: 0, pinned: 0, new: 0, moved: 0, lost: 0, failed: 0, byPod: {} };
}

function record(report: HostReport, known: Acquaintance, visit: Visit | undefined): void {
  report.visitors++;
  if (visit === undefined) {
    report.failed++;
    return;
  }
  if (known.pod === undefined) report.new++;
  else if (known.pod === visit.pod) report.pinned++;
  else report.moved++;
  if (known.pod !== undefined && visit.count === 1) report.lost++;
  known.pod = visit.pod;
  report.byPod[visit.pod] = (report.byPod[visit.pod] ?? 0) + 1;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** One GET of `/`; undefined when the connection failed. */
function ask(port: number, agent: Agent, headers: Record<string, string>): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: "/", headers, agent, timeout: PATIENCE_MS };
    const sent = request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      answer.on("error", () => resolve(undefined));
    });
    sent.on("timeout", () => sent.destroy(new Error("timed out")));
    sent.on("error", () => resolve(undefined));
    sent.end();
  });
}
