import { JsonValue, putString } from "./json";
import { Words, words } from "./literals";
import { putWord } from "./wordlist";
import { put } from "./writer";

export const enum Secure {
  /** When the client's request was https. */
  Auto,
  Always,
  Never,
}

/** What SameSite says, by its place in `SAME_SITES`. */
export const enum SameSite {
  Lax,
  Strict,
  None,
  /** The attribute is left out. */
  Absent,
}
export const SAME_SITES: Words = words("Lax Strict None");

/** The attributes of the affinity cookie (RFC 6265, section 4.1.1, and rfc6265bis), as configured. */
@unmanaged
export class CookieAttributes {
  path: JsonValue;
  /** Of no length: none, the cookie is the host's alone. */
  domain: JsonValue;
  secure: Secure;
  sameSite: SameSite;
  httpOnly: bool;
  conditionalSameSiteNone: bool;
  partitioned: bool;

  /**
   * Puts what follows `NAME=VALUE` in a Set-Cookie header. Browsers drop a cookie with `SameSite=None` or `Partitioned`
   * that is not Secure, so on plain http those two are left out, as is None for clients that misread it.
   */
  put(https: bool, misreadsNone: bool): void {
    const secure = this.secure == Secure.Always || (this.secure == Secure.Auto && https);
    if (this.domain.length) putAttribute(words("; Domain="), this.domain);
    putAttribute(words("; Path="), this.path);
    if (secure) put(words("; Secure"));
    if (this.httpOnly) put(words("; HttpOnly"));
    const none = this.sameSite == SameSite.None;
    if (this.sameSite != SameSite.Absent && !(none && (!secure || misreadsNone))) {
      put(words("; SameSite="));
      putWord(SAME_SITES, this.sameSite);
    }
    if (this.partitioned && secure) put(words("; Partitioned"));
  }
}

export function putAttribute(name: Words, value: JsonValue): void {
  put(name);
  putString(value);
}
