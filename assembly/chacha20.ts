/** The stream cipher ChaCha20 with a 96-bit nonce and a 32-bit block counter (RFC 8439, section 2.4). */

/** Bytes of a block of key stream. */
// @ts-ignore: decorator
@inline export const BLOCK: u32 = 64;

const stream = memory.data(128, 16);

/**
 * Writes two 64-byte blocks of key stream to `out`, of `counter` and the number behind it (RFC 8439, section 2.3). `key` is
 * 32 bytes, `nonce` 12; the four bytes before it are read, too.
 *
 * A row of the state is a vector, so that four quarter rounds are one. The steps of one block wait for each other; those of
 * the other block fill the time, so two blocks cost little more than one.
 */
export function chacha20Blocks(key: usize, counter: u32, nonce: usize, out: usize): void {
  // "expand 32-byte k", RFC 8439 section 2.3.
  const a = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
  const b = v128.load(key);
  const c = v128.load(key, 16);
  const d0 = i32x4.replace_lane(v128.load(nonce - 4), 0, counter);
  const d1 = i32x4.add(d0, i32x4(1, 0, 0, 0));
  let a0 = a;
  let b0 = b;
  let c0 = c;
  let e0 = d0;
  let a1 = a;
  let b1 = b;
  let c1 = c;
  let e1 = d1;

  for (let round = 0; round < 20; round++) {
    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    e0 = rotate16(v128.xor(e0, a0));
    e1 = rotate16(v128.xor(e1, a1));
    c0 = i32x4.add(c0, e0);
    c1 = i32x4.add(c1, e1);
    b0 = rotate(v128.xor(b0, c0), 12);
    b1 = rotate(v128.xor(b1, c1), 12);
    a0 = i32x4.add(a0, b0);
    a1 = i32x4.add(a1, b1);
    e0 = rotate(v128.xor(e0, a0), 8);
    e1 = rotate(v128.xor(e1, a1), 8);
    c0 = i32x4.add(c0, e0);
    c1 = i32x4.add(c1, e1);
    b0 = rotate(v128.xor(b0, c0), 7);
    b1 = rotate(v128.xor(b1, c1), 7);
    // The columns of one round are the diagonals of the next, and back.
    c0 = v128.shuffle<u32>(c0, c0, 2, 3, 0, 1);
    c1 = v128.shuffle<u32>(c1, c1, 2, 3, 0, 1);
    if (round & 1) {
      b0 = v128.shuffle<u32>(b0, b0, 3, 0, 1, 2);
      b1 = v128.shuffle<u32>(b1, b1, 3, 0, 1, 2);
      e0 = v128.shuffle<u32>(e0, e0, 1, 2, 3, 0);
      e1 = v128.shuffle<u32>(e1, e1, 1, 2, 3, 0);
    } else {
      b0 = v128.shuffle<u32>(b0, b0, 1, 2, 3, 0);
      b1 = v128.shuffle<u32>(b1, b1, 1, 2, 3, 0);
      e0 = v128.shuffle<u32>(e0, e0, 3, 0, 1, 2);
      e1 = v128.shuffle<u32>(e1, e1, 3, 0, 1, 2);
    }
  }

  v128.store(out, i32x4.add(a0, a));
  v128.store(out, i32x4.add(b0, b), 16);
  v128.store(out, i32x4.add(c0, c), 32);
  v128.store(out, i32x4.add(e0, d0), 48);
  v128.store(out, i32x4.add(a1, a), 64);
  v128.store(out, i32x4.add(b1, b), 80);
  v128.store(out, i32x4.add(c1, c), 96);
  v128.store(out, i32x4.add(e1, d1), 112);
}

// @ts-ignore: decorator
@inline
function rotate(words: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(words, bits), i32x4.shr_u(words, 32 - bits));
}

// @ts-ignore: decorator
@inline
function rotate16(words: v128): v128 {
  return v128.shuffle<u16>(words, words, 1, 0, 3, 2, 5, 4, 7, 6);
}

/**
 * Encrypts or decrypts `length` bytes at `text` in their place, and spoils up to 15 behind them. `counter` is the number of
 * the first block (RFC 8439, section 2.4).
 */
export function chacha20(key: usize, counter: u32, nonce: usize, text: usize, length: u32): void {
  for (let at: u32 = 0; at < length; at += 2 * BLOCK, counter += 2) {
    chacha20Blocks(key, counter, nonce, stream);
    addStream(text + at, stream, min(length - at, 2 * BLOCK));
  }
}

/** XOR of `length` bytes with a key stream, in steps of 16. */
export function addStream(text: usize, stream: usize, length: u32): void {
  for (let at: u32 = 0; at < length; at += 16)
    v128.store(text + at, v128.xor(v128.load(text + at), v128.load(stream + at)));
}
