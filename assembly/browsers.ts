import { equal } from "./bytes";
import { isDigit } from "./text";

const CHROME = String.UTF8.encode("Chrome/");
const CHROME_WORD = String.UTF8.encode("Chrome");
const IPHONE = String.UTF8.encode("CPU iPhone OS 12");
const IPAD = String.UTF8.encode("iPad; CPU OS 12");
const MACINTOSH = String.UTF8.encode("Macintosh");
const MOJAVE = String.UTF8.encode("Intel Mac OS X 10_14");
const SAFARI = String.UTF8.encode("Safari");

/**
 * Whether a browser takes `SameSite=None` for `Strict` or drops the cookie: Chrome 4 to 6 and 40 to 69, iOS 12, Safari
 * on macOS 10.14. The list is ingress-nginx's, whose `Chrome/4` is true of a Chrome 400 too; here a version ends where
 * its digits do.
 */
export function misreadsSameSiteNone(userAgent: usize, length: u32): bool {
  const end = userAgent + length;
  for (let at = find(userAgent, end, CHROME); at; at = find(at, end, CHROME)) {
    at += CHROME.byteLength;
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
function hasVersion(at: usize, end: usize, words: ArrayBuffer): bool {
  for (at = find(at, end, words); at; at = find(at, end, words)) {
    at += words.byteLength;
    if (digitsEnd(at, end) == at) return true;
  }
  return false;
}

function digitsEnd(at: usize, end: usize): usize {
  while (at < end && isDigit(load<u8>(at))) at++;
  return at;
}

/** Where the word stands first in [at, end); 0 when it does not. */
function find(at: usize, end: usize, word: ArrayBuffer): usize {
  const length = <usize>word.byteLength;
  for (; at + length <= end; at++) {
    if (equal(at, changetype<usize>(word), length)) return at;
  }
  return 0;
}
