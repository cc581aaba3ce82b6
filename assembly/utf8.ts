/** Writes a code point as RFC 3629, section 3, has it; returns where it ends. */
export function writeUTF8(character: u32, to: usize): usize {
  if (character < 0x80) {
    store<u8>(to, <u8>character);
    return to + 1;
  }
  const length: usize = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  for (let i = length - 1; i > 0; i--, character >>= 6) store<u8>(to + i, <u8>(0x80 | (character & 0x3f)));
  store<u8>(to, <u8>((0xf00 >> (<i32>length)) | character));
  return to + length;
}

/** Bytes of the UTF-8 sequence at `at` (RFC 3629, section 4); 0 when there is no valid one before `end`. */
export function sequenceLength(at: usize, end: usize): u32 {
  const first = load<u8>(at);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length: u32 = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (end - at < length) return 0;
  for (let i: u32 = 1; i < length; i++) {
    if ((load<u8>(at + i) & 0xc0) != 0x80) return 0;
  }
  const second = load<u8>(at, 1);
  if (first == 0xe0 && second < 0xa0) return 0; // overlong
  if (first == 0xed && second > 0x9f) return 0; // a surrogate
  if (first == 0xf0 && second < 0x90) return 0; // overlong
  if (first == 0xf4 && second > 0x8f) return 0; // above U+10FFFF
  return length;
}
