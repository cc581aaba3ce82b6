/** Authenticated encryption with ChaCha20 and Poly1305 (RFC 8439, section 2.8). Nothing here allocates or can trap. */

import { BLOCK, addStream, chacha20, chacha20Blocks } from "./chacha20";
import { poly1305Add, poly1305Finish, poly1305Start } from "./poly1305";

/** Bytes by which a sealed text is longer than its plain text. */
// @ts-ignore: decorator
@inline export const TAG_LENGTH: u32 = 16;
/** Most bytes of a plain text. */
export const MAX_TEXT: u32 = 512;

// Blocks 0 and 1 of the key stream: the one-time key, and what the first 64 bytes of the text are added to.
const stream = memory.data(2 * 64, 16);
// The text with zeros to whole blocks of 16 behind it, and the lengths: what stands behind the additional data for
// Poly1305.
const message = memory.data(512 + 2 * 16, 16);
const tag = memory.data(16, 16);

/**
 * Writes the encrypted text and its tag, `length + 16` bytes, to `out`. `key` is 32 bytes, `nonce` 12, with four before it
 * that may be read; a nonce must never be used twice with one key. `aad` has zeros behind it up to whole blocks of 16.
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
  memory.copy(message, text, length);
  chacha20Blocks(key, 0, nonce, stream);
  addKeyStream(key, nonce, length);
  writeTag(aad, aadLength, length);
  memory.copy(out, message, length);
  memory.copy(out + length, tag, TAG_LENGTH);
}

/**
 * Returns where the plain text of `sealed` is until the next call, `length - 16` bytes; 0 where `length` is below 16 or
 * any byte of key, nonce, additional data, text or tag is not the one that was sealed. As for `seal`, and `sealed` has 16
 * bytes behind it that may be read. `length` counts the tag.
 */
export function open(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  sealed: usize,
  length: u32,
): usize {
  if (length < TAG_LENGTH) return 0;
  const textLength = length - TAG_LENGTH;
  for (let at: u32 = 0; at < textLength; at += 16) v128.store(message + at, v128.load(sealed + at));
  chacha20Blocks(key, 0, nonce, stream);
  writeTag(aad, aadLength, textLength);
  // All 16 bytes are compared whatever they are: the time must not tell how many of a forged tag were right.
  if (v128.any_true(v128.xor(v128.load(tag), v128.load(sealed + textLength)))) return 0;
  addKeyStream(key, nonce, textLength);
  return message;
}

function addKeyStream(key: usize, nonce: usize, length: u32): void {
  addStream(message, stream + BLOCK, min(length, BLOCK));
  if (length > BLOCK) chacha20(key, 2, nonce, message + BLOCK, length - BLOCK);
}

/** Of the encrypted text in `message`, to `tag`. */
function writeTag(aad: usize, aadLength: u32, length: u32): void {
  v128.store(message + length, i64x2(0, 0));
  const end = message + ((length + 15) & ~15);
  store<u64>(end, aadLength);
  store<u64>(end, length, 8);
  // The first half of block 0 is the one-time key, RFC 8439 section 2.6.
  poly1305Start(stream);
  poly1305Add(aad, (aadLength + 15) & ~15);
  poly1305Add(message, <u32>(end - message) + 16);
  poly1305Finish(tag);
}
