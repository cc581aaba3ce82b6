import { Clusters } from "./clusters";
import { Debug } from "./debug";
import { FormerCookies } from "./formercookies";
import { Lifetime } from "./lifetime";
import { CookieAttributes } from "./setcookie";
import { SealingKey } from "./token";

/** What one configuration says, in the form in which the request path needs it. */
export class Policy {
  /** Whether the token names no pod, and Envoy chooses one by the session's number: mode balanced. */
  balanced: bool = false;
  /** Whether the token travels in a header of its own both ways: type Header. */
  inHeader: bool = false;
  /** Whether a new host goes into the cookie. */
  repin: bool = true;
  /** The header that carries the session's number to Envoy's hash policy. */
  keyHeader: ArrayBuffer | null = null;
  stripFromRequest: bool = false;
  preventCaching: bool = false;
  clusters: Clusters | null = null;
  /** Whether a client leaves a cluster that has no pods left. */
  letsGo: bool = false;
  /** Whether a response may have to write the endpoint of its request's token again. */
  keepsEndpoint: bool = false;
  debug: Debug | null = null;
  /** Cookies of other systems that are honoured for those who have no token yet. */
  former: FormerCookies | null = null;
  /** The clusters whose requests it is for; null where it is for all. */
  served: string[] | null = null;

  /** The name of the cookie, or of the header with type Header. */
  readonly sessionName: ArrayBuffer;
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
    /** This one seals; it and all behind it open. */
    readonly keys: SealingKey,
    /** None with type Header. */
    attributes: CookieAttributes | null,
    readonly lifetime: Lifetime,
  ) {
    this.sessionName = String.UTF8.encode(sessionName);
    this.hostHeader = String.UTF8.encode(hostHeader);
    this.cookieStart = String.UTF8.encode(sessionName + "=");
    const written = new StaticArray<ArrayBuffer>(4);
    for (let i = 0; i < 4; i++) {
      written[i] = String.UTF8.encode(
        attributes == null ? "" : attributes.render((i & 1) != 0, (i & 2) != 0),
      );
    }
    this.attributes = written;
    this.asksScheme = attributes != null && attributes.secure == "auto";
    this.asksUserAgent =
      attributes != null && attributes.conditionalSameSiteNone && attributes.sameSite == "None";
  }

  /** By what `attributesOf` said. */
  attributesFor(kind: u8): ArrayBuffer {
    return unchecked(this.attributes[kind]);
  }
}

/** Which of its sets of attributes a policy is to use. */
export function attributesOf(https: bool, misreadsNone: bool): u8 {
  return (<u8>https) | ((<u8>misreadsNone) << 1);
}
