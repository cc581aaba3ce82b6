/** Authenticated encryption with ChaCha20 and Poly1305 (RFC 8439, section 2.8). Nothing here allocates or can trap. */

import { chacha20, chacha20Block } from "./chacha20";
import { poly1305AddPadded, poly1305Finish, poly1305Start } from "./poly1305";

/** Bytes by which a sealed text is longer than its plain text. */
// @ts-ignore: decorator
@inline export const TAG_LENGTH: u32 = 16;

const authenticatorKey = memory.data(64, 16);
const lengths = memory.data(16, 16);
const expectedTag = memory.data(16, 16);

/**
 * Writes the encrypted text and its tag, `length + 16` bytes, to `out`, which may be `text`. `key` is 32 bytes, `nonce`
 * 12; a nonce must never be used twice with one key.
 */
export function seal(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  text: usize,
  length: u32,
  out: usize,
): void {
  chacha20(key, 1, nonce, text, length, out);
  writeTag(key, nonce, aad, aadLength, out, length, out + length);
}

/**
 * Writes the plain text of `sealed`, `length - 16` bytes, to `out`, which may be `sealed`. `length` counts the tag.
 * False, with `out` untouched, where `length` is below 16 or any byte of key, nonce, additional data, text or tag is not
 * the one that was sealed.
 */
export function open(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  sealed: usize,
  length: u32,
  out: usize,
): bool {
  if (length < TAG_LENGTH) return false;
  const textLength = length - TAG_LENGTH;
  writeTag(key, nonce, aad, aadLength, sealed, textLength, expectedTag);
  if (!isSameTag(expectedTag, sealed + textLength)) return false;
  chacha20(key, 1, nonce, sealed, textLength, out);
  return true;
}

function writeTag(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  encrypted: usize,
  length: u32,
  tag: usize,
): void {
  // The first half of block 0 is the one-time key, RFC 8439 section 2.6.
  chacha20Block(key, 0, nonce, authenticatorKey);
  store<u64>(lengths, aadLength);
  store<u64>(lengths, length, 8);
  poly1305Start(authenticatorKey);
  poly1305AddPadded(aad, aadLength);
  poly1305AddPadded(encrypted, length);
  poly1305AddPadded(lengths, 16);
  poly1305Finish(tag);
}

/** Compares all 16 bytes whatever they are: the time must not tell how many of a forged tag were right. */
function isSameTag(a: usize, b: usize): bool {
  const difference = (load<u64>(a) ^ load<u64>(b)) | (load<u64>(a, 8) ^ load<u64>(b, 8));
  return difference == 0;
}
