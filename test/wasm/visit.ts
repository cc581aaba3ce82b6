import type { HeaderLines, HeaderMap } from "./headers.ts";
import type { LogLine, Root } from "./host.ts";

export const HOST_HEADER = "x-affinity-host";

export interface VisitOptions {
  /** The Cookie line, or several of them. */
  readonly cookie?: string | readonly string[];
  /** Who answers, `ip:port` as Envoy writes it; nobody does when left out: a local reply. */
  readonly host?: string;
  /** Envoy's `response.code_details`; `via_upstream` unless it is given. */
  readonly details?: string;
  /** Envoy's name of the cluster that the route chose, where it matters. */
  readonly cluster?: string;
  /** Whether stateful_session is off, as it is beside mode balanced: no response names its pod. */
  readonly unpinned?: boolean;
  /** How the client came, as Envoy says; http unless it is given. */
  readonly scheme?: "http" | "https";
  /** Further request headers, before the cookie. */
  readonly request?: HeaderLines;
  /** What the pod answers with. */
  readonly response?: HeaderLines;
}

export interface Visit {
  readonly requestHeaders: HeaderMap;
  readonly responseHeaders: HeaderMap;
  /** The endpoint that the filter asked for; null when it asked for none. */
  readonly asked: string | null;
  readonly setCookie: readonly string[];
  /** The host calls of the stream, of both its callbacks. */
  readonly calls: readonly string[];
  /** How often the route was chosen again. */
  readonly routeCacheClears: number;
  /** What was logged meanwhile. */
  readonly logs: readonly LogLine[];
}

/** One request and its response through the filter, with Envoy's stateful_session (header mode) behind it. */
export function visit(root: Root, options: VisitOptions = {}): Visit {
  const firstLog = root.vm.logs.length;
  const stream = root.stream();
  const cookies = typeof options.cookie === "string" ? [options.cookie] : (options.cookie ?? []);
  const cookieLines = cookies.map((line) => ["cookie", line] as const);
  if (options.cluster !== undefined) stream.properties["xds.cluster_name"] = options.cluster;
  const scheme = ["x-forwarded-proto", options.scheme ?? "http"] as const;
  const requestHeaders = stream.request([...REQUEST, scheme, ...(options.request ?? []), ...cookieLines]);
  const asked = requestHeaders.first(HOST_HEADER);
  stream.properties["response.code_details"] = options.details ?? "via_upstream";
  // Envoy has it for the pod that it tried last, too.
  if (options.host !== undefined) stream.properties["upstream.address"] = options.host;
  const response = options.response ?? [[":status", "200"]];
  const named = options.unpinned ? undefined : options.host;
  const responseHeaders = stream.respond(afterStatefulSession(asked, named, response));
  stream.close();
  return {
    requestHeaders,
    responseHeaders,
    asked: asked === null ? null : Buffer.from(asked, "base64").toString("latin1"),
    setCookie: responseHeaders.all("set-cookie"),
    calls: stream.calls,
    routeCacheClears: stream.routeCacheClears,
    logs: root.vm.logs.slice(firstLog),
  };
}

/** base64 of an endpoint, as the pinning header carries it in both directions. */
export function hostValue(endpoint: string): string {
  return Buffer.from(endpoint, "latin1").toString("base64");
}

/** The value of the cookie that a Set-Cookie line sets. */
export function cookieValue(line: string | undefined): string {
  const value = /^[^=]+=([^;]*)/.exec(line ?? "")?.[1];
  if (value === undefined) throw new Error(`Set-Cookie: ${line} sets no cookie`);
  return value;
}

const REQUEST: HeaderLines = [
  [":authority", "abc.sample.com"],
  [":path", "/"],
  [":method", "GET"],
];

/** The native filter names the host that answered in the response when it is not the one asked for. */
function afterStatefulSession(
  asked: string | null,
  host: string | undefined,
  lines: HeaderLines,
): HeaderLines {
  if (host === undefined || asked === hostValue(host)) return lines;
  return [...lines.filter(([name]) => name.toLowerCase() !== HOST_HEADER), [HOST_HEADER, hostValue(host)]];
}
