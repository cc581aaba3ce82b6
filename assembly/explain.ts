/** Tells in the log what became of one request, for who asked by the debug header. Nothing here is on any other's way. */
import { decodeBase64Url } from "./base64";
import { MAX_TRIED, token as carried, line, lineEnd, nextLine, startLines } from "./carrier";
import { cookieEnd, cookieNext, findCookie } from "./cookie";
import { Event, eventName } from "./counters";
import { writeHex64 } from "./digits";
import { MAX_ENDPOINT_TEXT, writeEndpoint } from "./endpoint";
import * as host from "./host";
import { CODE_DETAILS, HeaderMap, LogLevel, UPSTREAM_ADDRESS } from "./host";
import { Policy } from "./policy";
import { Stream } from "./streams";
import { decimal } from "./text";
import { MAX_TOKEN, MIN_TOKEN, Token, VERSION, openToken } from "./token";

const token = changetype<Token>(memory.data(offsetof<Token>(), 8));
const scratch = memory.data(512);

/** Before the filter acts: each value that the request brings, and what is wrong with it. */
export function explainRequest(policy: Policy): void {
  let text = "";
  let count = 0;
  let resumed = false;
  if (policy.inHeader) {
    if (host.getHeader(HeaderMap.Request, policy.sessionName)) {
      count = 1;
      resumed = opens(policy, host.value, host.valueLength);
      text = " #1 " + verdict;
    }
  } else if (startLines()) {
    while (nextLine()) {
      let at = line;
      while (true) {
        const name = policy.sessionName;
        const value = findCookie(at, lineEnd, changetype<usize>(name), name.byteLength);
        if (value == 0) break;
        at = cookieNext;
        count++;
        if (<u32>count > MAX_TRIED || resumed) continue;
        resumed = opens(policy, value, <u32>(cookieEnd - value));
        text += " #" + decimal(count) + " " + verdict;
      }
    }
  }
  const kind = policy.inHeader ? "header " : "cookie ";
  log(
    "request: " +
      decimal(count) +
      " of " +
      kind +
      decoded(policy.sessionName) +
      ":" +
      text +
      (resumed ? "" : " a new client"),
  );
}

/** What cookies of another system say, where there is one and no token; `pinned` by its pod. */
export function explainFormer(pinned: bool): void {
  const pod = pinned ? writeEndpoint(carried.endpoint, scratch) : 0;
  log(
    "request: a cookie of another system names " +
      (pod ? "pod " + String.UTF8.decodeUnsafe(scratch, pod) : "no pod that is honoured"),
  );
}

/** After the filter has acted. */
export function explainResponse(stream: Stream, event: Event): void {
  const details = host.getProperty(CODE_DETAILS) ? value() : "unknown";
  const pod = host.getProperty(UPSTREAM_ADDRESS) ? value() : "none";
  const outcome = event == Event.None ? "no token is set" : eventName(event) + ", a token is set";
  log(
    "response: " +
      outcome +
      "; pod " +
      pod +
      ", response.code_details " +
      details +
      ", session " +
      (stream.session != 0 ? hex(stream.session) : "none"),
  );
}

// Managed strings are made only here and collected at once. What the callers hold is held by its root too.
function log(text: string): void {
  host.log(LogLevel.Warn, "debug: " + text);
  __collect();
}

let verdict = "";

/** Whether a value opens and is in time; `verdict` says how, or why not. */
function opens(policy: Policy, at: usize, length: u32): bool {
  verdict = "does not open: " + fault(policy, at, length) + ";";
  if (!openToken(at, length, policy.keys, token)) return false;
  const now = host.now();
  const pod = writeEndpoint(token.endpoint, scratch);
  const over = policy.lifetime.isOver(token.issued, token.seen, now);
  verdict =
    (over ? "is over: by key " : "opens: by key ") +
    decimal(token.keyId) +
    ", session " +
    hex(token.session) +
    ", issued " +
    age(token.issued, now) +
    ", seen " +
    age(token.seen, now) +
    ", pod " +
    (pod ? String.UTF8.decodeUnsafe(scratch, pod) : "none") +
    ";";
  return !over;
}

function fault(policy: Policy, at: usize, length: u32): string {
  if (length < MIN_TOKEN || length > MAX_TOKEN) return decimal(length) + " characters are no token";
  if (decodeBase64Url(at, length, scratch) < 0) return "not base64url";
  if (load<u8>(scratch) != VERSION) return "of another version";
  if (policy.keys.find(load<u8>(scratch, 1)) == null) return "no key " + decimal(load<u8>(scratch, 1));
  return "altered, or of another key, scope or name";
}

function age(time: u32, now: u32): string {
  return decimal(now > time ? now - time : 0) + " s ago";
}

function hex(session: u64): string {
  writeHex64(session, scratch + MAX_ENDPOINT_TEXT);
  return String.UTF8.decodeUnsafe(scratch + MAX_ENDPOINT_TEXT, 16);
}

function value(): string {
  return String.UTF8.decodeUnsafe(host.value, host.valueLength);
}

function decoded(bytes: ArrayBuffer): string {
  return String.UTF8.decode(bytes);
}
