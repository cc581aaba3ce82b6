import { allocate } from "./arena";
import { decodeBase64 } from "./base64";
import { token } from "./carrier";
import { Clusters } from "./clusters";
import { Event } from "./counters";
import { crc32 } from "./crc32";
import { explainResponse } from "./explain";
import { MAX_ENDPOINT, MAX_ENDPOINT_TEXT, NO_ENDPOINT, NO_ENDPOINT_LENGTH, readEndpoint } from "./endpoint";
import * as host from "./host";
import { CLUSTER_NAME, CODE_DETAILS, HeaderMap, LogLevel, UPSTREAM_ADDRESS } from "./host";
import { MAX_LIFETIME } from "./lifetime";
import { text, words } from "./literals";
import { nextNonce } from "./nonce";
import { Policy, SECURE } from "./policy";
import { findRoot } from "./root";
import { Renewal, Stream, drawSession, endpointOf, findStream } from "./streams";
import { Text } from "./text";
import { MAX_TOKEN } from "./token";
import { begin, put, written, writtenLength } from "./writer";

const SET_COOKIE = text("set-cookie");
const CACHE_CONTROL = text("cache-control");
const PRIVATE = text("private");
const VIA_UPSTREAM = text("via_upstream");
const NO_HEALTHY_UPSTREAM = text("no_healthy_upstream");
const CLUSTER_NOT_FOUND = text("cluster_not_found");

// RFC 4648, section 4, with padding.
const MAX_BASE64: u32 = ((MAX_ENDPOINT_TEXT + 2) / 3) * 4;

const address = memory.data(256);
const endpoint = memory.data(MAX_ENDPOINT);

/** The client gets a token when it has none yet, when its pod has changed, or when its token is to be renewed. */
export function onResponseHeaders(context: u32): void {
  const stream = findStream(context);
  if (stream == null) return;
  const root = findRoot(stream.root);
  if (root == null) return;
  const policy = root.ofResponse(stream);
  if (policy == null) return;
  const clusters = policy.clusters;
  if (stream.renewal == Renewal.Homeless && clusters != null && !servesIn(clusters))
    stream.renewal = <u8>Renewal.None;
  let event = policy.balanced ? eventOfSession(policy, stream) : eventOfPod(policy, stream);
  const letsGo = event == Event.None && policy.letsGo && isKnown(stream) && isClusterGone();
  if (letsGo) {
    // Its pod may come back with its cluster, and the weights may send the client there.
    pinAsBefore(stream);
    event = Event.Repinned;
  }
  if (event != Event.None && !sendToken(policy, stream, letsGo)) event = Event.None;
  if (event != Event.None) policy.counters.count(event);
  if (stream.explained) explainResponse(stream, event);
}

/** Mode persistent: sets `token`'s endpoint, unless the event is none. */
function eventOfPod(policy: Policy, stream: Stream): Event {
  // Envoy names the pod that answered if it is not the one that was asked for.
  if (host.getHeader(HeaderMap.Response, policy.hostHeader)) {
    const length = host.valueLength <= MAX_BASE64 ? decodeBase64(host.value, host.valueLength, address) : 0;
    host.removeHeader(HeaderMap.Response, policy.hostHeader);
    if (length <= 0 || isLocalReply()) return Event.None;
    // Who is to keep its pod keeps it while another one stands in; not when its whole cluster is no more.
    if (isKnown(stream) && !policy.repin && stream.renewal != Renewal.Homeless) {
      if (stream.renewal == Renewal.None || stream.endpointLength == 0) return Event.None;
      pinAsBefore(stream);
      return renewed(stream);
    }
    if (!pin(address, length)) return Event.None;
    return stream.resumed ? Event.Repinned : Event.Created;
  }
  if (stream.renewal == Renewal.None || isLocalReply()) return Event.None;
  const answered = host.getProperty(UPSTREAM_ADDRESS) && pin(host.value, host.valueLength);
  return answered ? renewed(stream) : Event.None;
}

/** Whether the client came with a pod: of its token, or of a cookie of another system. */
function isKnown(stream: Stream): bool {
  return stream.resumed || stream.renewal == Renewal.Accepted;
}

function renewed(stream: Stream): Event {
  return stream.renewal == Renewal.Accepted ? Event.Accepted : Event.Renewed;
}

/** Mode balanced. */
function eventOfSession(policy: Policy, stream: Stream): Event {
  // Among several services stateful_session is on for all of them.
  if (policy.served != null) host.removeHeader(HeaderMap.Response, policy.hostHeader);
  if ((stream.resumed && stream.renewal == Renewal.None) || isLocalReply()) return Event.None;
  pinNothing();
  return stream.resumed ? Event.Renewed : Event.Created;
}

/** To the pod of the token that the request brought. */
function pinAsBefore(stream: Stream): void {
  if (stream.endpointLength == 0) return pinNothing();
  token.endpoint = endpointOf(stream);
  token.endpointLength = stream.endpointLength;
}

function pinNothing(): void {
  token.endpoint = NO_ENDPOINT;
  token.endpointLength = NO_ENDPOINT_LENGTH;
}

/** Sets `token`'s endpoint; false for an address that no token can carry. */
function pin(address: usize, length: u32): bool {
  token.endpoint = endpoint;
  token.endpointLength = readEndpoint(address, length, endpoint);
  return token.endpointLength != 0;
}

/** Seals `token`, whose endpoint is set, and puts it into the response. */
function sendToken(policy: Policy, stream: Stream, letsGo: bool): bool {
  const nonce = nextNonce();
  if (nonce == 0 || (stream.session == 0 && !drawSession(stream))) {
    begin();
    put(words("affinity: the host has no randomness: no token is set"));
    host.log(LogLevel.Warn, written, writtenLength());
    return false;
  }
  token.seen = host.now();
  token.issued = stream.resumed ? stream.issued : token.seen;
  token.session = stream.session;
  // Who lets go belongs to the cluster 0, which is none; a token that names no cluster belongs to the first one.
  token.hasCluster = policy.clusters != null;
  token.cluster = token.hasCluster && !letsGo ? servingCluster() : 0;
  token.secure = policy.alwaysSecure || (stream.attributes & SECURE) != 0;

  const start = policy.cookieStart;
  const end = policy.attributesFor(stream.attributes);
  const cookie = allocate(start.length + MAX_TOKEN + MAX_LIFETIME + end.length);
  if (cookie == 0) return false;
  const value = start.copyTo(cookie);
  const length = policy.keys.seal(token, nonce, value);
  if (policy.inHeader) {
    host.replaceHeader(HeaderMap.Response, policy.sessionName, value, length);
  } else {
    const to = end.copyTo(policy.lifetime.write(token.issued, token.seen, value + length));
    host.addHeader(HeaderMap.Response, SET_COOKIE, cookie, <u32>(to - cookie));
  }
  const former = policy.former;
  if (former != null && stream.former) {
    let expiry = former.expiries;
    while (expiry != null) {
      add(SET_COOKIE, expiry.line);
      expiry = expiry.next;
    }
  }
  // Added to what the pod says, it weakens nothing: the strictest directive counts (RFC 9111, section 4.2.1).
  if (policy.preventCaching) add(CACHE_CONTROL, PRIVATE);
  return true;
}

function add(header: Text, value: Text): void {
  host.addHeader(HeaderMap.Response, header, value.start, value.length);
}

/** The sum of the name of the cluster that serves the request; 0 when there is none. */
function servingCluster(): u32 {
  return host.getProperty(CLUSTER_NAME) ? crc32(host.value, host.valueLength) : 0;
}

/** Whether one of these serves the request: of any other there would be nothing new to tell. */
function servesIn(clusters: Clusters): bool {
  return clusters.find(servingCluster()) != null;
}

/** Whether no pod has answered: Envoy names the one that it tried last beside its own 503 too. */
function isLocalReply(): bool {
  return host.getProperty(CODE_DETAILS) && !host.isValue(VIA_UPSTREAM);
}

/** Whether Envoy answered because the cluster is not there, or has no pod that could. */
function isClusterGone(): bool {
  return (
    host.getProperty(CODE_DETAILS) && (host.isValue(NO_HEALTHY_UPSTREAM) || host.isValue(CLUSTER_NOT_FOUND))
  );
}
