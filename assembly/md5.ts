/**
 * MD5 (RFC 1321), which ingress-nginx names its pods by. It protects nothing here. Runs at configuration, never on a request.
 */

import { hexDigit } from "./characters";

/** Bytes of a digest, and characters of it in hexadecimal. */
export const MD5_LENGTH: usize = 16;
export const MD5_HEX_LENGTH: usize = 32;

// sin(1) and 2 cos(1): sin(i + 1) is 2 cos(1) sin(i) - sin(i - 1). In 64 bits of floating point the error stays far from
// each of the 64 numbers of 32 bits that come of it (RFC 1321, section 3.4).
const SINE: f64 = 0.8414709848078965;
const STEP: f64 = 1.0806046117362795;
const SHIFTS = memory.data<u8>([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]);
const BLOCK: usize = 64;
const block = memory.data(64, 8);

/** Writes the digest of `length` bytes at `from`, which are left as they are, to `to`. */
export function md5(from: usize, length: usize, to: usize): void {
  store<u32>(to, 0x67452301);
  store<u32>(to, 0xefcdab89, 4);
  store<u32>(to, 0x98badcfe, 8);
  store<u32>(to, 0x10325476, 12);
  const end = from + length;
  for (; end - from >= BLOCK; from += BLOCK) mix(from, to);

  const rest = end - from;
  memory.fill(block, 0, BLOCK);
  memory.copy(block, from, rest);
  store<u8>(block + rest, 0x80);
  if (rest >= BLOCK - 8) {
    mix(block, to);
    memory.fill(block, 0, BLOCK);
  }
  store<u64>(block, (<u64>length) << 3, 56);
  mix(block, to);
}

/** As `md5`, in hexadecimal: 32 characters in lower case. */
export function md5Hex(from: usize, length: usize, to: usize): void {
  const digest = to + MD5_LENGTH;
  md5(from, length, digest);
  // From behind the digest's first half: each byte is read before its characters are written over it.
  for (let i: usize = 0; i < MD5_LENGTH; i++) {
    const byte = load<u8>(digest + i);
    store<u8>(to + 2 * i, hexDigit(byte >> 4));
    store<u8>(to + 2 * i, hexDigit(byte & 15), 1);
  }
}

function mix(from: usize, state: usize): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let sine = SINE;
  let sineBefore: f64 = 0;
  for (let i: u32 = 0; i < 64; i++) {
    const round = i >> 4;
    let f: u32;
    let word: u32;
    if (round == 0) {
      f = (b & c) | (~b & d);
      word = i;
    } else if (round == 1) {
      f = (d & b) | (~d & c);
      word = 5 * i + 1;
    } else if (round == 2) {
      f = b ^ c ^ d;
      word = 3 * i + 5;
    } else {
      f = c ^ (b | ~d);
      word = 7 * i;
    }
    // floor(2^32 times abs(sin(i + 1))), i in radians.
    const sum = a + f + <u32>(abs(sine) * 4294967296) + load<u32>(from + ((word & 15) << 2));
    const next = STEP * sine - sineBefore;
    sineBefore = sine;
    sine = next;
    a = d;
    d = c;
    c = b;
    b += rotl<u32>(sum, load<u8>(SHIFTS + ((round << 2) | (i & 3))));
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
}
