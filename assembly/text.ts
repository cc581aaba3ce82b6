/** Strings for logs and configurations. */

/**
 * A string between double quotes, fit for one line of a log: shortened, control characters as `?`. What may be a key,
 * because someone put it in the wrong place, is not shown.
 */
export function quote(text: string): string {
  if (mayHoldKey(text)) return "(not shown)";
  const MAX = 60;
  let shown = "";
  for (let i = 0; i < text.length && i < MAX; i++) {
    shown += text.charCodeAt(i) < 0x20 || text.charCodeAt(i) == 0x7f ? "?" : text.charAt(i);
  }
  return '"' + shown + (text.length > MAX ? '..."' : '"');
}

/** Whether 32 bytes may stand in this as base64, of either alphabet. */
function mayHoldKey(text: string): bool {
  let run = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const sign = code == 0x2b || code == 0x2f || code == 0x2d || code == 0x5f;
    run = isAlphanumeric(code) || sign ? run + 1 : 0;
    if (run == 43) return true;
  }
  return false;
}

/** In decimal. The library's toString brings tables for speed and for other bases. */
export function decimal(number: u32): string {
  const digit = String.fromCharCode(0x30 + (number % 10));
  return number > 9 ? decimal(number / 10) + digit : digit;
}

export function isDigit(byte: i32): bool {
  return byte >= 0x30 && byte <= 0x39;
}

/** Of ASCII. */
export function isAlphanumeric(code: i32): bool {
  const letter = code | 0x20;
  return isDigit(code) || (letter >= 0x61 && letter <= 0x7a);
}
