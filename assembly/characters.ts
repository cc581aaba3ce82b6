/** Characters of ASCII. */

export function isDigit(byte: i32): bool {
  return <u32>(byte - 0x30) < 10;
}

export function isAlphanumeric(code: i32): bool {
  return isDigit(code) || <u32>((code | 0x20) - 0x61) < 26;
}

/** Of a number below 16, in lower case. */
export function hexDigit(value: u32): u8 {
  return <u8>(value < 10 ? 0x30 + value : 0x57 + value);
}

/** The value of a digit of hexadecimal; -1 for none. */
export function hexValue(byte: i32): i32 {
  if (isDigit(byte)) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
