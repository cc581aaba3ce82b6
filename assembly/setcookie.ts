import { equal } from "./bytes";

/** The attributes of the affinity cookie (RFC 6265, section 4.1.1, and rfc6265bis), as configured. */
export class CookieAttributes {
  path: string = "/";
  /** Empty: none, the cookie is the host's alone. */
  domain: string = "";
  secure: string = "auto";
  httpOnly: bool = true;
  /** `Strict`, `Lax`, `None`, or empty: none. */
  sameSite: string = "Lax";
  conditionalSameSiteNone: bool = false;
  partitioned: bool = false;

  /**
   * What follows `NAME=VALUE` in a Set-Cookie header. Browsers drop a cookie with `SameSite=None` or `Partitioned`
   * that is not Secure, so on plain http those two are left out, as is None for clients that misread it.
   */
  render(https: bool, misreadsNone: bool): string {
    const secure = this.secure == "true" || (this.secure == "auto" && https);
    const none = this.sameSite == "None";
    let text = "";
    if (this.domain.length) text += "; Domain=" + this.domain;
    text += "; Path=" + this.path;
    if (secure) text += "; Secure";
    if (this.httpOnly) text += "; HttpOnly";
    if (this.sameSite.length && !(none && (!secure || misreadsNone))) text += "; SameSite=" + this.sameSite;
    if (this.partitioned && secure) text += "; Partitioned";
    return text;
  }
}

const CHROME = String.UTF8.encode("Chrome/");
const CHROME_WORD = String.UTF8.encode("Chrome");
const IPHONE = String.UTF8.encode("CPU iPhone OS 12");
const IPAD = String.UTF8.encode("iPad; CPU OS 12");
const MACINTOSH = String.UTF8.encode("Macintosh");
const MOJAVE = String.UTF8.encode("Intel Mac OS X 10_14");
const SAFARI = String.UTF8.encode("Safari");

/**
 * Whether a browser takes `SameSite=None` for `Strict` or drops the cookie: Chrome 40 to 69, iOS 12, Safari on
 * macOS 10.14. The list and its reading are ingress-nginx's (`Chrome/4` to `Chrome/6`, so a Chrome 400 too).
 */
export function misreadsSameSiteNone(userAgent: usize, length: u32): bool {
  const end = userAgent + length;
  for (let at = find(userAgent, end, CHROME); at; at = find(at + 1, end, CHROME)) {
    const digit = at + 7 < end ? load<u8>(at, 7) : 0;
    if (digit >= 0x34 && digit <= 0x36) return true;
  }
  if (find(userAgent, end, IPHONE) || find(userAgent, end, IPAD)) return true;
  return (
    find(userAgent, end, MACINTOSH) != 0 &&
    find(userAgent, end, MOJAVE) != 0 &&
    find(userAgent, end, SAFARI) != 0 &&
    find(userAgent, end, CHROME_WORD) == 0
  );
}

/** Where the word stands first in [at, end); 0 when it does not. */
function find(at: usize, end: usize, word: ArrayBuffer): usize {
  const length = <usize>word.byteLength;
  for (; at + length <= end; at++) {
    if (equal(at, changetype<usize>(word), length)) return at;
  }
  return 0;
}
