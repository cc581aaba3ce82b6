import { endpointBytes } from "../../cli/endpoint.ts";
import { openToken, type OpenedToken } from "../../cli/token.ts";
import type { HeaderLines } from "./headers.ts";
import type { Policy } from "./fuzz-policy.ts";

/**
 * What the filter has to do, written from the README alone and with Node's crypto: what a request has to look like when
 * it goes on to Envoy, and which token a response has to set.
 */

/** README, "What happens when": the first four cookies of the name are tried. */
const MAX_TRIED = 4;
const MAX_U32 = 0xffffffff;
/** A form byte, an IPv6 address, a port. */
const MAX_ADDRESS = 1 + 16 + 2;
/** Where a browser's version is looked for. */
const MAX_USER_AGENT = 512;

/** What was found on a request, as far as its response depends on it. */
export interface Session {
  readonly opened: OpenedToken | null;
  /** The number that a newcomer was given on the request already (mode balanced). */
  drawn: bigint | null;
  /** Why the token is to be written anew: it is due, or its cluster is none of the policy's. */
  readonly renewal: "due" | "homeless" | null;
  readonly secure: boolean;
  readonly misreadsNone: boolean;
  readonly explained: boolean;
}

export const NO_SESSION: Session = {
  opened: null,
  drawn: null,
  renewal: null,
  secure: false,
  misreadsNone: false,
  explained: false,
};

/** Of the headers that the filter owns, each with the lines that it has to have; `null` for any session's number. */
export interface RequestPlan {
  readonly headers: Map<string, readonly string[] | null>;
  readonly session: Session;
  readonly event: "resumed" | "expired" | "rejected" | null;
}

/** The token that a response has to set, and what stands around it in Set-Cookie. */
export interface ResponsePlan {
  readonly event: "created" | "repinned" | "renewed";
  readonly endpoint: string;
  readonly issued: number;
  /** Null: any but zero. */
  readonly session: bigint | null;
  readonly cluster: number | undefined;
  readonly secure: boolean;
  readonly attributes: string;
}

export class Model {
  readonly policy: Policy;
  readonly #opened = new Map<string, OpenedToken | null>();
  readonly #crcs = new Map<number, string>();

  constructor(policy: Policy) {
    this.policy = policy;
    for (const name of policy.cluster?.names ?? []) this.#crcs.set(crc32(name), name);
  }

  /** What a value says under this policy, whether or not it is in time. */
  open(value: string): OpenedToken | null {
    let token = this.#opened.get(value);
    if (token === undefined) {
      if (this.#opened.size > 20_000) this.#opened.clear();
      token = openToken(value, this.policy.keys, this.policy);
      if (value.length < 500) this.#opened.set(value, token);
    }
    return token;
  }

  isOver({ issued, seen }: OpenedToken, now: number): boolean {
    const { absolute, idle } = this.policy;
    return (absolute > 0 && now - issued >= absolute) || (idle > 0 && now - seen >= idle);
  }

  request(lines: HeaderLines, now: number): RequestPlan {
    const { policy } = this;
    const all = (name: string): string[] =>
      lines.filter(([other]) => other === name).map(([, value]) => value);
    const values = policy.inHeader
      ? all(policy.sessionName).slice(0, 1)
      : cookieValues(all("cookie"), policy.sessionName);
    let opened: OpenedToken | null = null;
    let expired = false;
    for (const value of values.slice(0, MAX_TRIED)) {
      const token = this.open(value);
      if (token === null) continue;
      if (this.isOver(token, now)) {
        expired = true;
      } else {
        opened = token;
        break;
      }
    }
    const session: Session = {
      opened,
      drawn: null,
      renewal: opened === null ? null : this.#renewal(opened, now),
      secure: this.#isSecure(opened, now, all("x-forwarded-proto")[0] === "https"),
      misreadsNone: misreadsSameSiteNone((all("user-agent")[0] ?? "").slice(0, MAX_USER_AGENT)),
      explained: policy.debug !== null && all(policy.debug.header)[0] === policy.debug.secret,
    };
    const refused = expired ? "expired" : values.length > 0 ? "rejected" : null;
    const event = opened !== null ? "resumed" : refused;
    return { headers: this.#requestHeaders(all, opened), session, event };
  }

  /** Whether with auto the cookie that the response may set is Secure: as the one that there is, until it is renewed. */
  #isSecure(opened: OpenedToken | null, now: number, https: boolean): boolean {
    const kept = opened !== null && this.#renewal(opened, now) === null;
    return opened?.secure === true || (!kept && https);
  }

  #requestHeaders(
    all: (name: string) => string[],
    opened: OpenedToken | null,
  ): Map<string, readonly string[] | null> {
    const { policy } = this;
    const headers = new Map<string, readonly string[] | null>();
    const pod = policy.balanced ? "" : (opened?.endpoint ?? "");
    headers.set(policy.hostHeader, pod === "" ? [] : [Buffer.from(pod, "latin1").toString("base64")]);
    if (policy.keyHeader !== "") {
      const number = opened?.session ?? 0n;
      const known = number === 0n ? [] : [number.toString(16).padStart(16, "0")];
      headers.set(policy.keyHeader, opened === null && policy.balanced ? null : known);
    }
    if (policy.cluster !== null) {
      const { header, names } = policy.cluster;
      const name = opened?.cluster === undefined ? names[0] : this.#crcs.get(opened.cluster);
      headers.set(header, opened === null || name === undefined ? [] : [name]);
    }
    if (policy.debug !== null) headers.set(policy.debug.header, []);
    if (policy.strip && policy.inHeader) headers.set(policy.sessionName, []);
    if (policy.strip && !policy.inHeader)
      headers.set("cookie", withoutCookies(all("cookie"), policy.sessionName));
    return headers;
  }

  #renewal({ keyId, seen, cluster }: OpenedToken, now: number): Session["renewal"] {
    const { idle, keys } = this.policy;
    if (keyId !== keys[0]!.id) return "due";
    if (idle > 0 && now - seen >= Math.max(1, Math.floor(idle / 10))) return "due";
    return this.policy.cluster !== null && cluster !== undefined && !this.#crcs.has(cluster)
      ? "homeless"
      : null;
  }

  /** The token that the response has to set; null for none. */
  response(
    session: Session,
    lines: HeaderLines,
    properties: Readonly<Record<string, string>>,
    now: number,
  ): ResponsePlan | null {
    const { policy } = this;
    const details = properties["response.code_details"];
    const answered = details === undefined || details === "via_upstream";
    const change = answered ? this.#change(session, lines, properties) : null;
    const gone = details === "no_healthy_upstream" || details === "cluster_not_found";
    const letsGo = session.opened !== null && policy.cluster !== null && !policy.keep && gone;
    if (change === null && !letsGo) return null;
    const number = session.opened === null ? session.drawn : session.opened.session;
    const issued = session.opened?.issued ?? now;
    const cluster = letsGo ? 0 : crc32(properties["xds.cluster_name"] ?? "");
    return {
      event: change?.event ?? "repinned",
      endpoint: change?.endpoint ?? this.#remembered(session) ?? "",
      issued,
      session: number === 0n ? null : number,
      secure: !policy.inHeader && this.#secure(session),
      cluster: policy.cluster === null ? undefined : cluster,
      attributes: this.#attributes(session, issued, now),
    };
  }

  /** Why a token is due when a pod has answered, and which pod goes into it. */
  #change(
    session: Session,
    lines: HeaderLines,
    properties: Readonly<Record<string, string>>,
  ): { event: ResponsePlan["event"]; endpoint: string } | null {
    const { policy } = this;
    const serving = properties["xds.cluster_name"];
    // Of a cluster that is none of the policy's there would be nothing new to tell.
    const homeless =
      session.renewal === "homeless" && serving !== undefined && this.#crcs.has(crc32(serving));
    const renewed = session.renewal === "due" || homeless;
    if (policy.balanced) {
      if (session.opened !== null && !renewed) return null;
      return { event: session.opened === null ? "created" : "renewed", endpoint: "" };
    }
    const named = lines.find(([name]) => name === policy.hostHeader)?.[1];
    if (named !== undefined) {
      const bytes = Buffer.from(named, "base64");
      if (bytes.toString("base64") !== named || bytes.length === 0 || bytes.length > 255) return null;
      if (session.opened !== null && policy.keep && !homeless) {
        const endpoint = this.#remembered(session);
        return renewed && endpoint !== null ? { event: "renewed", endpoint } : null;
      }
      return { event: session.opened === null ? "created" : "repinned", endpoint: bytes.toString("latin1") };
    }
    const address = Buffer.from(properties["upstream.address"] ?? "").toString("latin1");
    if (!renewed || address === "" || endpointBytes(address) === null) return null;
    return { event: "renewed", endpoint: address };
  }

  /** The pod of the request's token, as far as it is kept until the response: an address is, a long text is not. */
  #remembered({ opened }: Session): string | null {
    if (opened === null || this.policy.balanced) return null;
    return endpointBytes(opened.endpoint)!.length <= MAX_ADDRESS ? opened.endpoint : null;
  }

  #secure(session: Session): boolean {
    const { secure } = this.policy.cookie;
    return secure === "auto" ? session.secure : secure;
  }

  #attributes(session: Session, issued: number, now: number): string {
    const { cookie, absolute, idle } = this.policy;
    const secure = this.#secure(session);
    const misread = cookie.conditionalSameSiteNone && session.misreadsNone;
    const omitted = cookie.sameSite === "" || (cookie.sameSite === "None" && (!secure || misread));
    let text = "";
    if (cookie.permanent) {
      const rest = absolute === 0 ? Infinity : Math.max(0, absolute - Math.max(0, now - issued));
      const left = Math.min(rest, idle === 0 ? Infinity : idle);
      // Unix times in tokens have 32 bits, so no lifetime ends later.
      text += `; Expires=${new Date(Math.min(now + left, MAX_U32) * 1000).toUTCString()}; Max-Age=${left}`;
    }
    if (cookie.domain !== "") text += `; Domain=${cookie.domain}`;
    text += `; Path=${cookie.path}`;
    if (secure) text += "; Secure";
    if (cookie.httpOnly) text += "; HttpOnly";
    if (!omitted) text += `; SameSite=${cookie.sameSite}`;
    if (cookie.partitioned && secure) text += "; Partitioned";
    return text;
  }
}

/** RFC 6265, section 4.2.1, as servers read it: blanks around name and value and one pair of quotes are no part of it. */
export function cookieValues(lines: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (const line of lines) {
    if (!line.includes(name)) continue;
    for (const pair of line.split(";")) {
      if (!isCookie(pair, name)) continue;
      const value = trimBlanks(pair.slice(pair.indexOf("=") + 1));
      const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
      values.push(isQuoted ? value.slice(1, -1) : value);
    }
  }
  return values;
}

/** The Cookie lines without the cookies of that name: as they were when they have none, else one line or none. */
export function withoutCookies(lines: readonly string[], name: string): readonly string[] {
  if (cookieValues(lines, name).length === 0) return lines;
  const left = lines.map((line) => lineWithoutCookies(line, name)).filter((line) => line !== "");
  return left.length === 0 ? [] : [left.join("; ")];
}

/** A cookie goes with the ";" and the blanks behind it; the last one with those before it. */
function lineWithoutCookies(line: string, name: string): string {
  const left: string[] = [];
  let blanksBefore: string | null = null;
  for (const pair of line.split(";")) {
    const text: string = blanksBefore === null ? pair : blanksBefore + pair.replace(/^[ \t]+/, "");
    blanksBefore = isCookie(text, name) ? /^[ \t]*/.exec(text)![0] : null;
    if (blanksBefore === null) left.push(text);
  }
  return left.join(";");
}

function isCookie(pair: string, name: string): boolean {
  const equals = pair.indexOf("=");
  return equals > 0 && trimBlanks(pair.slice(0, equals)) === name;
}

function trimBlanks(text: string): string {
  const isBlank = (at: number): boolean => text[at] === " " || text[at] === "\t";
  let [start, end] = [0, text.length];
  while (start < end && isBlank(start)) start++;
  while (start < end && isBlank(end - 1)) end--;
  return text.slice(start, end);
}

/** Chrome 4 to 6 and 40 to 69, iOS 12, Safari on macOS 10.14: they take `None` for `Strict`, or drop the cookie. */
function misreadsSameSiteNone(userAgent: string): boolean {
  if (/Chrome\/[456][0-9]?(?![0-9])|(?:CPU iPhone OS|iPad; CPU OS) 12(?![0-9])/.test(userAgent)) return true;
  const mojave = /Macintosh/.test(userAgent) && /Intel Mac OS X 10_14(?![0-9])/.test(userAgent);
  return mojave && userAgent.includes("Safari") && !userAgent.includes("Chrome");
}

/** CRC-32 of IEEE 802.3, of a text's UTF-8. */
export function crc32(text: string): number {
  let crc = MAX_U32;
  for (const byte of Buffer.from(text)) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
