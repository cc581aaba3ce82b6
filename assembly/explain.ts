/** Tells in the log what became of one request, for who asked by the debug header. Nothing here is on any other's way. */
import { decodeBase64Url } from "./base64";
import { MAX_TRIED, token as carried, line, lineEnd, nextLine, startLines } from "./carrier";
import { cookieEnd, cookieNext, findCookie } from "./cookie";
import { Event, putEvent } from "./counters";
import { writeHex64 } from "./digits";
import { writeEndpoint } from "./endpoint";
import { obtain, staying } from "./heap";
import * as host from "./host";
import { CODE_DETAILS, HeaderMap, LogLevel, UPSTREAM_ADDRESS } from "./host";
import { age } from "./lifetime";
import { text, words } from "./literals";
import { Policy } from "./policy";
import { Stream } from "./streams";
import { Text } from "./text";
import { MAX_TOKEN, MIN_TOKEN, Token, VERSION, openToken } from "./token";
import { begin, put, putBytes, putDecimal, putText, written, writtenLength } from "./writer";

const token = changetype<Token>(memory.data(offsetof<Token>(), 8));
const scratch = obtain(staying, 512);

/** Before the filter acts: each value that the request brings, and what is wrong with it. */
export function explainRequest(policy: Policy): void {
  const name = policy.sessionName;
  let resumed = false;
  let count: u32 = 0;
  if (policy.inHeader) count = host.getHeader(HeaderMap.Request, name) ? 1 : 0;
  else if (startLines()) while (nextLine()) count += countIn(name);
  begin();
  put(words("affinity: debug: request: "));
  putDecimal(count);
  put(policy.inHeader ? words(" of header ") : words(" of cookie "));
  putText(name);
  put(words(":"));
  if (policy.inHeader) {
    if (count) resumed = putVerdict(policy, 1, host.value, host.valueLength);
  } else if (startLines()) {
    let number: u32 = 0;
    while (nextLine()) {
      let at = line;
      while (number < MAX_TRIED && !resumed) {
        const value = findCookie(at, lineEnd, name.start, name.length);
        if (value == 0) break;
        at = cookieNext;
        resumed = putVerdict(policy, ++number, value, <u32>(cookieEnd - value));
      }
    }
  }
  if (!resumed) put(words(" a new client"));
  log();
}

/** How many cookies of a name are in the line at hand. */
function countIn(name: Text): u32 {
  let count: u32 = 0;
  for (let at = line; findCookie(at, lineEnd, name.start, name.length); at = cookieNext) count++;
  return count;
}

/** What cookies of another system say, where there is one and no token; `pinned` by its pod. */
export function explainFormer(pinned: bool): void {
  begin();
  put(words("affinity: debug: request: a cookie of another system names "));
  const pod = pinned ? writeEndpoint(carried.endpoint, scratch) : 0;
  put(pod ? words("pod ") : words("no pod that is honoured"));
  putBytes(scratch, pod);
  log();
}

/** After the filter has acted. */
export function explainResponse(stream: Stream, event: Event): void {
  begin();
  put(words("affinity: debug: response: "));
  if (event == Event.None) {
    put(words("no token is set"));
  } else {
    putEvent(event);
    put(words(", a token is set"));
  }
  put(words("; pod "));
  putProperty(UPSTREAM_ADDRESS, text("none"));
  put(words(", response.code_details "));
  putProperty(CODE_DETAILS, text("unknown"));
  put(words(", session "));
  if (stream.session != 0) putSession(stream.session);
  else put(words("none"));
  log();
}

function log(): void {
  host.log(LogLevel.Warn, written, writtenLength());
}

/** Puts whether a value opens and is in time, or why not; returns it too. */
function putVerdict(policy: Policy, number: u32, at: usize, length: u32): bool {
  put(words(" #"));
  putDecimal(number);
  const opened = openToken(at, length, policy.keys, token);
  let over = false;
  if (opened) {
    const now = host.now();
    over = policy.lifetime.isOver(token.issued, token.seen, now);
    put(over ? words(" is over: by key ") : words(" opens: by key "));
    putDecimal(token.keyId);
    put(words(", session "));
    putSession(token.session);
    putAge(words(", issued "), token.issued, now);
    putAge(words(", seen "), token.seen, now);
    put(words(", pod "));
    const pod = writeEndpoint(token.endpoint, scratch);
    putBytes(scratch, pod);
    if (pod == 0) put(words("none"));
  } else {
    put(words(" does not open: "));
    putFault(policy, at, length);
  }
  put(words(";"));
  return opened && !over;
}

function putFault(policy: Policy, at: usize, length: u32): void {
  if (length < MIN_TOKEN || length > MAX_TOKEN) {
    putDecimal(length);
    put(words(" characters are no token"));
  } else if (decodeBase64Url(at, length, scratch) < 0) {
    put(words("not base64url"));
  } else if (load<u8>(scratch) != VERSION) {
    put(words("of another version"));
  } else if (policy.keys.find(load<u8>(scratch, 1)) == null) {
    put(words("no key "));
    putDecimal(load<u8>(scratch, 1));
  } else {
    put(words("altered, or of another key, scope or name"));
  }
}

function putAge(what: u32, time: u32, now: u32): void {
  put(what);
  putDecimal(age(time, now));
  put(words(" s ago"));
}

function putSession(session: u64): void {
  writeHex64(session, scratch);
  putBytes(scratch, 16);
}

function putProperty(path: Text, otherwise: Text): void {
  if (host.getProperty(path)) putBytes(host.value, host.valueLength);
  else putText(otherwise);
}
