import { allocate } from "./arena";
import { decodeBase64, encodeBase64 } from "./base64";
import { equal } from "./bytes";
import { Event } from "./counters";
import { cookieEnd, cookieNext, findCookie } from "./cookie";
import { MAX_ENDPOINT, MAX_ENDPOINT_TEXT, readEndpoint, writeEndpoint } from "./endpoint";
import * as host from "./host";
import { HeaderMap, LogLevel } from "./host";
import { nextNonce } from "./nonce";
import { Policy } from "./policy";
import { Root, findRoot } from "./root";
import { misreadsSameSiteNone } from "./setcookie";
import { Stream, findStream } from "./streams";
import { MAX_TOKEN, Token, openToken } from "./token";

const COOKIE = String.UTF8.encode("cookie");
const SET_COOKIE = String.UTF8.encode("set-cookie");
const FORWARDED_PROTO = String.UTF8.encode("x-forwarded-proto");
const HTTPS = String.UTF8.encode("https");
const CODE_DETAILS = String.UTF8.encode("response\0code_details");
const VIA_UPSTREAM = String.UTF8.encode("via_upstream");
const USER_AGENT = String.UTF8.encode("user-agent");

// A browser sends a name twice when paths or domains overlap. More is no accident, and each one costs a decryption.
const MAX_TRIED: u32 = 4;

// RFC 4648, section 4, with padding.
const MAX_BASE64: u32 = ((MAX_ENDPOINT_TEXT + 2) / 3) * 4;

const token = changetype<Token>(memory.data(offsetof<Token>(), 8));
const text = memory.data(256);
const encoded = memory.data(344);
const endpoint = memory.data(260);

/** How many cookies of our name this request brought, as far as they were tried. */
let tried: u32 = 0;

/** The request names its pod to Envoy, or no pod at all. */
export function onRequestHeaders(context: u32): void {
  const stream = findStream(context);
  if (stream == null) return;
  const root = findRoot(stream.root);
  if (root == null) return;
  const policy = root.policy;
  const opened = openCookie(policy);
  if (opened) {
    root.counters.count(Event.Resumed);
    stream.resumed = true;
    stream.session = token.session;
    stream.issued = token.issued;
  } else if (tried) {
    root.counters.count(Event.Rejected);
  }
  // Envoy takes the request's headers away before the response comes.
  if (!opened || policy.repin) {
    stream.https = policy.asksScheme && isHttps();
    stream.misreadsNone = policy.asksUserAgent && misreadsNone();
  }
  const length = opened ? writeEndpoint(token.endpoint, text) : 0;
  if (length)
    host.replaceHeader(HeaderMap.Request, policy.hostHeader, encoded, encodeBase64(text, length, encoded));
  else host.removeHeader(HeaderMap.Request, policy.hostHeader);
}

/** Envoy names the pod that answered if it is not the one that was asked for: the client gets a cookie for it. */
export function onResponseHeaders(context: u32): void {
  const stream = findStream(context);
  if (stream == null) return;
  const root = findRoot(stream.root);
  if (root == null) return;
  const policy = root.policy;
  if (!host.getHeader(HeaderMap.Response, policy.hostHeader)) return;
  const length = host.valueLength <= MAX_BASE64 ? decodeBase64(host.value, host.valueLength, text) : 0;
  host.removeHeader(HeaderMap.Response, policy.hostHeader);
  if (length <= 0 || (stream.resumed && !policy.repin) || isLocalReply()) return;
  token.endpoint = endpoint;
  token.endpointLength = readEndpoint(text, length, endpoint);
  if (token.endpointLength) setCookie(root, stream);
}

/** Opens the first cookie of our name that opens, into `token`. */
function openCookie(policy: Policy): bool {
  tried = 0;
  if (!host.getHeader(HeaderMap.Request, COOKIE)) return false;
  if (openCookieIn(policy, host.value, host.valueLength)) return true;
  return tried < MAX_TRIED && openCookieInFurtherLines(policy);
}

function openCookieIn(policy: Policy, line: usize, length: u32): bool {
  const name = policy.cookieName;
  const end = line + length;
  for (; tried < MAX_TRIED; tried++) {
    const value = findCookie(line, end, changetype<usize>(name), name.byteLength);
    if (value == 0) return false;
    if (openToken(value, <u32>(cookieEnd - value), policy.keys, token)) return true;
    line = cookieNext;
  }
  return false;
}

/** HTTP/1.1 lets a client send several Cookie lines, and Envoy gives them one by one only among all headers. */
function openCookieInFurtherLines(policy: Policy): bool {
  if (!host.getHeaders(HeaderMap.Request) || host.valueLength < 4) return false;
  const end = host.value + host.valueLength;
  const count = load<u32>(host.value);
  let lengths = host.value + 4;
  if (<u64>count * 8 > <u64>(end - lengths)) return false;
  let at = lengths + <usize>count * 8;
  let first = true;
  for (let i: u32 = 0; i < count; i++, lengths += 8) {
    const nameLength = <usize>load<u32>(lengths);
    const valueLength = <usize>load<u32>(lengths, 4);
    if (<u64>nameLength + <u64>valueLength + 2 > <u64>(end - at)) return false;
    const value = at + nameLength + 1;
    if (isCookie(at, nameLength)) {
      if (!first && openCookieIn(policy, value, <u32>valueLength)) return true;
      first = false;
    }
    at = value + valueLength + 1;
  }
  return false;
}

function isCookie(name: usize, length: usize): bool {
  return length == COOKIE.byteLength && equal(name, changetype<usize>(COOKIE), length);
}

/** Seals `token`, whose endpoint is set, and adds it to the response. */
function setCookie(root: Root, stream: Stream): void {
  const policy = root.policy;
  const nonce = nextNonce();
  if (
    nonce == 0 ||
    (!stream.resumed && !host.fillRandom(changetype<usize>(token) + offsetof<Token>("session"), 8))
  ) {
    host.log(LogLevel.Warn, "the host has no randomness: no cookie is set");
    return;
  }
  token.seen = host.now();
  token.issued = stream.resumed ? stream.issued : token.seen;
  if (stream.resumed) token.session = stream.session;

  const start = policy.cookieStart;
  const end = policy.attributesFor(stream.https, stream.misreadsNone);
  const cookie = allocate(start.byteLength + MAX_TOKEN + end.byteLength);
  if (cookie == 0) return;
  memory.copy(cookie, changetype<usize>(start), start.byteLength);
  const length = start.byteLength + policy.keys.seal(token, nonce, cookie + start.byteLength);
  memory.copy(cookie + length, changetype<usize>(end), end.byteLength);
  host.addHeader(HeaderMap.Response, SET_COOKIE, cookie, length + end.byteLength);
  root.counters.count(stream.resumed ? Event.Repinned : Event.Created);
}

/** Whether no pod has answered: Envoy names the one that it tried last beside its own 503 too. */
function isLocalReply(): bool {
  return host.getProperty(CODE_DETAILS) && !isValue(VIA_UPSTREAM);
}

/** Whether the client came over https, as Envoy sees it: it sets this header itself, or trusts the hop before. */
function isHttps(): bool {
  return host.getHeader(HeaderMap.Request, FORWARDED_PROTO) && isValue(HTTPS);
}

/** Whether the host's last value is this text. */
function isValue(expected: ArrayBuffer): bool {
  const length = expected.byteLength;
  return host.valueLength == length && equal(host.value, changetype<usize>(expected), length);
}

function misreadsNone(): bool {
  return host.getHeader(HeaderMap.Request, USER_AGENT) && misreadsSameSiteNone(host.value, host.valueLength);
}
