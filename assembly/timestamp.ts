import { isDigit } from "./text";

/**
 * Unix seconds of an RFC 3339 time such as `2027-01-31T00:00:00Z` or `2027-01-31T01:00:00+01:00`; a fraction is cut off. 0
 * for what is none, or is not after 1970 and before 2106-02-07.
 */
export function timestampSeconds(text: string): u32 {
  if (text.length < 20 || text.charCodeAt(4) != 0x2d || text.charCodeAt(7) != 0x2d) return 0;
  const separator = text.charCodeAt(10) | 0x20;
  if (separator != 0x74 || text.charCodeAt(13) != 0x3a || text.charCodeAt(16) != 0x3a) return 0;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  // A leap second is the first of the next minute, as it is on the clocks of computers.
  const second = digits(text, 17, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > daysOf(month, year)) return 0;
  if (<u32>hour > 23 || <u32>minute > 59 || <u32>second > 60) return 0;

  let at = 19;
  if (text.charCodeAt(at) == 0x2e) {
    const from = ++at;
    while (at < text.length && isDigit(text.charCodeAt(at))) at++;
    if (at == from) return 0;
  }
  const zone = at < text.length ? text.charCodeAt(at) : 0;
  let offset = 0;
  if ((zone | 0x20) == 0x7a) {
    if (text.length != at + 1) return 0;
  } else {
    if ((zone != 0x2b && zone != 0x2d) || text.length != at + 6 || text.charCodeAt(at + 3) != 0x3a) return 0;
    const hours = digits(text, at + 1, 2);
    const minutes = digits(text, at + 4, 2);
    if (<u32>hours > 23 || <u32>minutes > 59) return 0;
    offset = (hours * 60 + minutes) * (zone == 0x2b ? -60 : 60);
  }
  const seconds = <i64>daysSince1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second + offset;
  return seconds > 0 && seconds <= 0xffffffff ? <u32>seconds : 0;
}

/** The number that `count` characters stand for; -1 when one of them is no digit. */
function digits(text: string, at: i32, count: i32): i32 {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const code = text.charCodeAt(i);
    if (!isDigit(code)) return -1;
    number = number * 10 + (code - 0x30);
  }
  return number;
}

function daysOf(month: i32, year: i32): i32 {
  if (month == 2) return isLeap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

function isLeap(year: i32): bool {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil: years that start in March.
function daysSince1970(year: i32, month: i32, day: i32): i32 {
  const shifted = month > 2 ? year : year - 1;
  const era = shifted / 400;
  const yearOfEra = shifted % 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}
