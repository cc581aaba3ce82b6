/** Bytes of the tests: hexadecimal text to memory and back. */

/** The bytes that `hex` stands for. The buffer lives as long as someone holds it. */
export function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = <u8>parseInt(hex.substr(i * 2, 2), 16);
  return bytes;
}

/** The bytes of ASCII or UTF-8 text. */
export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text));
}

export function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (let i = 0; i < bytes.length; i++) hex += (bytes[i] < 16 ? "0" : "") + bytes[i].toString(16);
  return hex;
}

/** Bit 0 is the lowest of the first byte. */
export function flipBit(bytes: Uint8Array, bit: i32): void {
  const mask = 1 << (bit & 7);
  bytes[bit >> 3] = bytes[bit >> 3] ^ (<u8>mask);
}
