import { text } from "./literals";

/** Characters of a date that `writeDate` writes. */
export const DATE_LENGTH: u32 = 29;

// Three letters each, and a blank, which makes them words of 32 bits.
const DAYS = text("Thu Fri Sat Sun Mon Tue Wed ");
const MONTHS = text("Mar Apr May Jun Jul Aug Sep Oct Nov Dec Jan Feb ");
const PATTERN = text("ddd, 00 mmm 0000 00:00:00 GMT");

/** Writes a unix time in seconds as an IMF-fixdate (RFC 9110, section 5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function writeDate(seconds: u32, to: usize): void {
  const days = seconds / 86400;
  const time = seconds % 86400;
  // Years that start in March have their leap day at the end, where it moves no month. All dates lie in one era of 400
  // years or the next. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
  const shifted = days + 719468;
  const era = shifted / 146097;
  const dayOfEra = shifted % 146097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const month = (5 * dayOfYear + 2) / 153;
  const year = yearOfEra + era * 400 + (month > 9 ? 1 : 0);

  PATTERN.copyTo(to);
  memory.copy(to, DAYS.start + ((<usize>days % 7) << 2), 3);
  writeTwoDigits(dayOfYear - (153 * month + 2) / 5 + 1, to + 5);
  memory.copy(to + 8, MONTHS.start + ((<usize>month) << 2), 3);
  writeTwoDigits(year / 100, to + 12);
  writeTwoDigits(year % 100, to + 14);
  writeTwoDigits(time / 3600, to + 17);
  writeTwoDigits((time / 60) % 60, to + 20);
  writeTwoDigits(time % 60, to + 23);
}

function writeTwoDigits(number: u32, to: usize): void {
  store<u8>(to, <u8>(0x30 + number / 10));
  store<u8>(to, <u8>(0x30 + (number % 10)), 1);
}
