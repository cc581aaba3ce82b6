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
import { nextNonce } from "./nonce";
import { Policy } from "./policy";
import { findRoot } from "./root";
import { Renewal, Stream, drawSession, endpointOf, findStream } from "./streams";
import { MAX_TOKEN } from "./token";

const SET_COOKIE = String.UTF8.encode("set-cookie");
const CACHE_CONTROL = String.UTF8.encode("cache-control");
const PRIVATE = String.UTF8.encode("private");
const VIA_UPSTREAM = String.UTF8.encode("via_upstream");
const NO_HEALTHY_UPSTREAM = String.UTF8.encode("no_healthy_upstream");
const CLUSTER_NOT_FOUND = String.UTF8.encode("cluster_not_found");

// RFC 4648, section 4, with padding.
const MAX_BASE64: u32 = ((MAX_ENDPOINT_TEXT + 2) / 3) * 4;

const text = memory.data(256);
const endpoint = memory.data(MAX_ENDPOINT);

/** The client gets a token when it has none yet, when its pod has changed, or when its token is to be renewed. */
export function onResponseHeaders(context: u32): void {
  const stream = findStream(context);
  if (stream == null) return;
  const root = findRoot(stream.root);
  if (root == null) return;
  const service = root.ofResponse(stream);
  if (service == null) return;
  const policy = service.policy;
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
  if (event != Event.None) service.counters.count(event);
  if (stream.explained) explainResponse(stream, event);
}

/** Mode persistent: sets `token`'s endpoint, unless the event is none. */
function eventOfPod(policy: Policy, stream: Stream): Event {
  // Envoy names the pod that answered if it is not the one that was asked for.
  if (host.getHeader(HeaderMap.Response, policy.hostHeader)) {
    const length = host.valueLength <= MAX_BASE64 ? decodeBase64(host.value, host.valueLength, text) : 0;
    host.removeHeader(HeaderMap.Response, policy.hostHeader);
    if (length <= 0 || isLocalReply()) return Event.None;
    // Who is to keep its pod keeps it while another one stands in; not when its whole cluster is no more.
    if (isKnown(stream) && !policy.repin && stream.renewal != Renewal.Homeless) {
      if (stream.renewal == Renewal.None || stream.endpointLength == 0) return Event.None;
      pinAsBefore(stream);
      return renewed(stream);
    }
    if (!pin(text, length)) return Event.None;
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
    host.log(LogLevel.Warn, "the host has no randomness: no token is set");
    return false;
  }
  token.seen = host.now();
  token.issued = stream.resumed ? stream.issued : token.seen;
  token.session = stream.session;
  // Who lets go belongs to the cluster 0, which is none; a token that names no cluster belongs to the first one.
  token.hasCluster = policy.clusters != null;
  token.cluster = token.hasCluster && !letsGo ? servingCluster() : 0;

  const start = policy.cookieStart;
  const end = policy.attributesFor(stream.attributes);
  const cookie = allocate(start.byteLength + MAX_TOKEN + MAX_LIFETIME + end.byteLength);
  if (cookie == 0) return false;
  let at = cookie + start.byteLength;
  const length = policy.keys.seal(token, nonce, at);
  if (policy.inHeader) {
    host.replaceHeader(HeaderMap.Response, policy.sessionName, at, length);
  } else {
    memory.copy(cookie, changetype<usize>(start), start.byteLength);
    at += length;
    at += policy.lifetime.write(token.issued, token.seen, at);
    memory.copy(at, changetype<usize>(end), end.byteLength);
    host.addHeader(HeaderMap.Response, SET_COOKIE, cookie, <u32>(at - cookie) + end.byteLength);
  }
  const former = policy.former;
  if (former != null && stream.former) expire(former.expiries);
  // Added to what the pod says, it weakens nothing: the strictest directive counts (RFC 9111, section 4.2.1).
  if (policy.preventCaching)
    host.addHeader(HeaderMap.Response, CACHE_CONTROL, changetype<usize>(PRIVATE), PRIVATE.byteLength);
  return true;
}

function expire(lines: ArrayBuffer[]): void {
  for (let i = 0; i < lines.length; i++) {
    const line = unchecked(lines[i]);
    host.addHeader(HeaderMap.Response, SET_COOKIE, changetype<usize>(line), line.byteLength);
  }
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
