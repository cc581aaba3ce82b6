/**
 * The two blocks of key stream that opening a token needs, by vectors as the filter makes them, and word by word as it did
 * before. Run by chacha20.ts beside this folder, whose head has the figures.
 */
import { chacha20Blocks } from "../../../assembly/chacha20";

const key = memory.data(32, 16);
const nonce = memory.data(16, 16) + 4;
const out = memory.data(128, 16);

export function vectors(count: i32): void {
  for (let i = 0; i < count; i++) chacha20Blocks(key, 0, nonce, out);
}

export function words(count: i32): void {
  for (let i = 0; i < count; i++) {
    block(key, 0, nonce, out);
    block(key, 1, nonce, out + 64);
  }
}

/** A sum of the last two blocks. */
export function sum(): u64 {
  let sum: u64 = 0;
  for (let at: usize = 0; at < 128; at += 8) sum = rotl(sum, 1) ^ load<u64>(out + at);
  return sum;
}

// "expand 32-byte k" as four little-endian words, RFC 8439 section 2.3.
// @ts-ignore: decorator
@inline const CONSTANT_0: u32 = 0x61707865;
// @ts-ignore: decorator
@inline const CONSTANT_1: u32 = 0x3320646e;
// @ts-ignore: decorator
@inline const CONSTANT_2: u32 = 0x79622d32;
// @ts-ignore: decorator
@inline const CONSTANT_3: u32 = 0x6b206574;

/** Writes one 64-byte block of key stream to `out` (RFC 8439, section 2.3). `key` is 32 bytes, `nonce` 12. */
function block(key: usize, counter: u32, nonce: usize, out: usize): void {
  const key0 = load<u32>(key);
  const key1 = load<u32>(key, 4);
  const key2 = load<u32>(key, 8);
  const key3 = load<u32>(key, 12);
  const key4 = load<u32>(key, 16);
  const key5 = load<u32>(key, 20);
  const key6 = load<u32>(key, 24);
  const key7 = load<u32>(key, 28);
  const nonce0 = load<u32>(nonce);
  const nonce1 = load<u32>(nonce, 4);
  const nonce2 = load<u32>(nonce, 8);

  let x0 = CONSTANT_0;
  let x1 = CONSTANT_1;
  let x2 = CONSTANT_2;
  let x3 = CONSTANT_3;
  let x4 = key0;
  let x5 = key1;
  let x6 = key2;
  let x7 = key3;
  let x8 = key4;
  let x9 = key5;
  let x10 = key6;
  let x11 = key7;
  let x12 = counter;
  let x13 = nonce0;
  let x14 = nonce1;
  let x15 = nonce2;

  // The quarter rounds are written out: AssemblyScript has no way to return four words, and memory would cost a
  // load and a store for each of them.
  for (let round = 0; round < 10; round++) {
    x12 = rotl(x12 ^ (x0 += x4), 16);
    x4 = rotl(x4 ^ (x8 += x12), 12);
    x12 = rotl(x12 ^ (x0 += x4), 8);
    x4 = rotl(x4 ^ (x8 += x12), 7);

    x13 = rotl(x13 ^ (x1 += x5), 16);
    x5 = rotl(x5 ^ (x9 += x13), 12);
    x13 = rotl(x13 ^ (x1 += x5), 8);
    x5 = rotl(x5 ^ (x9 += x13), 7);

    x14 = rotl(x14 ^ (x2 += x6), 16);
    x6 = rotl(x6 ^ (x10 += x14), 12);
    x14 = rotl(x14 ^ (x2 += x6), 8);
    x6 = rotl(x6 ^ (x10 += x14), 7);

    x15 = rotl(x15 ^ (x3 += x7), 16);
    x7 = rotl(x7 ^ (x11 += x15), 12);
    x15 = rotl(x15 ^ (x3 += x7), 8);
    x7 = rotl(x7 ^ (x11 += x15), 7);

    x15 = rotl(x15 ^ (x0 += x5), 16);
    x5 = rotl(x5 ^ (x10 += x15), 12);
    x15 = rotl(x15 ^ (x0 += x5), 8);
    x5 = rotl(x5 ^ (x10 += x15), 7);

    x12 = rotl(x12 ^ (x1 += x6), 16);
    x6 = rotl(x6 ^ (x11 += x12), 12);
    x12 = rotl(x12 ^ (x1 += x6), 8);
    x6 = rotl(x6 ^ (x11 += x12), 7);

    x13 = rotl(x13 ^ (x2 += x7), 16);
    x7 = rotl(x7 ^ (x8 += x13), 12);
    x13 = rotl(x13 ^ (x2 += x7), 8);
    x7 = rotl(x7 ^ (x8 += x13), 7);

    x14 = rotl(x14 ^ (x3 += x4), 16);
    x4 = rotl(x4 ^ (x9 += x14), 12);
    x14 = rotl(x14 ^ (x3 += x4), 8);
    x4 = rotl(x4 ^ (x9 += x14), 7);
  }

  store<u32>(out, x0 + CONSTANT_0);
  store<u32>(out, x1 + CONSTANT_1, 4);
  store<u32>(out, x2 + CONSTANT_2, 8);
  store<u32>(out, x3 + CONSTANT_3, 12);
  store<u32>(out, x4 + key0, 16);
  store<u32>(out, x5 + key1, 20);
  store<u32>(out, x6 + key2, 24);
  store<u32>(out, x7 + key3, 28);
  store<u32>(out, x8 + key4, 32);
  store<u32>(out, x9 + key5, 36);
  store<u32>(out, x10 + key6, 40);
  store<u32>(out, x11 + key7, 44);
  store<u32>(out, x12 + counter, 48);
  store<u32>(out, x13 + nonce0, 52);
  store<u32>(out, x14 + nonce1, 56);
  store<u32>(out, x15 + nonce2, 60);
}
