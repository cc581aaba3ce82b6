import { equal } from "./bytes";
import { hexValue } from "./characters";
import { writeDecimal, writeHex } from "./digits";

/**
 * The address of a pod, in the two forms that the filter meets: Envoy's text (`10.0.0.1:9080`, `[::1]:9080`, or
 * anything else that Envoy calls a host, such as the path of a socket) and the bytes inside a token:
 * `4` address(4) port(2), or `6` address(16) port(2), or `0` length(1) text.
 */

const VERSION_4: u8 = 4;
const VERSION_6: u8 = 6;
const TEXT: u8 = 0;

/** Most bytes that an endpoint takes inside a token. */
export const MAX_ENDPOINT: u32 = 2 + 255;
/** Of a token that pins nothing: a text of no characters. */
export const NO_ENDPOINT = memory.data<u8>([TEXT, 0]);
export const NO_ENDPOINT_LENGTH: u32 = 2;
/** Most characters that `writeEndpoint` writes. */
export const MAX_ENDPOINT_TEXT: u32 = 255;

// "[" + 8 groups of 4 with 7 colons, the last two as an IPv4 address + "]:65535"
const draft = memory.data(64);

/**
 * Encodes Envoy's text of a host; returns the bytes written, at most MAX_ENDPOINT, or 0 for what no token can carry
 * (nothing, or more than 255 characters). A text that would not come back to the letter stays a text.
 */
export function readEndpoint(text: usize, length: u32, to: usize): u32 {
  if (length == 0 || length > 255) return 0;
  const end = text + length;
  let written: u32 = 0;
  if (load<u8>(text) == 0x5b) {
    store<u8>(to, VERSION_6);
    const bracket = readIPv6(text + 1, end, to + 1);
    if (bracket && end - bracket > 2 && load<u16>(bracket) == 0x3a5d && readPort(bracket + 2, end, to + 17))
      written = 19;
  } else {
    store<u8>(to, VERSION_4);
    const colon = readIPv4(text, end, to + 1);
    if (colon && colon < end && load<u8>(colon) == 0x3a && readPort(colon + 1, end, to + 5)) written = 7;
  }
  if (written && writeEndpoint(to, draft) == length && equal(draft, text, length)) return written;
  store<u8>(to, TEXT);
  store<u8>(to, <u8>length, 1);
  memory.copy(to + 2, text, length);
  return 2 + length;
}

/** Writes Envoy's text of an encoded endpoint; returns the characters written, 0 when nothing is pinned. */
export function writeEndpoint(endpoint: usize, to: usize): u32 {
  const version = load<u8>(endpoint);
  if (version == VERSION_4) {
    const colon = writeIPv4(endpoint + 1, to);
    store<u8>(colon, 0x3a);
    return <u32>(writeDecimal(port(endpoint + 5), colon + 1) - to);
  }
  if (version == VERSION_6) {
    store<u8>(to, 0x5b);
    const bracket = writeIPv6(endpoint + 1, to + 1);
    store<u16>(bracket, 0x3a5d); // "]:"
    return <u32>(writeDecimal(port(endpoint + 17), bracket + 2) - to);
  }
  const length = <u32>load<u8>(endpoint, 1);
  memory.copy(to, endpoint + 2, length);
  return length;
}

/** Whether an encoded endpoint is an address and port, and not another text. */
export function isAddress(endpoint: usize): bool {
  return load<u8>(endpoint) != TEXT;
}

/** Bytes that the encoded endpoint at the start of these `length` bytes takes; 0 when it is none. */
export function endpointSize(endpoint: usize, length: u32): u32 {
  if (length < 2) return 0;
  const version = load<u8>(endpoint);
  const size: u32 =
    version == VERSION_4
      ? 7
      : version == VERSION_6
        ? 19
        : version == TEXT
          ? 2 + <u32>load<u8>(endpoint, 1)
          : 0;
  return size <= length ? size : 0;
}

function port(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at));
}

/** Reads up to `max` decimal digits without a leading zero; -1 when there is no such number. Sets `numberEnd`. */
function readDecimal(at: usize, end: usize, max: u32): i32 {
  let value: u32 = 0;
  const from = at;
  for (; at < end && at - from < <usize>max; at++) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    value = value * 10 + digit;
  }
  numberEnd = at;
  return at == from || (load<u8>(from) == 0x30 && at - from > 1) ? -1 : <i32>value;
}
let numberEnd: usize = 0;

function readPort(at: usize, end: usize, to: usize): bool {
  const value = readDecimal(at, end, 5);
  if (value < 0 || value > 65535 || numberEnd != end) return false;
  store<u16>(to, bswap<u16>(<u16>value));
  return true;
}

/** Returns where the address ends, or 0. */
function readIPv4(at: usize, end: usize, to: usize): usize {
  for (let i: usize = 0; i < 4; i++) {
    if (i) {
      if (at == end || load<u8>(at) != 0x2e) return 0;
      at++;
    }
    const octet = readDecimal(at, end, 3);
    if (octet < 0 || octet > 255) return 0;
    store<u8>(to + i, <u8>octet);
    at = numberEnd;
  }
  return at;
}

/** RFC 4291, section 2.2. Returns where the address ends, or 0. */
function readIPv6(at: usize, end: usize, to: usize): usize {
  let group: usize = 0;
  let gap: usize = 8;
  memory.fill(to, 0, 16);
  if (isGap(at, end)) {
    gap = 0;
    at += 2;
  }
  while (group < 8 && at < end && hexValue(load<u8>(at)) >= 0) {
    const dotted = group <= 6 ? readIPv4(at, end, to + (group << 1)) : 0;
    if (dotted) {
      group += 2;
      at = dotted;
      break;
    }
    let value: i32 = 0;
    const from = at;
    for (; at < end && at - from < 4 && hexValue(load<u8>(at)) >= 0; at++)
      value = (value << 4) | hexValue(load<u8>(at));
    store<u16>(to + (group << 1), bswap<u16>(<u16>value));
    group++;
    if (at == end || load<u8>(at) != 0x3a) break;
    if (!isGap(at, end)) {
      at++;
    } else {
      if (gap < 8) return 0;
      gap = group;
      at += 2;
    }
  }
  if (gap == 8) return group == 8 ? at : 0;
  if (group == 8) return 0;
  const tail = (group - gap) << 1;
  memory.copy(to + 16 - tail, to + (gap << 1), tail);
  memory.fill(to + (gap << 1), 0, 16 - (group << 1));
  return at;
}

function isGap(at: usize, end: usize): bool {
  return end - at >= 2 && load<u16>(at) == 0x3a3a;
}

function writeIPv4(address: usize, at: usize): usize {
  for (let i: usize = 0; i < 4; i++) {
    if (i) store<u8>(at++, 0x2e);
    at = writeDecimal(load<u8>(address + i), at);
  }
  return at;
}

/** RFC 5952 as inet_ntop(3) writes it, which is how Envoy names its hosts. */
function writeIPv6(address: usize, at: usize): usize {
  let gap: usize = 8;
  let gapLength: usize = 1; // a single zero group is not shortened
  for (let i: usize = 0; i < 8; i++) {
    let length: usize = 0;
    while (i + length < 8 && load<u16>(address + ((i + length) << 1)) == 0) length++;
    if (length > gapLength) {
      gap = i;
      gapLength = length;
    }
  }
  // ::ffff:192.0.2.1, and the older ::192.0.2.1
  const mapped = gap == 0 && (gapLength == 6 || (gapLength == 5 && load<u16>(address, 10) == 0xffff));
  for (let i: usize = 0; i < 8; i++) {
    if (i == gap) {
      store<u16>(at, 0x3a3a); // "::"
      at += 2;
      i += gapLength - 1;
      continue;
    }
    if (mapped && i == 6) return writeIPv4(address + 12, at);
    at = writeHex(<u32>bswap<u16>(load<u16>(address + (i << 1))), at);
    if (i < 7 && i + 1 != gap) store<u8>(at++, 0x3a);
  }
  return at;
}
