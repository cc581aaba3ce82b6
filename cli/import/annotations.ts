/**
 * Every annotation of ingress-nginx's session affinity, and those that decide what is made of it: how its values are read,
 * what stands in for it, and what becomes of it. The report and the table in docs/migration.md come from here; sources
 * are internal/ingress/annotations/{sessionaffinity,canary,alias,rewrite}/main.go of ingress-nginx 1.15.
 */
import type { Outcome } from "./emit.ts";
import * as values from "./values.ts";

export const PREFIX = "nginx.ingress.kubernetes.io/";

/** When an annotation counts: `cookie` beside affinity alone, `canary` on an Ingress with canary: "true" alone. */
export type Group = "affinity" | "cookie" | "canary" | "canary-affinity" | "host" | "backend" | "none";

export interface Annotation<T> {
  readonly group: Group;
  /** What ingress-nginx takes, in Markdown. */
  readonly takes: string;
  /** What holds without it, in Markdown. */
  readonly default: string;
  readonly outcome: Outcome;
  /** What becomes of it; a sentence without its point, as in a note. */
  readonly becomes: string;
  readonly parse: (value: string) => values.Parsed<T>;
}

/** Of a flag that does nothing when it is false. */
function flagOrNothing(value: string): values.Parsed<boolean> {
  const parsed = values.flag(value);
  return "value" in parsed && !parsed.value ? { ...parsed, text: "as without it" } : parsed;
}

const BOOLEAN = "`true` or `false` (or `1`, `t`, `0`, `f`)";

function row<T>(
  group: Group,
  takes: string,
  absent: string,
  outcome: Outcome,
  becomes: string,
  parse: (value: string) => values.Parsed<T>,
): Annotation<T> {
  return { group, takes, default: absent, outcome, becomes, parse };
}

export const annotations = {
  affinity: row(
    "affinity",
    "`cookie`",
    "no affinity",
    "converted",
    "a policy of the filter for each Service that the Ingress's paths lead to",
    values.oneOf("cookie"),
  ),
  "affinity-mode": row(
    "affinity",
    "`balanced` or `persistent`",
    "`balanced`",
    "converted",
    "mode persistent: the cookie names its pod, and no session moves while that pod is there; what was balanced is so too unless --keep-balanced is given",
    (value) => {
      const parsed = values.oneOf("balanced", "persistent")(value);
      return "value" in parsed && parsed.value === "balanced"
        ? { ...parsed, outcome: "different", text: BALANCED }
        : parsed;
    },
  ),
  "affinity-canary-behavior": row(
    "canary-affinity",
    "`sticky` or `legacy`",
    "`sticky`",
    "converted",
    "with sticky whoever has been at the canary stays there; with legacy the canary's visitors are drawn each time",
    values.oneOf("sticky", "legacy"),
  ),
  "session-cookie-name": row(
    "cookie",
    "letters, digits and `/-._~:`",
    "`INGRESSCOOKIE`",
    "converted",
    "the new cookie is named NAME-affinity (affinity without the annotation), so that both gateways can serve one browser; NAME itself with --same-name",
    values.charsOf(values.BASIC, "letters, digits and /-._~:"),
  ),
  "session-cookie-path": row(
    "cookie",
    "letters, digits and `/-._~:,?&=`",
    "the path that matched",
    "converted",
    "the cookie's path",
    values.charsOf(values.URL_CHARS, "letters, digits and /-._~:,?&="),
  ),
  "session-cookie-domain": row(
    "cookie",
    "letters, digits and `/-._~:`",
    "the host alone",
    "converted",
    "the cookie's domain",
    values.charsOf(values.BASIC, "letters, digits and /-._~:"),
  ),
  "session-cookie-expires": row(
    "cookie",
    "seconds, a whole number",
    "ends with the browser",
    "converted",
    "the cookie's Expires and Max-Age, and the session's end, which the gateway holds clients to; session-cookie-max-age comes before it, as it does in browsers",
    values.seconds("a request that was to get the cookie got 500, or an Expires of chance"),
  ),
  "session-cookie-max-age": row(
    "cookie",
    "seconds, a whole number",
    "ends with the browser",
    "converted",
    "the cookie's Expires and Max-Age, and the session's end, which the gateway holds clients to",
    values.seconds("the cookie got no Max-Age, or one of chance"),
  ),
  "session-cookie-secure": row(
    "cookie",
    BOOLEAN,
    "Secure when the client came by https",
    "converted",
    "with true always Secure; with false still Secure on https, as ingress-nginx has it",
    values.flag,
  ),
  "session-cookie-samesite": row(
    "cookie",
    "`Strict`, `Lax` or `None`",
    "no SameSite",
    "converted",
    "the cookie's SameSite; None is left out on plain http, where browsers would drop the cookie",
    values.sameSite,
  ),
  "session-cookie-conditional-samesite-none": row(
    "cookie",
    BOOLEAN,
    "`false`",
    "converted",
    "None is left out for the browsers that misread it",
    flagOrNothing,
  ),
  "session-cookie-partitioned": row(
    "cookie",
    BOOLEAN,
    "`false`",
    "converted",
    "the cookie is Partitioned where it is Secure; browsers drop it elsewhere",
    flagOrNothing,
  ),
  "session-cookie-change-on-failure": row(
    "cookie",
    BOOLEAN,
    "`false` in ingress-nginx, `true` now",
    "converted",
    "with true a client whose pod refuses connections is served by another at once; with false it is answered 503 and keeps its cookie, where the gateway can do so",
    values.flag,
  ),
  "session-cookie-hash": row(
    "none",
    "anything",
    "",
    "untouched",
    "nothing: a relic that ingress-nginx does not look at",
    values.anything,
  ),
  canary: row(
    "host",
    BOOLEAN,
    "`false`",
    "converted",
    "the Ingress's Services are second versions, at the same paths, of those that another Ingress has there",
    flagOrNothing,
  ),
  "canary-weight": row(
    "canary",
    "a whole number",
    "`0`",
    "converted",
    "so many newcomers of canary-weight-total go to the canary",
    values.integer,
  ),
  "canary-weight-total": row(
    "canary",
    "a whole number",
    "`100`",
    "converted",
    "what canary-weight is a part of; less than 100 counts as 100, as in ingress-nginx",
    values.integer,
  ),
  "canary-by-header": row(
    "canary",
    "letters, digits and `/-._~:`",
    "no header",
    "converted",
    "a request whose header says always goes to the canary, never to the first version",
    values.charsOf(values.BASIC, "letters, digits and /-._~:"),
  ),
  "canary-by-header-value": row(
    "canary",
    "letters, digits and `/-._~:`",
    "`always` and `never`",
    "converted",
    "a request whose header says this goes to the canary",
    values.charsOf(values.BASIC, "letters, digits and /-._~:"),
  ),
  "canary-by-header-pattern": row(
    "canary",
    "a regular expression (PCRE)",
    "`always` and `never`",
    "converted",
    "a request whose header matches goes to the canary, if Envoy's regular expressions (RE2) can say it",
    (value) => {
      const parsed = values.charsOf(values.REGEX_CHARS, "letters, digits and -._~/:^$[](){}*+?|&=\\")(value);
      if ("wrong" in parsed || value.includes(" "))
        return "wrong" in parsed ? parsed : { wrong: "has a blank" };
      return values.isRegex(parsed.value) ? parsed : { wrong: "a regular expression that cannot be read" };
    },
  ),
  "canary-by-cookie": row(
    "canary",
    "letters, digits and `/-._~:`",
    "no cookie",
    "converted",
    "a request whose cookie of this name says always goes to the canary, never to the first version",
    values.charsOf(values.BASIC, "letters, digits and /-._~:"),
  ),
  "server-alias": row(
    "host",
    "hosts, between commas",
    "none",
    "converted",
    "further hosts with the same paths; of those that are regular expressions (`~`), nothing",
    values.serverNames,
  ),
  "use-regex": row(
    "host",
    BOOLEAN,
    "`false`",
    "converted",
    "with true all paths of the Ingress's hosts, those of other Ingresses too, are regular expressions that heed no case and match from the start, as in nginx",
    flagOrNothing,
  ),
  "rewrite-target": row(
    "host",
    "a path",
    "none",
    "untouched",
    "the paths are regular expressions, as in nginx; the rewriting itself is left to you",
    values.anything,
  ),
  "service-upstream": row(
    "backend",
    BOOLEAN,
    "`false`",
    "converted",
    "with true ingress-nginx went to the Service's address and pinned nobody; now sessions are pinned to pods, and old cookies name none",
    (value) => {
      const parsed = values.flag(value);
      return "value" in parsed && parsed.value ? { ...parsed, outcome: "different" } : parsed;
    },
  ),
  "load-balance": row(
    "backend",
    "`round_robin` or `ewma`",
    "`round_robin`",
    "untouched",
    "affinity comes first, in ingress-nginx as here; how newcomers without it are spread is left to you",
    values.anything,
  ),
  "upstream-hash-by": row(
    "backend",
    "nginx variables",
    "none",
    "untouched",
    "affinity comes first, in ingress-nginx as here; without it, hashing is left to you",
    values.anything,
  ),
} as const satisfies Readonly<Record<string, Annotation<unknown>>>;

const BALANCED =
  "mode persistent, so that no session moves when pods come; --keep-balanced writes a gateway that moves some, as ingress-nginx does, and cannot honour old cookies";
/** Of the mode where none is given. */
export const BALANCED_BY_DEFAULT = `balanced by default becomes ${BALANCED}`;

export type Name = keyof typeof annotations;

type ValueOf<A> = A extends Annotation<infer T> ? T : never;

/** What the annotations of an Ingress say; those that are absent or wrong are not there. */
export type Settings = { readonly [K in Name]?: ValueOf<(typeof annotations)[K]> };

export const names = Object.keys(annotations) as Name[];
const known: ReadonlySet<string> = new Set(names);

export function isName(name: string): name is Name {
  return known.has(name);
}
