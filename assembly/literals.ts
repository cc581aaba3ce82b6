/** Literals of the source as bytes; see ../as-literals.mjs, which turns each into its place in the pool. */
import { Text } from "./text";

export { Text };

declare function pool<T>(bytes: T[]): usize;

// All literals of the program, put here when it is compiled.
export const POOL: usize = pool<u8>([]);

/** A packed text: its place in the pool. */
export type Words = u32;

/** `words("...")`: a text for logs and configurations, of ASCII. To be written by `expand`. */
export declare function words(literal: string): Words;

/** `text("...")`: a text that is used as it is, such as the name of a header. */
export declare function text(literal: string): Text;

/** Writes a packed text; returns where it ends. */
export function expand(words: Words, to: usize): usize {
  for (let at = POOL + words; load<u8>(at) != 0; at++) to = expandByte(load<u8>(at), to);
  return to;
}

/** A byte that is no character of ASCII stands for a pair of bytes. */
function expandByte(byte: u32, to: usize): usize {
  if (byte - 0x20 < 0x60) {
    store<u8>(to, <u8>byte);
    return to + 1;
  }
  const pair = POOL + ((byte ^ 0x80) << 1);
  return expandByte(load<u8>(pair, 1), expandByte(load<u8>(pair), to));
}
