import { ClusterNames } from "./clusternames";
import { Clusters } from "./clusters";
import { Counters } from "./counters";
import { Debug } from "./debug";
import { FormerCookies } from "./formercookies";
import { Lifetime } from "./lifetime";
import { Text } from "./text";
import { SealingKey } from "./token";

/** What one configuration says, in the form in which the request path needs it. */
@unmanaged
export class Policy {
  /** The next of its configuration, and its number there. */
  next: Policy | null;
  index: u16;
  /** Whether the token names no pod, and Envoy chooses one by the session's number: mode balanced. */
  balanced: bool;
  /** Whether the token travels in a header of its own both ways: type Header. */
  inHeader: bool;
  /** Whether a new host goes into the cookie. */
  repin: bool;
  stripFromRequest: bool;
  preventCaching: bool;
  /** Whether a client leaves a cluster that has no pods left. */
  letsGo: bool;
  /** Whether a response may have to write the endpoint of its request's token again. */
  keepsEndpoint: bool;
  alwaysSecure: bool;
  /** Whether the scheme of a request, or its browser, has to be known to set a cookie. */
  asksScheme: bool;
  asksUserAgent: bool;
  /** The header that carries the session's number to Envoy's hash policy. */
  keyHeader: Text | null;
  clusters: Clusters | null;
  debug: Debug | null;
  /** Cookies of other systems that are honoured for those who have no token yet. */
  former: FormerCookies | null;
  /** The clusters whose requests it is for; null where it is for all. */
  served: ClusterNames | null;
  lifetime: Lifetime;
  /** This one seals; it and all behind it open. */
  keys: SealingKey;
  scope: Text;
  counters: Counters;
  /** The name of the cookie, or of the header with type Header. */
  sessionName: Text;
  hostHeader: Text;
  /** `NAME=`, how a Set-Cookie header starts. */
  cookieStart: Text;

  // Behind the object itself: see ATTRIBUTES.
  /** What follows the value in a Set-Cookie header, by what `attributesOf` said. */
  attributesFor(kind: u32): Text {
    return changetype<Text>(load<usize>(changetype<usize>(this) + (kind << 2), offsetof<Policy>()));
  }

  setAttributesFor(kind: u32, text: Text): void {
    store<usize>(changetype<usize>(this) + (kind << 2), changetype<usize>(text), offsetof<Policy>());
  }
}

/** Bytes of what stands behind a policy: not Secure, Secure, and the same two for who misreads `SameSite=None`. */
export const ATTRIBUTES: usize = 4 * sizeof<usize>();

/** Of what `attributesOf` returns: whether they are those of a cookie that is Secure. */
export const SECURE: u8 = 1;

/** Which of its sets of attributes a policy is to use. */
export function attributesOf(secure: bool, misreadsNone: bool): u8 {
  return (<u8>secure) | ((<u8>misreadsNone) << 1);
}
