import { equal } from "./bytes";
import { isDigit } from "./characters";
import { text } from "./literals";
import { Text } from "./text";

const CHROME = text("Chrome/");
const CHROME_WORD = text("Chrome");
const IPHONE = text("CPU iPhone OS 12");
const IPAD = text("iPad; CPU OS 12");
const MACINTOSH = text("Macintosh");
const MOJAVE = text("Intel Mac OS X 10_14");
const SAFARI = text("Safari");

/**
 * Whether a browser takes `SameSite=None` for `Strict` or drops the cookie: Chrome 4 to 6 and 40 to 69, iOS 12, Safari
 * on macOS 10.14. The list is ingress-nginx's, whose `Chrome/4` is true of a Chrome 400 too; here a version ends where
 * its digits do.
 */
export function misreadsSameSiteNone(userAgent: usize, length: u32): bool {
  const end = userAgent + length;
  for (let at = find(userAgent, end, CHROME); at; at = find(at, end, CHROME)) {
    at += CHROME.length;
    const digit = at < end ? load<u8>(at) : 0;
    const digits = digitsEnd(at, end) - at;
    if (digit >= 0x34 && digit <= 0x36 && digits <= 2) return true;
  }
  if (hasVersion(userAgent, end, IPHONE) || hasVersion(userAgent, end, IPAD)) return true;
  return (
    hasVersion(userAgent, end, MOJAVE) &&
    find(userAgent, end, MACINTOSH) != 0 &&
    find(userAgent, end, SAFARI) != 0 &&
    find(userAgent, end, CHROME_WORD) == 0
  );
}

/** Whether these words, which end in a version, stand in [at, end) with no further digit of it behind them. */
function hasVersion(at: usize, end: usize, words: Text): bool {
  for (at = find(at, end, words); at; at = find(at, end, words)) {
    at += words.length;
    if (digitsEnd(at, end) == at) return true;
  }
  return false;
}

function digitsEnd(at: usize, end: usize): usize {
  while (at < end && isDigit(load<u8>(at))) at++;
  return at;
}

/** Where the word stands first in [at, end); 0 when it does not. */
function find(at: usize, end: usize, word: Text): usize {
  const length = <usize>word.length;
  for (; at + length <= end; at++) {
    if (equal(at, word.start, length)) return at;
  }
  return 0;
}
