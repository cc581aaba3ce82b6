interface Cookie {
  name: string;
  value: string;
  domain: string;
  /** Set without a Domain attribute: goes back to that very host only. */
  hostOnly: boolean;
  path: string;
  secure: boolean;
}

/**
 * A cookie file as `curl -c` and `curl -b` keep one, in memory, for http: RFC 6265, section 5, without a list of public
 * suffixes, and with nothing that lasts: a cookie that has no time left is forgotten when it comes, not later.
 */
export class CookieJar {
  #cookies: Cookie[] = [];

  /** Keeps the cookies of these Set-Cookie lines, which came from this host (without port) for this path. */
  keep(lines: readonly string[], host: string, path: string): void {
    for (const line of lines) this.#keepOne(line, host.toLowerCase(), path);
  }

  /** The Cookie header for a request over http; undefined when no cookie belongs there. */
  header(host: string, path: string): string | undefined {
    const at = host.toLowerCase();
    const sent = this.#cookies
      .filter((cookie) => (cookie.hostOnly ? cookie.domain === at : domainMatches(at, cookie.domain)))
      .filter((cookie) => !cookie.secure && pathMatches(path, cookie.path))
      // Longer paths first (5.4.2); sort() keeps the order of creation otherwise.
      .sort((one, other) => other.path.length - one.path.length);
    return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  #keepOne(line: string, host: string, path: string): void {
    const [pair = "", ...attributes] = line.split(";");
    const separator = pair.indexOf("=");
    const name = pair.slice(0, separator).trim();
    if (separator < 0 || name === "") return;
    const cookie: Cookie = {
      name,
      value: pair.slice(separator + 1).trim(),
      domain: host,
      hostOnly: true,
      path: defaultPath(path),
      secure: false,
    };
    let maxAge: number | undefined;
    let expires: number | undefined;
    for (const attribute of attributes) {
      const [key = "", ...rest] = attribute.split("=");
      const value = rest.join("=").trim();
      switch (key.trim().toLowerCase()) {
        case "domain":
          if (value === "") break;
          cookie.domain = value.replace(/^\./, "").toLowerCase();
          cookie.hostOnly = false;
          break;
        case "path":
          cookie.path = value.startsWith("/") ? value : defaultPath(path);
          break;
        case "secure":
          cookie.secure = true;
          break;
        case "max-age":
          if (/^-?[0-9]+$/.test(value)) maxAge = Number(value);
          break;
        case "expires":
          expires = Date.parse(value);
      }
    }
    if (!domainMatches(host, cookie.domain)) return;
    const same = this.#cookies.findIndex(
      (old) => old.name === name && old.domain === cookie.domain && old.path === cookie.path,
    );
    // Max-Age wins over Expires (5.3.3); a time that has passed takes the cookie away.
    const gone = maxAge === undefined ? expires !== undefined && expires <= Date.now() : maxAge <= 0;
    if (same >= 0) this.#cookies.splice(same, 1, ...(gone ? [] : [cookie]));
    else if (!gone) this.#cookies.push(cookie);
  }
}

/** RFC 6265, section 5.1.3. */
function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !/^[0-9.]+$|:/.test(host));
}

/** RFC 6265, section 5.1.4. */
function pathMatches(path: string, of: string): boolean {
  return path === of || (path.startsWith(of) && (of.endsWith("/") || path[of.length] === "/"));
}

/** RFC 6265, section 5.1.4: the path up to, without, its last slash. */
function defaultPath(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
