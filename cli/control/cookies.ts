export interface Cookie {
  name: string;
  value: string;
}

/** The pairs of a Cookie header as they were sent (RFC 6265, section 4.2.1). */
export function sentCookies(header: string | undefined): Cookie[] {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim());
  return pairs.filter((pair) => pair !== "").map(nameAndValue);
}

function nameAndValue(pair: string): Cookie {
  const equals = pair.indexOf("=");
  if (equals === -1) return { name: "", value: pair };
  return { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim() };
}

/** The cookies that a browser sends to `/` of one host, which is all that it visits there. */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /** Takes the Set-Cookie headers of a response to `/` (RFC 6265, section 5.3). */
  take(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) {
      const [pair = "", ...attributes] = setCookie.split(";");
      const { name, value } = nameAndValue(pair.trim());
      const given = new Map(
        attributes.map(nameAndValue).map((each) => [each.name.toLowerCase(), each.value]),
      );
      if ((given.get("path") ?? "/") !== "/") continue;
      if (isOver(given.get("max-age"), given.get("expires"))) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }

  /** The value of the Cookie header; empty without a cookie. */
  header(): string {
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join("; ");
  }
}

/** Max-Age goes before Expires. */
function isOver(maxAge: string | undefined, expires: string | undefined): boolean {
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return expires !== undefined && Date.parse(expires) <= Date.now();
}
