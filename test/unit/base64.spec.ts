import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from "../../assembly/base64";
import { bytesOfText, flipBit, hexOf } from "./bytes";

const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

class Row {
  constructor(
    public bytes: string,
    public text: string,
  ) {}
}

// RFC 4648, section 10.
const rows: Row[] = [
  new Row("", ""),
  new Row("f", "Zg=="),
  new Row("fo", "Zm8="),
  new Row("foo", "Zm9v"),
  new Row("foob", "Zm9vYg=="),
  new Row("fooba", "Zm9vYmE="),
  new Row("foobar", "Zm9vYmFy"),
];

function withoutPadding(text: string): string {
  return text.replaceAll("=", "");
}

function encoded(bytes: Uint8Array, isUrlSafe: bool): string {
  const out = new Uint8Array(bytes.length * 2 + 4);
  const written = isUrlSafe
    ? encodeBase64Url(bytes.dataStart, bytes.length, out.dataStart)
    : encodeBase64(bytes.dataStart, bytes.length, out.dataStart);
  for (let i = <i32>written; i < out.length; i++) assert(out[i] == 0, "written behind the returned length");
  return String.UTF8.decodeUnsafe(out.dataStart, written);
}

/** The bytes as hexadecimal text, or "refused". */
function decoded(text: Uint8Array, isUrlSafe: bool): string {
  const out = new Uint8Array(text.length + 4);
  const written = isUrlSafe
    ? decodeBase64Url(text.dataStart, text.length, out.dataStart)
    : decodeBase64(text.dataStart, text.length, out.dataStart);
  if (written == -1) return "refused";
  for (let i = written; i < out.length; i++) assert(out[i] == 0, "written behind the returned length");
  return hexOf(out.subarray(0, written));
}

function expectRefused(text: string, isUrlSafe: bool): void {
  expect(decoded(bytesOfText(text), isUrlSafe)).toBe("refused", text);
}

/** Each of the 256 values at each place of a text of four, three and two characters, the rest of it "A". */
function expectOnlyCharactersOf(alphabet: string, isUrlSafe: bool): void {
  for (let length = 2; length <= 4; length++) {
    for (let at = 0; at < length; at++) {
      for (let value = 0; value < 256; value++) {
        const text = new Uint8Array(isUrlSafe ? length : 4).fill(0x3d);
        text.fill(0x41, 0, length);
        text[at] = <u8>value;
        const message = "byte " + value.toString() + " at " + at.toString() + " of " + length.toString();
        const six = alphabet.indexOf(String.fromCharCode(value));
        // The last character of three holds four bits of the bytes, of two two; the others have to be zero.
        const spare = at == length - 1 ? (length == 2 ? 15 : length == 3 ? 3 : 0) : 0;
        const isPadding = !isUrlSafe && length > 2 && at == length - 1 && value == 0x3d;
        const isTaken = (six >= 0 && (six & spare) == 0) || isPadding;
        expect(decoded(text, isUrlSafe) != "refused").toBe(isTaken, message);
      }
    }
  }
}

function expectEveryLengthComesBack(isUrlSafe: bool): void {
  for (let length = 0; length <= 200; length++) {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = <u8>(i * 37 + length);
    const text = bytesOfText(encoded(bytes, isUrlSafe));
    expect(decoded(text, isUrlSafe)).toBe(hexOf(bytes), length.toString() + " bytes");
  }
}

/** Every text that differs from a canonical one in one bit is refused or stands for other bytes. */
function expectEveryFlippedBitSeen(text: string, isUrlSafe: bool): void {
  const bytes = bytesOfText(text);
  const unchanged = decoded(bytes, isUrlSafe);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    flipBit(bytes, bit);
    expect(decoded(bytes, isUrlSafe)).not.toBe(unchanged, "bit " + bit.toString());
    flipBit(bytes, bit);
  }
}

describe("base64url", () => {
  test("writes and reads the vectors of RFC 4648 without padding", () => {
    for (let i = 0; i < rows.length; i++) {
      const bytes = bytesOfText(rows[i].bytes);
      const text = withoutPadding(rows[i].text);
      expect(encoded(bytes, true)).toBe(text, rows[i].text);
      expect(decoded(bytesOfText(text), true)).toBe(hexOf(bytes), rows[i].text);
    }
  });

  test("takes only characters of its alphabet, and no set bit that no byte has", () => {
    expectOnlyCharactersOf(URL_SAFE, true);
  });

  test("reads back bytes of every length", () => {
    expectEveryLengthComesBack(true);
  });

  test("sees every flipped bit", () => {
    expectEveryFlippedBitSeen("Zm9vYmFyZm9vYmFy", true);
    expectEveryFlippedBitSeen("Zm9vYmFyZm9vYmE", true);
    expectEveryFlippedBitSeen("Zm9vYmFyZm9vYg", true);
  });

  test("refuses padding, single characters, white space and leftover bits", () => {
    expectRefused("Zg==", true);
    expectRefused("Zm8=", true);
    expectRefused("Z", true);
    expectRefused("Zm9vY", true);
    expectRefused("Zm9v\n", true);
    expectRefused(" Zm9v", true);
    expectRefused("Zm9v Zm9v", true);
    expectRefused("Zh", true);
    expectRefused("Zm9", true);
    expectRefused("Zm+v", true);
    expectRefused("Zm/v", true);
  });
});

describe("base64", () => {
  test("writes and reads the vectors of RFC 4648", () => {
    for (let i = 0; i < rows.length; i++) {
      const bytes = bytesOfText(rows[i].bytes);
      expect(encoded(bytes, false)).toBe(rows[i].text);
      expect(decoded(bytesOfText(rows[i].text), false)).toBe(hexOf(bytes), rows[i].text);
    }
  });

  test("takes only characters of its alphabet, and no set bit that no byte has", () => {
    expectOnlyCharactersOf(STANDARD, false);
  });

  test("reads back bytes of every length", () => {
    expectEveryLengthComesBack(false);
  });

  test("sees every flipped bit", () => {
    expectEveryFlippedBitSeen("Zm9vYmFyZm9vYmFy", false);
    expectEveryFlippedBitSeen("Zm9vYmFyZm9vYmE=", false);
    expectEveryFlippedBitSeen("Zm9vYmFyZm9vYg==", false);
  });

  test("refuses padding that is missing, too long or in the wrong place", () => {
    expectRefused("Zg", false);
    expectRefused("Zg=", false);
    expectRefused("Zm8", false);
    expectRefused("Zg===", false);
    expectRefused("Z===", false);
    expectRefused("====", false);
    expectRefused("=", false);
    expectRefused("Zm9v=", false);
    expectRefused("Zm9v==", false);
    expectRefused("Zm9v====", false);
    expectRefused("Zg==Zm9v", false);
    expectRefused("Z=9v", false);
    expectRefused("Zg=v", false);
    expectRefused("=m9v", false);
    expectRefused("Zh==", false);
    expectRefused("Zm9=", false);
    expectRefused("Zm-v", false);
    expectRefused("Zm_v", false);
  });
});
