import { hexDigit } from "./characters";

/** Numbers as characters, written to memory. */

/** Returns where the digits end. */
export function writeDecimal(value: u32, at: usize): usize {
  if (value > 9) at = writeDecimal(value / 10, at);
  store<u8>(at, <u8>(0x30 + (value % 10)));
  return at + 1;
}

/** In lower case, without zeros in front. Returns where the digits end. */
export function writeHex(value: u32, at: usize): usize {
  if (value > 15) at = writeHex(value >> 4, at);
  store<u8>(at, hexDigit(value & 15));
  return at + 1;
}

/** Sixteen digits in lower case. */
export function writeHex64(value: u64, at: usize): void {
  for (let i: usize = 0; i < 16; i++) {
    value = rotl(value, 4);
    store<u8>(at + i, hexDigit((<u32>value) & 15));
  }
}
