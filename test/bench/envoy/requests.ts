/** The bytes of the requests: of one kind they are the same for every chain. */
import { sealToken } from "../../../cli/token.ts";

/** Under which all tokens of the bench are sealed: the bytes 0 to 31, id 1. */
export const KEY = { id: 1, bytes: Buffer.from(Array.from({ length: 32 }, (_, i) => i)) };
export const SCOPE = "bench";

/** The cookies by which each chain finds its pod. Those who share a request need names of their own. */
export const COOKIES = {
  ours: "ours",
  balanced: "balanced",
  timeouts: "timeouts",
  native: "AFN",
  lua: "AFL",
  luaLean: "AFB",
  sdk: "AFS",
  /** Of `--compare`: a token bound to nothing, its scope and name empty, so that any program can open it. */
  compared: "affinity",
} as const;

/** What a client sends; those that say so are of clients on https, as a load balancer in front tells it. */
export type RequestKind =
  "pinned" | "pinned https" | "new" | "new https" | "re-pin" | "1 cookie" | "50 cookies" | "600 cookies";

/** A request with these headers, on a connection that stays open. */
export function requestBytes(headers: Readonly<Record<string, string>>, path = "/"): Buffer {
  const lines = [`GET ${path} HTTP/1.1`, "host: bench.example", "user-agent: bench", "accept: */*"];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** The headers that make a kind of request, which pins to this pod (`ip:port`). */
export function requestHeaders(kind: RequestKind, pod: string): Record<string, string> {
  const cookie = cookieHeader(kind, pod);
  // Envoy believes it: its listener has no use_remote_address.
  return isHttps(kind) ? { "x-forwarded-proto": "https", cookie } : { cookie };
}

export function isHttps(kind: RequestKind): boolean {
  return kind.endsWith("https");
}

function cookieHeader(kind: RequestKind, pod: string): string {
  switch (kind) {
    case "pinned":
      return allCookies(pod);
    case "pinned https":
      return allCookies(pod, { secure: true });
    case "new":
    case "new https":
      return "theme=dark; lang=en";
    case "re-pin":
      // Nothing of the cluster has this port.
      return allCookies("127.0.0.1:1");
    case "1 cookie":
      return ours(pod);
    case "50 cookies":
      return `${others(49)}; ${ours(pod)}`;
    case "600 cookies":
      return `${others(599)}; ${ours(pod)}`;
  }
}

/** How the cookie of a token was set. */
interface SetAs {
  secure?: boolean;
}

function allCookies(pod: string, setAs: SetAs = {}): string {
  const base64 = Buffer.from(pod).toString("base64");
  // The Cookie message of Envoy's stateful_session: field 1, a string, is the address.
  const message = Buffer.concat([Buffer.from([0x0a, pod.length]), Buffer.from(pod)]).toString("base64");
  return [
    "theme=dark",
    `${COOKIES.native}="${message}"`,
    `${COOKIES.lua}=${base64}`,
    `${COOKIES.luaLean}=${base64}`,
    `${COOKIES.sdk}=${base64}`,
    `${COOKIES.compared}=${token(pod, "", {}, "")}`,
    `${COOKIES.balanced}=${token("", COOKIES.balanced, setAs)}`,
    `${COOKIES.timeouts}=${token(pod, COOKIES.timeouts, setAs)}`,
    ours(pod, setAs),
  ].join("; ");
}

function ours(pod: string, setAs: SetAs = {}): string {
  return `${COOKIES.ours}=${token(pod, COOKIES.ours, setAs)}`;
}

function token(endpoint: string, sessionName: string, setAs: SetAs, scope = SCOPE): string {
  const now = Math.floor(Date.now() / 1000);
  const fields = { issued: now, seen: now, session: 0x1122334455667788n, endpoint, ...setAs };
  return sealToken(fields, KEY, { scope, sessionName });
}

/** So many cookies that are none of ours, of 23 characters each at least. */
function others(count: number): string {
  return Array.from({ length: count }, (_, i) => `_ga_${i}=GS1.1.${"0123456789"}`).join("; ");
}
