import { equal } from "./bytes";

/** Of the cookie that `findCookie` returned: where its name starts, where its value ends, where to go on. */
export let cookieStart: usize = 0;
export let cookieEnd: usize = 0;
export let cookieNext: usize = 0;

/**
 * The value of the next cookie called `name` in the bytes [at, end) of a Cookie header, as a pointer; 0 when there
 * is none left. Its end is `cookieEnd`; one pair of double quotes around it is off. To go on, search from `cookieNext`.
 *
 * RFC 6265, section 4.2.1, read as servers read it: pairs end at ";", a name ends at the first "=" and is compared
 * byte for byte; blanks around name and value are no part of them; a piece without "=" is no cookie.
 */
export function findCookie(at: usize, end: usize, name: usize, nameLength: usize): usize {
  // Other people's cookies are the bulk of a header: the places of ";" are taken from 16 bytes at a time, up to 15 of them
  // behind `end`, so that no step waits for where the one before has ended.
  let chunk = at - CHUNK;
  let semicolons: i32 = 0;
  while (true) {
    while (at < end && isBlank(load<u8>(at))) at++;
    if (end - at > nameLength && load<u8>(at) == load<u8>(name) && equal(at, name, nameLength)) {
      const equals = skipBlanks(at + nameLength, end);
      if (equals < end && load<u8>(equals) == 0x3d) {
        cookieStart = at;
        cookieNext = pairEnd(equals + 1, end);
        return trim(skipBlanks(equals + 1, cookieNext), cookieNext);
      }
    }
    while (semicolons == 0) {
      chunk += CHUNK;
      if (chunk >= end) return 0;
      semicolons = semicolonsIn(chunk);
      // Between two in a row there is nothing to look at.
      semicolons &= ~(semicolons >> 1);
    }
    at = min(chunk + ctz(semicolons) + 1, end);
    semicolons &= semicolons - 1;
  }
}

const CHUNK: usize = 16;

/** A bit for each of 16 bytes that is a ";". */
// @ts-ignore: decorator
@inline
function semicolonsIn(chunk: usize): i32 {
  return i8x16.bitmask(i8x16.eq(v128.load(chunk), i8x16.splat(0x3b)));
}

/** Sets `cookieEnd` to the end of the value in [from, to) without blanks and quotes; returns its start. */
function trim(from: usize, to: usize): usize {
  while (to > from && isBlank(load<u8>(to - 1))) to--;
  if (to - from >= 2 && load<u8>(from) == 0x22 && load<u8>(to - 1) == 0x22) {
    from++;
    to--;
  }
  cookieEnd = to;
  return from;
}

/**
 * Copies the bytes [at, end) of a Cookie header to `to`, all but the cookies called `name`, each with the ";" behind it,
 * the last one with that before it. Returns where the copy ends.
 */
export function copyWithoutCookie(at: usize, end: usize, name: usize, nameLength: usize, to: usize): usize {
  const start = to;
  while (findCookie(at, end, name, nameLength)) {
    to = copy(at, cookieStart, to);
    if (cookieNext < end) {
      at = skipBlanks(cookieNext + 1, end);
    } else {
      at = end;
      while (to > start && isBlank(load<u8>(to - 1))) to--;
      if (to > start && load<u8>(to - 1) == 0x3b) to--;
    }
  }
  return copy(at, end, to);
}

function copy(from: usize, end: usize, to: usize): usize {
  memory.copy(to, from, end - from);
  return to + (end - from);
}

function skipBlanks(at: usize, end: usize): usize {
  while (at < end && isBlank(load<u8>(at))) at++;
  return at;
}

/** Where the next ";" stands, or `end`. */
function pairEnd(at: usize, end: usize): usize {
  for (; at < end; at += CHUNK) {
    const semicolons = semicolonsIn(at);
    if (semicolons) return min(at + ctz(semicolons), end);
  }
  return end;
}

// @ts-ignore: decorator
@inline
export function isBlank(byte: u8): bool {
  return byte == 0x20 || byte == 0x09;
}
