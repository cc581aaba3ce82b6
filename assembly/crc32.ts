/** CRC-32 of IEEE 802.3 as zlib computes it, bit by bit: it is asked for a name at a time, not on each request. */
export function crc32(from: usize, length: usize): u32 {
  let crc: u32 = ~0;
  for (let i: usize = 0; i < length; i++) {
    crc ^= load<u8>(from + i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}
