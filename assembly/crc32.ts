/** CRC-32 of IEEE 802.3 as zlib computes it, bit by bit: it is asked for a name at a time, not on each request. */
export function crc32(from: usize, length: usize): u32 {
  return ~crc32Start(from, length);
}

/** The state behind these bytes, for `crc32Further`; its complement is their sum. */
export function crc32Start(from: usize, length: usize): u32 {
  return crc32Further(~0, from, length);
}

/** The state behind further bytes. */
export function crc32Further(state: u32, from: usize, length: usize): u32 {
  for (let i: usize = 0; i < length; i++) {
    state ^= load<u8>(from + i);
    for (let bit = 0; bit < 8; bit++) state = (state >> 1) ^ (state & 1 ? 0xedb88320 : 0);
  }
  return state;
}
