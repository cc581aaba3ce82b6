import { isDigit } from "./characters";

const enum Part {
  Year,
  Month,
  Day,
  Hour,
  Minute,
  Second,
}

// Digits of each part, and what stands behind it; nothing in particular behind the seconds.
const DIGITS = memory.data<u8>([4, 2, 2, 2, 2, 2]);
const SEPARATORS = memory.data<u8>([0x2d, 0x2d, 0x74, 0x3a, 0x3a, 0]);
const parts = memory.data(6 * 4, 4);

let at: usize = 0;
let end: usize = 0;

/**
 * Unix seconds of an RFC 3339 time such as `2027-01-31T00:00:00Z` or `2027-01-31T01:00:00+01:00`; a fraction is cut off. 0
 * for what is none, or is not after 1970 and before 2106-02-07.
 */
export function timestampSeconds(text: usize, length: u32): u32 {
  at = text;
  end = text + length;
  for (let part: usize = 0; part < 6; part++) {
    store<i32>(parts + (part << 2), readDigits(load<u8>(DIGITS + part)));
    const separator = load<u8>(SEPARATORS + part);
    // The letter may be of upper case; no other separator has 0x40, which becomes the bit of lower case.
    if (separator && (nextByte() | ((separator >> 1) & 0x20)) != separator) return 0;
  }
  const year = partOf(Part.Year);
  const month = partOf(Part.Month);
  const day = partOf(Part.Day);
  const hour = partOf(Part.Hour);
  const minute = partOf(Part.Minute);
  // A leap second is the first of the next minute, as it is on the clocks of computers.
  const second = partOf(Part.Second);
  if (year < 1970 || month < 1 || month > 12 || day < 1) return 0;
  const before = daysBefore(year, month);
  if (day > daysBefore(year, month + 1) - before) return 0;
  if (<u32>hour > 23 || <u32>minute > 59 || <u32>second > 60) return 0;

  let zone = nextByte();
  if (zone == 0x2e) {
    const from = at;
    while (isDigit((zone = nextByte()))) continue;
    if (at - from < 2) return 0;
  }
  let offset = 0;
  if ((zone | 0x20) != 0x7a) {
    if (zone != 0x2b && zone != 0x2d) return 0;
    const hours = readDigits(2);
    if (nextByte() != 0x3a) return 0;
    const minutes = readDigits(2);
    if (<u32>hours > 23 || <u32>minutes > 59) return 0;
    offset = (hours * 60 + minutes) * (zone == 0x2b ? -60 : 60);
  }
  if (at != end) return 0;
  const seconds = <i64>(before + day - 1) * 86400 + hour * 3600 + minute * 60 + second + offset;
  return seconds > 0 && seconds <= 0xffffffff ? <u32>seconds : 0;
}

function partOf(part: Part): i32 {
  return load<i32>(parts + ((<usize>part) << 2));
}

/** The byte at hand, which is passed; -1 at the end, which is passed too, so that it is not taken for the right one. */
function nextByte(): i32 {
  const byte: i32 = at < end ? load<u8>(at) : -1;
  at++;
  return byte;
}

/** The number that the next `count` characters stand for; below 0 when one of them is no digit. */
function readDigits(count: i32): i32 {
  let number = 0;
  for (; count > 0; count--) {
    const byte = nextByte();
    // Far enough below 0 that the further digits do not bring it back.
    number = isDigit(byte) ? number * 10 + (byte - 0x30) : -10000;
  }
  return number;
}

/**
 * Days from 1970-01-01 to the first of a month; month 13 is the next January. In years that start in March the leap day is
 * the last, as in `writeDate`. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
 */
function daysBefore(year: i32, month: i32): i32 {
  const sinceMarch = month + 9;
  year += sinceMarch / 12 - 1;
  return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (sinceMarch % 12) + 2) / 5 - 719468;
}
