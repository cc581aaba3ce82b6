import { SealingKey } from "./token";
import { CookieAttributes } from "./setcookie";

/** What one configuration says, in the form in which the request path needs it. */
export class Policy {
  readonly cookieName: ArrayBuffer;
  readonly hostHeader: ArrayBuffer;
  /** `NAME=`, how a Set-Cookie header starts. */
  readonly cookieStart: ArrayBuffer;
  /** What follows the value: on plain http, https, and the same two for a browser that misreads `SameSite=None`. */
  private readonly attributes: StaticArray<ArrayBuffer>;
  /** Whether the scheme of a request, or its browser, has to be known to set a cookie. */
  readonly asksScheme: bool;
  readonly asksUserAgent: bool;

  constructor(
    readonly scope: string,
    sessionName: string,
    hostHeader: string,
    /** Whether a new host goes into the cookie. */
    readonly repin: bool,
    /** This one seals; it and all behind it open. */
    readonly keys: SealingKey,
    attributes: CookieAttributes,
  ) {
    this.cookieName = String.UTF8.encode(sessionName);
    this.hostHeader = String.UTF8.encode(hostHeader);
    this.cookieStart = String.UTF8.encode(sessionName + "=");
    this.attributes = [
      String.UTF8.encode(attributes.render(false, false)),
      String.UTF8.encode(attributes.render(true, false)),
      String.UTF8.encode(attributes.render(false, true)),
      String.UTF8.encode(attributes.render(true, true)),
    ];
    this.asksScheme = attributes.secure == "auto";
    this.asksUserAgent = attributes.conditionalSameSiteNone && attributes.sameSite == "None";
  }

  attributesFor(https: bool, misreadsNone: bool): ArrayBuffer {
    return unchecked(this.attributes[(<i32>https) | ((<i32>misreadsNone) << 1)]);
  }
}
