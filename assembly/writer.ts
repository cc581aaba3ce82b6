/** Makes one text out of pieces: lines for the log, and what a configuration sets once and for all. */
import { isAlphanumeric } from "./characters";
import { writeDecimal } from "./digits";
import { obtain, staying } from "./heap";
import { Words, expand, words } from "./literals";
import { Region } from "./region";
import { Text } from "./text";

// Longer than any line: what is beyond is left out. One packed text more fits behind.
const SIZE: usize = 8192;
/** Where the text starts. */
export const written = obtain(staying, SIZE + 512);
let end: usize = written;

export function begin(): void {
  end = written;
}

export function writtenLength(): u32 {
  return <u32>(end - written);
}

/** The text so far, to stay in `region`. */
export function keepWritten(region: Region): Text {
  return region.keep(written, writtenLength());
}

export function putByte(byte: u32): void {
  if (end < written + SIZE) store<u8>(end++, <u8>byte);
}

export function put(words: Words): void {
  if (end < written + SIZE) end = expand(words, end);
}

export function putDecimal(number: u32): void {
  if (end < written + SIZE) end = writeDecimal(number, end);
}

export function putBytes(at: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) putByte(load<u8>(at + i));
}

export function putText(text: Text): void {
  putBytes(text.start, text.length);
}

const MAX_QUOTED: i32 = 60;
// 32 bytes in base64 without padding.
const KEY_CHARACTERS: i32 = 43;

/**
 * A text of UTF-8 between double quotes, fit for one line of a log: shortened, control characters as `?`. What may be a
 * key, because someone put it in the wrong place, is not shown.
 */
export function putQuoted(at: usize, length: u32): void {
  if (mayHoldKey(at, length)) return put(words("(not shown)"));
  putByte(0x22);
  let characters = 0;
  for (const textEnd = at + length; at < textEnd; at++) {
    const byte = load<u8>(at);
    // Bytes that go on with a character of UTF-8 do not count.
    if ((byte & 0xc0) != 0x80 && ++characters > MAX_QUOTED) {
      put(words("..."));
      break;
    }
    putByte(byte < 0x20 || byte == 0x7f ? 0x3f : byte);
  }
  putByte(0x22);
}

/** Whether 32 bytes may stand in this as base64, of either alphabet. */
function mayHoldKey(at: usize, length: u32): bool {
  let run = 0;
  for (const textEnd = at + length; at < textEnd; at++) {
    const byte = load<u8>(at);
    const sign = byte == 0x2b || byte == 0x2f || byte == 0x2d || byte == 0x5f;
    run = isAlphanumeric(byte) || sign ? run + 1 : 0;
    if (run == KEY_CHARACTERS) return true;
  }
  return false;
}
