import { decodeBase64 } from "./base64";

/** The address that `readEnvoyCookie` found: text as Envoy writes a host. */
export let addressStart: usize = 0;
export let addressLength: u32 = 0;

// Base64 of an address in a message with a time of expiry, and more than any browser was given.
const MAX_VALUE: u32 = 344;
const decoded = memory.data(258);

/**
 * Reads a cookie of Envoy's own filter stateful_session: base64 of the message `{string address = 1; int64 expires = 2;}`,
 * or, as it was written before 1.27, of the address alone. `expires` is a time on the clock of the Envoy that wrote it,
 * counted from the start of its machine: here it means nothing.
 */
export function readEnvoyCookie(value: usize, length: u32): bool {
  if (length > MAX_VALUE) return false;
  const size = decodeBase64(value, length, decoded);
  if (size <= 0) return false;
  if (!readMessage(decoded, decoded + size)) {
    addressStart = decoded;
    addressLength = size;
  }
  return addressLength > 0;
}

/** Protocol Buffers, "Encoding": a tag of 0x0a stands before a length and the address, 0x10 before a varint. */
function readMessage(at: usize, end: usize): bool {
  addressLength = 0;
  while (at < end) {
    const tag = load<u8>(at++);
    if (tag == 0x0a) {
      const length: usize = at < end ? load<u8>(at++) : 0x80;
      // An address is shorter than what a second byte of the length would be for.
      if (length >= 0x80 || length > end - at) return false;
      addressStart = at;
      addressLength = <u32>length;
      at += length;
    } else if (tag == 0x10) {
      while (at < end && load<u8>(at) & 0x80) at++;
      if (at++ == end) return false;
    } else {
      return false;
    }
  }
  return true;
}
