/**
 * Base64 of RFC 4648: section 5 (URL and filename safe alphabet) without padding, section 4 (standard alphabet) with it.
 * Decoding takes the canonical form only (section 3.5), so that no two texts stand for the same bytes.
 */

// -1 as a signed byte.
// @ts-ignore: decorator
@inline const FOREIGN: u8 = 0xff;
// @ts-ignore: decorator
@inline const EQUALS_SIGN: u8 = 0x3d;

// An alphabet: the 64 characters, then each character's value by its byte, FOREIGN where it has none.
const VALUES: usize = 64;
const standard = memory.data(64 + 256);
const urlSafe = memory.data(64 + 256);
define(standard, 0x2b, 0x2f); // + /
define(urlSafe, 0x2d, 0x5f); // - _

/** Writes base64url without padding of `length` bytes at `from` to `to`, and returns the number of characters. */
export function encodeBase64Url(from: usize, length: u32, to: usize): u32 {
  return encode(from, length, to, urlSafe);
}

/** Writes padded standard base64 of `length` bytes at `from` to `to`, and returns the number of characters. */
export function encodeBase64(from: usize, length: u32, to: usize): u32 {
  let written = encode(from, length, to, standard);
  for (; written & 3; written++) store<u8>(to + written, EQUALS_SIGN);
  return written;
}

/**
 * Writes the bytes that `length` characters of unpadded base64url at `from` stand for to `to`, which may be `from`, and
 * returns their number; -1 where the text is not canonical (what stands at `to` is then undefined).
 */
export function decodeBase64Url(from: usize, length: u32, to: usize): i32 {
  return decode(from, length, to, urlSafe + VALUES);
}

/** As decodeBase64Url, for the standard alphabet, with the padding that it requires. */
export function decodeBase64(from: usize, length: u32, to: usize): i32 {
  if (length & 3) return -1;
  if (length > 0 && load<u8>(from + length - 1) == EQUALS_SIGN) length--;
  // A second sign only behind a first: otherwise it is a foreign character like any other.
  if ((length & 3) == 3 && load<u8>(from + length - 1) == EQUALS_SIGN) length--;
  return decode(from, length, to, standard + VALUES);
}

function define(alphabet: usize, sign62: u8, sign63: u8): void {
  memory.fill(alphabet + VALUES, FOREIGN, 256);
  for (let value: u8 = 0; value < 64; value++) {
    let character = value == 62 ? sign62 : sign63;
    if (value < 26) character = 0x41 + value;
    else if (value < 52) character = 0x61 + value - 26;
    else if (value < 62) character = 0x30 + value - 52;
    store<u8>(alphabet + value, character);
    store<u8>(alphabet + VALUES + character, value);
  }
}

function encode(from: usize, length: u32, to: usize, alphabet: usize): u32 {
  const start = to;
  const end = from + length;
  for (; from < end; from += 3) {
    const left = end - from;
    let bits = (<u32>load<u8>(from)) << 16;
    if (left > 1) bits |= (<u32>load<u8>(from, 1)) << 8;
    if (left > 2) bits |= load<u8>(from, 2);
    for (let shift: i32 = 18, last = left > 2 ? 0 : left > 1 ? 6 : 12; shift >= last; shift -= 6)
      store<u8>(to++, load<u8>(alphabet + ((bits >> shift) & 63)));
  }
  return <u32>(to - start);
}

function decode(from: usize, length: u32, to: usize, values: usize): i32 {
  const rest = length & 3;
  if (rest == 1) return -1;
  const start = to;
  const end = from + (length - rest);
  for (; from < end; from += 4) {
    const bits = head(values, from) | (valueOf(values, from, 2) << 6) | valueOf(values, from, 3);
    if (bits < 0) return -1;
    store<u8>(to, <u8>(bits >> 16));
    store<u8>(to, <u8>(bits >> 8), 1);
    store<u8>(to, <u8>bits, 2);
    to += 3;
  }
  if (rest) {
    const bits = head(values, from) | (rest == 3 ? valueOf(values, from, 2) << 6 : 0);
    // Bits behind the last byte are zeros in the canonical form.
    if (bits < 0 || bits & (rest == 3 ? 0xff : 0xffff)) return -1;
    store<u8>(to++, <u8>(bits >> 16));
    if (rest == 3) store<u8>(to++, <u8>(bits >> 8));
  }
  return <i32>(to - start);
}

/** The first two characters of four, as 12 bits above 12 others. */
// @ts-ignore: decorator
@inline
function head(values: usize, from: usize): i32 {
  return (valueOf(values, from, 0) << 18) | (valueOf(values, from, 1) << 12);
}

/** Below 64, or -1, which stays below 0 wherever it is shifted to, whatever it is joined with. */
// @ts-ignore: decorator
@inline
function valueOf(values: usize, from: usize, index: usize): i32 {
  return load<i8>(values + load<u8>(from + index));
}
