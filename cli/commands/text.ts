/** Text for people: what comes from outside, made fit for a terminal, and times. */

// Controls of C0 and C1, what turns the direction of text, and halves of surrogate pairs.
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;
const SHOWN_LENGTH = 60;

/** The text with everything that would act on a terminal, or break the line, as `\uXXXX`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** An argument as an error names it: printable, shortened, and not at all when it may be a key in the wrong place. */
export function shown(text: string): string {
  if (mayBeKey(text)) return "(not shown, as it may be a key)";
  return printable(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text);
}

/** Whether this is base64 of 32 bytes, of either alphabet, with or without its padding. */
function mayBeKey(text: string): boolean {
  return /^(?:\d{1,3}=)?[A-Za-z0-9+/_-]{43}=?$/.test(text.trim());
}

/** `2027-01-15T08:00:00Z` of a unix time in seconds. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
] as const;

/** `2 d 3 h ago`, `just now`, `in 5 min`: the two largest units of an age in seconds. */
export function ageText(age: number): string {
  const parts: string[] = [];
  let rest = Math.abs(age);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    // No further than the unit below the first: `3 d 12 s` would be odd.
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  if (parts.length === 0) return "just now";
  return age > 0 ? `${parts.join(" ")} ago` : `in ${parts.join(" ")}: by a clock that is ahead`;
}
