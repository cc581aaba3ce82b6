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
