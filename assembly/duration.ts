import { isDigit } from "./characters";

const MAX_PARTS: i32 = 4;
const MAX_DIGITS: usize = 5;

/**
 * Seconds of a duration as Gateway API writes it (GEP-2257: `^([0-9]{1,5}(h|m|s|ms)){1,4}$`, so below 2^31 of them); 0
 * when it is none, or not a whole number of seconds.
 */
export function durationSeconds(at: usize, length: u32): u32 {
  const end = at + length;
  let milliseconds: u64 = 0;
  for (let part = 0; at < end; part++) {
    const from = at;
    let number: u64 = 0;
    for (; at < end && isDigit(load<u8>(at)); at++) number = number * 10 + (load<u8>(at) - 0x30);
    if (at == from || at - from > MAX_DIGITS || at == end || part == MAX_PARTS) return 0;
    const unit = load<u8>(at++);
    if (unit == 0x6d && at < end && load<u8>(at) == 0x73) {
      at++; // "ms"
    } else if (unit == 0x73) {
      number *= 1000;
    } else if (unit == 0x6d) {
      number *= 60_000;
    } else if (unit == 0x68) {
      number *= 3_600_000;
    } else {
      return 0;
    }
    milliseconds += number;
  }
  return milliseconds % 1000 ? 0 : <u32>(milliseconds / 1000);
}
