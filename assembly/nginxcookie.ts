import { equal } from "./bytes";
import { isBlank } from "./cookie";

/** Cookies as ingress-nginx reads and writes them. */

/** The value that `findNginxCookie` found: [valueStart, valueEnd). */
export let valueStart: usize = 0;
export let valueEnd: usize = 0;

/**
 * Finds the last cookie of a name in the bytes [at, end) of a Cookie header, by the rules of lua-resty-cookie: a name runs
 * from the first character that is no blank to the next "=", whatever is in between; a value up to ";" or a blank. The
 * last of several counts, if it is empty too.
 */
export function findNginxCookie(at: usize, end: usize, name: usize, nameLength: usize): bool {
  let found = false;
  while (true) {
    while (at < end && isBlank(load<u8>(at))) at++;
    const start = at;
    while (at < end && load<u8>(at) != 0x3d) at++;
    if (at == end) return found;
    const isOurs = at - start == nameLength && equal(start, name, nameLength);
    const value = ++at;
    while (at < end && load<u8>(at) != 0x3b && !isBlank(load<u8>(at))) at++;
    if (isOurs) {
      found = true;
      valueStart = value;
      valueEnd = at;
    }
    if (at < end) at++;
  }
}

/** The first two parts of the value that `splitValue` was given; of no length where it has none. */
export let keyStart: usize = 0;
export let keyLength: usize = 0;
export let backendKeyStart: usize = 0;
export let backendKeyLength: usize = 0;

/** Takes `UPSTREAM_KEY|BACKEND_KEY` apart; parts of no length count for nothing, further ones neither. */
export function splitValue(at: usize, end: usize): void {
  keyStart = skipBars(at, end);
  const keyEnd = nextBar(keyStart, end);
  keyLength = keyEnd - keyStart;
  backendKeyStart = skipBars(keyEnd, end);
  backendKeyLength = nextBar(backendKeyStart, end) - backendKeyStart;
}

function skipBars(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) == 0x7c) at++;
  return at;
}

function nextBar(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) != 0x7c) at++;
  return at;
}
