/** The cookie that the settings of an Ingress make, and where it is another one than ingress-nginx's. */
import type { Name, Settings } from "./annotations.ts";
import type { Outcome } from "./emit.ts";
import type { AffinityCookie } from "./model.ts";
import { DEFAULT_NAME } from "./policy.ts";

export interface Change {
  readonly outcome: Outcome;
  readonly text: string;
}

/** What becomes of an annotation where it is not what its row says. */
export type Changes = ReadonlyMap<Name, Change>;

/**
 * The cookie for requests that ingress-nginx matched by these paths.
 * @param matched each once; at least one
 */
export function cookieOf(
  settings: Settings,
  matched: readonly string[],
): { cookie: AffinityCookie; changes: Changes; pathChange?: string } {
  const changes = new Map<Name, Change>();
  const name = nameOf(settings["session-cookie-name"] ?? DEFAULT_NAME, changes);
  const prefix = /^__(?:host|secure|http)-/i.exec(name)?.[0].toLowerCase();
  const secure = settings["session-cookie-secure"] ?? false;
  if (prefix !== undefined && !secure) {
    changes.set("session-cookie-name", {
      outcome: "different",
      text: "browsers take a cookie with this prefix only if it is Secure, and so it always is now",
    });
  }
  let domain = domainOf(settings["session-cookie-domain"], changes);
  let { path, formerPaths, pathChange } = pathsOf(settings["session-cookie-path"], matched, changes);
  if (prefix === "__host-" && (domain !== undefined || path !== "/")) {
    const text =
      "browsers take a cookie with the prefix __Host- only with the path / and no domain, and so it is written now";
    changes.set("session-cookie-name", { outcome: "different", text });
    [path, domain] = ["/", undefined];
  }
  const sameSite = settings["session-cookie-samesite"];
  const lifetime = lifetimeOf(settings, changes);
  const partitioned = settings["session-cookie-partitioned"] ?? false;
  return {
    cookie: {
      name,
      path,
      formerPaths,
      ...(domain !== undefined && { domain }),
      ...(lifetime !== undefined && { lifetime }),
      secure: secure || prefix !== undefined,
      ...(sameSite !== undefined && { sameSite }),
      conditionalSameSiteNone: settings["session-cookie-conditional-samesite-none"] ?? false,
      ...(partitioned && { partitioned }),
    },
    changes,
    ...(pathChange !== undefined && { pathChange }),
  };
}

// What ingress-nginx's check lets through and RFC 6265, section 4.1.1, does not: `/`, `:` and blanks.
const NO_NAME = /[/: ]/g;
// The filter takes 256 characters (assembly/grammar.ts), and the new name is longer than the old one.
const MOST_NAME = 160;

function nameOf(given: string, changes: Map<Name, Change>): string {
  const name = given.replaceAll(NO_NAME, "-").slice(0, MOST_NAME);
  if (name !== given) {
    changes.set("session-cookie-name", {
      outcome: "lost",
      text: `not the name of a cookie (RFC 6265: no / : or blank, and not that long); ${name} stands in, and old cookies are not honoured`,
    });
  }
  return name;
}

const DOMAIN =
  /^\.?(?:[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

function domainOf(given: string | undefined, changes: Map<Name, Change>): string | undefined {
  if (given === undefined || (DOMAIN.test(given) && given.length <= 253)) return given;
  changes.set("session-cookie-domain", {
    outcome: "different",
    text: "not a domain, so that browsers dropped the cookie; now it is for the host alone",
  });
  return undefined;
}

// RFC 6265, section 4.1.1, with the "/" that browsers want in front; as the filter takes it (assembly/grammar.ts).
const COOKIE_PATH = /^\/[\x21-\x3a\x3c-\x7e]{0,1023}$/;
// What makes a path a regular expression; a point alone does not.
const REGEX = /[\^$[\](){}*+?|\\]/;
// What the filter expires old cookies at (accept.formats.paths).
const MOST_PATHS = 16;

function pathsOf(
  given: string | undefined,
  matched: readonly string[],
  changes: Map<Name, Change>,
): { path: string; formerPaths: readonly string[]; pathChange?: string } {
  if (given !== undefined) {
    if (COOKIE_PATH.test(given)) return { path: given, formerPaths: [given] };
    changes.set("session-cookie-path", {
      outcome: "different",
      text: "not a cookie's path (it begins with / and has no blank), so that browsers made up one of their own; now it is /",
    });
    return { path: "/", formerPaths: ["/"] };
  }
  const former = matched.filter((path) => COOKIE_PATH.test(path));
  const formerPaths = former.length === 0 ? ["/"] : former.slice(0, MOST_PATHS);
  const [only] = matched;
  if (only !== undefined && matched.length === 1 && COOKIE_PATH.test(only) && !REGEX.test(only))
    return { path: only, formerPaths };
  const pathChange =
    matched.length > 1
      ? `ingress-nginx set one cookie for each of ${matched.length} paths; now one for / serves them all${former.length > MOST_PATHS ? `, and --expire-old drops the old ones of ${MOST_PATHS} paths` : ""}`
      : "ingress-nginx set the cookie for the regular expression as its path, which no browser matches; now it is for /";
  return { path: "/", formerPaths, pathChange };
}

// As `duration` in policy.ts: GEP-2257 has five digits for hours.
const MOST_LIFETIME = 99_999 * 3600;

/** RFC 6265, section 5.3: Max-Age comes before Expires. */
function lifetimeOf(settings: Settings, changes: Map<Name, Change>): number | undefined {
  const { "session-cookie-max-age": maxAge, "session-cookie-expires": expires } = settings;
  if (maxAge !== undefined && expires !== undefined && maxAge !== expires) {
    changes.set("session-cookie-expires", {
      outcome: "different",
      text: `browsers heed session-cookie-max-age before it; Expires now says the same, ${maxAge} seconds`,
    });
  }
  const deciding = maxAge === undefined ? "session-cookie-expires" : "session-cookie-max-age";
  const lifetime = maxAge ?? expires;
  if (lifetime === undefined) return undefined;
  if (lifetime <= 0) {
    changes.set(deciding, {
      outcome: "different",
      text: "browsers dropped the cookie at once, so that nobody was pinned; now it is a session cookie, and pins until the browser is closed",
    });
    return undefined;
  }
  if (lifetime > MOST_LIFETIME) {
    changes.set(deciding, {
      outcome: "different",
      text: "longer than a duration can be; a session ends after 99999 hours, and browsers keep a cookie for 400 days at most",
    });
  }
  return lifetime;
}
