/** What carries the token on a request: cookies of its name, or a header. */
import { allocate } from "./arena";
import { cookieEnd, cookieNext, copyWithoutCookie, findCookie } from "./cookie";
import * as host from "./host";
import { HeaderMap } from "./host";
import { text } from "./literals";
import { Policy } from "./policy";
import { Token, openToken } from "./token";

const COOKIE = text("cookie");

// A browser sends a name twice when paths or domains overlap. More is no accident, and each one costs a decryption.
export const MAX_TRIED: u32 = 4;

/** The token of the request that `readToken` read, and of the response that is being made. */
export const token = changetype<Token>(memory.data(offsetof<Token>(), 8));

/** Of the last `readToken`: how many values were tried, and whether one of them was in order but over its lifetime. */
export let tried: u32 = 0;
export let expired: bool = false;
/** Whether the token is to be written anew: its key is an old one, or the client has not been seen for a while. */
export let renewalDue: bool = false;
let now: u32 = 0;

/** Opens the first value that this request carries and that opens, into `token`. */
export function readToken(policy: Policy): bool {
  tried = 0;
  expired = false;
  renewalDue = false;
  now = 0;
  if (policy.inHeader) return readHeader(policy);
  if (policy.stripFromRequest) return readAndStripCookies(policy);
  if (!host.getHeader(HeaderMap.Request, COOKIE)) return false;
  if (openCookieIn(policy, host.value, host.value + host.valueLength)) return true;
  return tried < MAX_TRIED && openCookieInFurtherLines(policy);
}

function readHeader(policy: Policy): bool {
  if (!host.getHeader(HeaderMap.Request, policy.sessionName)) return false;
  const opened = accept(policy, host.value, host.valueLength);
  if (policy.stripFromRequest) host.removeHeader(HeaderMap.Request, policy.sessionName);
  return opened;
}

/** Whether a value opens, and the session that it names is not over. */
function accept(policy: Policy, value: usize, length: u32): bool {
  tried++;
  if (!openToken(value, length, policy.keys, token)) return false;
  const lifetime = policy.lifetime;
  let unseen = false;
  if (lifetime.ends) {
    if (now == 0) now = host.now();
    if (lifetime.isOver(token.issued, token.seen, now)) {
      expired = true;
      return false;
    }
    unseen = lifetime.isRenewalDue(token.seen, now);
  }
  renewalDue = unseen || token.keyId != policy.keys.id;
  return true;
}

function openCookieIn(policy: Policy, line: usize, end: usize): bool {
  const name = policy.sessionName;
  while (tried < MAX_TRIED) {
    const value = findCookie(line, end, name.start, name.length);
    if (value == 0) return false;
    if (accept(policy, value, <u32>(cookieEnd - value))) return true;
    line = cookieNext;
  }
  return false;
}

/** HTTP/1.1 lets a client send several Cookie lines, and Envoy gives them one by one only among all headers. */
function openCookieInFurtherLines(policy: Policy): bool {
  if (!startLines() || !nextLine()) return false;
  while (nextLine()) {
    if (openCookieIn(policy, line, lineEnd)) return true;
  }
  return false;
}

/** Leaves one Cookie line without the cookies of our name, or none. */
function readAndStripCookies(policy: Policy): bool {
  if (!startLines()) return false;
  const name = policy.sessionName;
  // The rest of the lines is shorter than the headers, which have more between two values than the "; " that joins them.
  const rest = allocate(host.valueLength);
  if (rest == 0) return false;
  let opened = false;
  let stripped = false;
  let to = rest;
  while (nextLine()) {
    if (!opened) opened = openCookieIn(policy, line, lineEnd);
    const from = to == rest ? to : to + 2;
    const end = copyWithoutCookie(line, lineEnd, name.start, name.length, from);
    if (end - from != lineEnd - line) stripped = true;
    if (end == from) continue;
    if (to != rest) store<u16>(to, 0x203b); // "; "
    to = end;
  }
  if (stripped) {
    if (to == rest) host.removeHeader(HeaderMap.Request, COOKIE);
    else host.replaceHeader(HeaderMap.Request, COOKIE, rest, <u32>(to - rest));
  }
  return opened;
}

// The Cookie lines among all headers, as the host lays them out.
let linesLeft: u32 = 0;
let lengths: usize = 0;
let at: usize = 0;
let end: usize = 0;
/** The line that `nextLine` found. */
export let line: usize = 0;
export let lineEnd: usize = 0;

/** Goes through the Cookie lines of the request by `nextLine`. */
export function startLines(): bool {
  if (!host.getHeaders(HeaderMap.Request) || host.valueLength < 4) return false;
  end = host.value + host.valueLength;
  linesLeft = load<u32>(host.value);
  lengths = host.value + 4;
  if (<u64>linesLeft * 8 > <u64>(end - lengths)) return false;
  at = lengths + <usize>linesLeft * 8;
  return true;
}

/** Goes on to the next Cookie line, [line, lineEnd). */
export function nextLine(): bool {
  while (linesLeft > 0) {
    const nameLength = <usize>load<u32>(lengths);
    const valueLength = <usize>load<u32>(lengths, 4);
    if (<u64>nameLength + <u64>valueLength + 2 > <u64>(end - at)) return false;
    const name = at;
    line = at + nameLength + 1;
    lineEnd = line + valueLength;
    linesLeft--;
    lengths += 8;
    at = lineEnd + 1;
    if (COOKIE.is(name, <u32>nameLength)) return true;
  }
  return false;
}

// nginx takes no more unless told (large_client_header_buffers, 4 of 8 KiB), and answers 400.
const MAX_JOINED: u32 = 32 * 1024;

/** All Cookie lines as one, [line, lineEnd), with "; " between them as nginx joins them; false when there is none. */
export function joinLines(): bool {
  if (!startLines() || !nextLine()) return false;
  const first = line;
  const firstEnd = lineEnd;
  if (!nextLine()) {
    line = first;
    lineEnd = firstEnd;
    return lineEnd - line <= MAX_JOINED;
  }
  // Two values have more between them among the headers than "; ".
  const joined = allocate(host.valueLength);
  if (joined == 0) return false;
  memory.copy(joined, first, firstEnd - first);
  let to = joined + (firstEnd - first);
  do {
    store<u16>(to, 0x203b);
    memory.copy(to + 2, line, lineEnd - line);
    to += 2 + (lineEnd - line);
  } while (nextLine());
  line = joined;
  lineEnd = to;
  return to - joined <= MAX_JOINED;
}
