import { encodeBase64 } from "./base64";
import { expired, readToken, renewalDue, token, tried } from "./carrier";
import { misreadsSameSiteNone } from "./browsers";
import { Clusters } from "./clusters";
import { Event } from "./counters";
import { writeHex64 } from "./digits";
import { writeEndpoint } from "./endpoint";
import { explainFormer, explainRequest } from "./explain";
import { met } from "./formercookies";
import * as host from "./host";
import { HeaderMap } from "./host";
import { text } from "./literals";
import { Policy, attributesOf } from "./policy";
import { findRoot } from "./root";
import { Renewal, Stream, drawSession, findStream, rememberEndpoint } from "./streams";
import { Text } from "./text";

const FORWARDED_PROTO = text("x-forwarded-proto");
const HTTPS = text("https");
const USER_AGENT = text("user-agent");

// Each browser of the list names its version well before; a client must not make us search 60 KiB.
const MAX_USER_AGENT: u32 = 512;

const address = memory.data(256);
const encoded = memory.data(344);
const sessionDigits = memory.data(16);

/** The request names its pod to Envoy, or no pod at all. */
export function onRequestHeaders(context: u32): void {
  const stream = findStream(context);
  if (stream == null) return;
  const root = findRoot(stream.root);
  if (root == null) return;
  const policy = root.ofRequest(stream);
  if (policy == null) return;
  const debug = policy.debug;
  if (debug != null && debug.isAsked()) {
    stream.explained = true;
    explainRequest(policy);
  }
  const opened = readToken(policy);
  let pinned = opened;
  if (opened) {
    policy.counters.count(Event.Resumed);
    stream.resumed = true;
    stream.session = token.session;
    stream.issued = token.issued;
  } else {
    const former = policy.former;
    if (former != null) {
      pinned = former.find();
      stream.former = met;
      if (met && stream.explained) explainFormer(pinned);
    }
    if (expired) policy.counters.count(Event.Expired);
    else if (tried && !pinned) policy.counters.count(Event.Rejected);
    if (pinned) stream.renewal = <u8>Renewal.Accepted;
    // The first request of a session has to go where the later ones will.
    if (policy.balanced) drawSession(stream);
  }
  if (pinned && policy.keepsEndpoint) rememberEndpoint(stream, token.endpoint, token.endpointLength);
  const clusters = policy.clusters;
  const cluster = clusters != null && pinned ? clusterOf(clusters) : null;
  if (opened && renewalDue) stream.renewal = <u8>Renewal.Due;
  else if (opened && clusters != null && cluster == null) stream.renewal = <u8>Renewal.Homeless;
  // Envoy takes the request's headers away before the response comes.
  if (!opened || stream.renewal != Renewal.None || policy.repin || policy.letsGo) {
    const secure = policy.asksScheme && isSecure(opened, stream);
    stream.attributes = attributesOf(secure, policy.asksUserAgent && misreadsNone());
  }
  namePod(policy, pinned);
  const keyHeader = policy.keyHeader;
  if (keyHeader != null) nameSession(keyHeader, stream);
  if (clusters != null) nameCluster(clusters.header, cluster);
}

function namePod(policy: Policy, pinned: bool): void {
  const length = pinned && !policy.balanced ? writeEndpoint(token.endpoint, address) : 0;
  if (length)
    host.replaceHeader(HeaderMap.Request, policy.hostHeader, encoded, encodeBase64(address, length, encoded));
  else host.removeHeader(HeaderMap.Request, policy.hostHeader);
}

function nameSession(header: Text, stream: Stream): void {
  if (stream.session == 0) {
    host.removeHeader(HeaderMap.Request, header);
    return;
  }
  writeHex64(stream.session, sessionDigits);
  host.replaceHeader(HeaderMap.Request, header, sessionDigits, 16);
}

/** The cluster that `token` belongs to; null when it is none of these. */
function clusterOf(clusters: Clusters): Text | null {
  return token.hasCluster ? clusters.find(token.cluster) : clusters.first;
}

/** Envoy chose a route before: by the header as the client sent it, or by none. */
function nameCluster(header: Text, name: Text | null): void {
  if (name == null) host.removeHeader(HeaderMap.Request, header);
  else host.replaceHeader(HeaderMap.Request, header, name.start, name.length);
  host.chooseRouteAgain();
}

/**
 * Whether a cookie that this request may lead to is Secure: as the one that it brought, which says what its client came
 * over, so that a pinned request need not ask; by the scheme when it brought none, or that one is to be renewed.
 */
function isSecure(opened: bool, stream: Stream): bool {
  return (opened && token.secure) || ((!opened || stream.renewal != Renewal.None) && isHttps());
}

/** Whether the client came over https, as Envoy sees it: it sets this header itself, or trusts the hop before. */
function isHttps(): bool {
  return host.getHeader(HeaderMap.Request, FORWARDED_PROTO) && host.isValue(HTTPS);
}

function misreadsNone(): bool {
  return (
    host.getHeader(HeaderMap.Request, USER_AGENT) &&
    misreadsSameSiteNone(host.value, min(host.valueLength, MAX_USER_AGENT))
  );
}
