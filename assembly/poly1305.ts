/**
 * The one-time authenticator Poly1305 (RFC 8439, section 2.5): h = (h + block) * r modulo 2^130 - 5, block by block.
 *
 * The numbers are held in limbs of 32 bits, each in a u64. Clamping leaves r below 2^124 with limbs below 2^28 whose
 * two lowest bits are zero in r1, r2 and r3. So what a product has above 2^130 comes back as 5/4 of those limbs (s1, s2,
 * s3), multipliers below 2^28.4; with limbs of h below 2^33.5 a limb of the product is below 2^63.5 and fits a u64.
 */

let r0: u64 = 0;
let r1: u64 = 0;
let r2: u64 = 0;
let r3: u64 = 0;
let h0: u64 = 0;
let h1: u64 = 0;
let h2: u64 = 0;
let h3: u64 = 0;
let h4: u64 = 0;
let pad0: u64 = 0;
let pad1: u64 = 0;

// @ts-ignore: decorator
@inline const LOW_WORD: u64 = 0xffffffff;
// @ts-ignore: decorator
@inline const BLOCK: u32 = 16;

const lastBlock = memory.data(16, 16);

/** Begins a message under the 32-byte one-time `key`. Only one message can be under way. */
export function poly1305Start(key: usize): void {
  // The masks are RFC 8439, section 2.5.1.
  r0 = load<u32>(key) & 0x0fffffff;
  r1 = load<u32>(key, 4) & 0x0ffffffc;
  r2 = load<u32>(key, 8) & 0x0ffffffc;
  r3 = load<u32>(key, 12) & 0x0ffffffc;
  pad0 = load<u64>(key, 16);
  pad1 = load<u64>(key, 24);
  h0 = 0;
  h1 = 0;
  h2 = 0;
  h3 = 0;
  h4 = 0;
}

/** Adds `length` bytes, a multiple of 16. */
export function poly1305Add(from: usize, length: u32): void {
  addBlocks(from, length, 1);
}

/** Adds the last `length` bytes of a message that is not padded to whole blocks (RFC 8439, section 2.5). */
export function poly1305AddLast(from: usize, length: u32): void {
  const whole = length & ~(BLOCK - 1);
  addBlocks(from, whole, 1);
  if (whole == length) return;
  copyLastBlock(from + whole, length - whole);
  store<u8>(lastBlock + (length - whole), 1);
  addBlocks(lastBlock, BLOCK, 0);
}

/** Ends the message and writes its 16-byte tag to `out`. */
export function poly1305Finish(out: usize): void {
  let a0 = h0 & LOW_WORD;
  let a1 = h1 + (h0 >> 32);
  let a2 = h2 + (a1 >> 32);
  let a3 = h3 + (a2 >> 32);
  let a4 = h4 + (a3 >> 32);

  // h is below 2 * (2^130 - 5). Where h + 5 reaches 2^130 its low 128 bits are those of h - (2^130 - 5).
  let carry = a0 + 5;
  const b0 = carry & LOW_WORD;
  carry = (a1 & LOW_WORD) + (carry >> 32);
  const b1 = carry & LOW_WORD;
  carry = (a2 & LOW_WORD) + (carry >> 32);
  const b2 = carry & LOW_WORD;
  carry = (a3 & LOW_WORD) + (carry >> 32);
  const b3 = carry & LOW_WORD;
  // A mask and not a branch, so that the time does not depend on h.
  const reduced: u64 = 0 - ((a4 + (carry >> 32)) >> 2);
  a0 = (a0 & ~reduced) | (b0 & reduced);
  a1 = (a1 & LOW_WORD & ~reduced) | (b1 & reduced);
  a2 = (a2 & LOW_WORD & ~reduced) | (b2 & reduced);
  a3 = (a3 & LOW_WORD & ~reduced) | (b3 & reduced);

  a0 += pad0 & LOW_WORD;
  a1 += (pad0 >> 32) + (a0 >> 32);
  a2 += (pad1 & LOW_WORD) + (a1 >> 32);
  a3 += (pad1 >> 32) + (a2 >> 32);
  store<u32>(out, <u32>a0);
  store<u32>(out, <u32>a1, 4);
  store<u32>(out, <u32>a2, 8);
  store<u32>(out, <u32>a3, 12);
}

function copyLastBlock(from: usize, length: u32): void {
  store<u64>(lastBlock, 0);
  store<u64>(lastBlock, 0, 8);
  for (let at: u32 = 0; at < length; at++) store<u8>(lastBlock + at, load<u8>(from + at));
}

/** Adds `length` bytes, a multiple of 16. `top` is the bit above each block's 128: 1, or 0 when the block holds it. */
function addBlocks(from: usize, length: u32, top: u64): void {
  const s1 = r1 + (r1 >> 2);
  const s2 = r2 + (r2 >> 2);
  const s3 = r3 + (r3 >> 2);
  const c0 = r0;
  const c1 = r1;
  const c2 = r2;
  const c3 = r3;
  let a0 = h0;
  let a1 = h1;
  let a2 = h2;
  let a3 = h3;
  let a4 = h4;
  const end = from + length;
  while (from < end) {
    a0 += load<u32>(from);
    a1 += load<u32>(from, 4);
    a2 += load<u32>(from, 8);
    a3 += load<u32>(from, 12);
    a4 += top;

    const d0 = a0 * c0 + a1 * s3 + a2 * s2 + a3 * s1;
    const d1 = a0 * c1 + a1 * c0 + a2 * s3 + a3 * s2 + a4 * s1 + (d0 >> 32);
    const d2 = a0 * c2 + a1 * c1 + a2 * c0 + a3 * s3 + a4 * s2 + (d1 >> 32);
    const d3 = a0 * c3 + a1 * c2 + a2 * c1 + a3 * c0 + a4 * s3 + (d2 >> 32);
    a4 = a4 * c0 + (d3 >> 32);

    // What stands above 2^130 comes back times 5; a0 may keep a bit above its 32, the next product has room for it.
    a0 = (d0 & LOW_WORD) + (a4 >> 2) * 5;
    a1 = d1 & LOW_WORD;
    a2 = d2 & LOW_WORD;
    a3 = d3 & LOW_WORD;
    a4 &= 3;
    from += BLOCK;
  }
  h0 = a0;
  h1 = a1;
  h2 = a2;
  h3 = a3;
  h4 = a4;
}
