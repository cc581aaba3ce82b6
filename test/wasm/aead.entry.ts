// The module of aead.test.ts: the cipher as the filter has it, with fixed places for what goes in and comes out.
import { open as openInPlace, seal as sealPadded } from "../../assembly/chacha20poly1305";

export const key = memory.data(32);
// Four bytes before it may be read.
export const nonce = memory.data(16) + 4;
export const aad = memory.data(1024);
export const text = memory.data(1024);
export const out = memory.data(1024);

export function seal(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  text: usize,
  length: u32,
  out: usize,
): void {
  pad(aad, aadLength);
  sealPadded(key, nonce, aad, aadLength, text, length, out);
}

export function open(
  key: usize,
  nonce: usize,
  aad: usize,
  aadLength: u32,
  sealed: usize,
  length: u32,
  out: usize,
): bool {
  pad(aad, aadLength);
  const text = openInPlace(key, nonce, aad, aadLength, sealed, length);
  if (text == 0) return false;
  memory.copy(out, text, length - 16);
  return true;
}

function pad(aad: usize, length: u32): void {
  memory.fill(aad + length, 0, 16);
}
