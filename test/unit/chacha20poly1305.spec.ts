import { chacha20, chacha20Blocks } from "../../assembly/chacha20";
import { open, seal } from "../../assembly/chacha20poly1305";
import { poly1305Add, poly1305AddLast, poly1305Finish, poly1305Start } from "../../assembly/poly1305";
import { bytesOfHex, flipBit, hexOf } from "./bytes";
import { rfc8439, Rfc8439Vector } from "./vectors/rfc8439";

const LONGEST = 200;
const key = bytesOfHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
const nonce = bytesOfHex("070000004041424344454647");

function rowsOf(kind: string): Rfc8439Vector[] {
  const rows: Rfc8439Vector[] = [];
  for (let i = 0; i < rfc8439.length; i++) if (rfc8439[i].kind == kind) rows.push(rfc8439[i]);
  assert(rows.length > 0, "no vectors of kind " + kind);
  return rows;
}

/** The same bytes with zeros behind them up to whole blocks of 16. */
function padded(bytes: Uint8Array): Uint8Array {
  const blocks = new Uint8Array((bytes.length + 15) & ~15);
  blocks.set(bytes);
  return blocks;
}

/** As `padded`, with what the cipher may spoil or read behind a text. */
function withRoom(bytes: Uint8Array): Uint8Array {
  const room = new Uint8Array(bytes.length + 16).fill(0xa5);
  room.set(bytes);
  return room;
}

/** A block of key stream, made as the first or as the second of two. */
function block(key: Uint8Array, counter: u32, nonce: Uint8Array, second: bool): Uint8Array {
  const out = new Uint8Array(128);
  chacha20Blocks(key.dataStart, counter - <u32>second, nonce.dataStart, out.dataStart);
  return second ? out.slice(64) : out.slice(0, 64);
}

function sealed(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
  const out = new Uint8Array(text.length + 16);
  seal(
    key.dataStart,
    nonce.dataStart,
    padded(aad).dataStart,
    aad.length,
    text.dataStart,
    text.length,
    out.dataStart,
  );
  return out;
}

/** The plain text as hexadecimal, or "refused" where `open` did so and left what it was given alone. */
function opened(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, from: Uint8Array): string {
  const given = withRoom(from);
  const blocks = padded(aad);
  const at = open(key.dataStart, nonce.dataStart, blocks.dataStart, aad.length, given.dataStart, from.length);
  assert(hexOf(given) == hexOf(withRoom(from)), "the sealed text was changed");
  if (at == 0) return "refused";
  const text = new Uint8Array(from.length - 16);
  memory.copy(text.dataStart, at, text.length);
  return hexOf(text);
}

/** `length` bytes that differ from their neighbours. */
function pattern(length: i32): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = <u8>(i * 7 + 3);
  return bytes;
}

/** Flips every bit of `changed` in turn, and expects each to be refused. `changed` is one of the others. */
function expectEveryFlippedBitRefused(
  changed: Uint8Array,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  from: Uint8Array,
): void {
  for (let bit = 0; bit < changed.length * 8; bit++) {
    flipBit(changed, bit);
    expect(opened(key, nonce, aad, from)).toBe("refused", "bit " + bit.toString());
    flipBit(changed, bit);
  }
  expect(opened(key, nonce, aad, from)).not.toBe("refused", "all bits as they were");
}

describe("ChaCha20", () => {
  test("makes the key stream of RFC 8439", () => {
    const rows = rowsOf("block");
    for (let i = 0; i < rows.length; i++) {
      const key = bytesOfHex(rows[i].key);
      const nonce = bytesOfHex(rows[i].nonce);
      const counter = rows[i].counter;
      expect(hexOf(block(key, counter, nonce, false))).toBe(rows[i].out, rows[i].name);
      expect(hexOf(block(key, counter, nonce, true))).toBe(rows[i].out, rows[i].name + ", as the second");
    }
  });

  test("makes the one-time keys of RFC 8439", () => {
    const rows = rowsOf("one-time key");
    for (let i = 0; i < rows.length; i++) {
      const key = bytesOfHex(rows[i].key);
      const nonce = bytesOfHex(rows[i].nonce);
      const out = block(key, 0, nonce, false);
      expect(hexOf(out.subarray(0, 32))).toBe(rows[i].out, rows[i].name);
    }
  });

  test("encrypts the texts of RFC 8439", () => {
    const rows = rowsOf("cipher");
    for (let i = 0; i < rows.length; i++) {
      const key = bytesOfHex(rows[i].key);
      const nonce = bytesOfHex(rows[i].nonce);
      const text = bytesOfHex(rows[i].text);
      const room = withRoom(text);
      chacha20(key.dataStart, rows[i].counter, nonce.dataStart, room.dataStart, text.length);
      expect(hexOf(room.subarray(0, text.length))).toBe(rows[i].out, rows[i].name);
    }
  });
});

describe("Poly1305", () => {
  test("makes the tags of RFC 8439, those at the edges of its arithmetic too", () => {
    const rows = rowsOf("authenticator");
    for (let i = 0; i < rows.length; i++) {
      const key = bytesOfHex(rows[i].key);
      const text = bytesOfHex(rows[i].text);
      const out = new Uint8Array(16);
      poly1305Start(key.dataStart);
      poly1305AddLast(text.dataStart, text.length);
      poly1305Finish(out.dataStart);
      expect(hexOf(out)).toBe(rows[i].out, rows[i].name);
    }
  });
});

describe("ChaCha20-Poly1305", () => {
  test("seals and opens the texts of RFC 8439", () => {
    const rows = rowsOf("aead");
    for (let i = 0; i < rows.length; i++) {
      const key = bytesOfHex(rows[i].key);
      const nonce = bytesOfHex(rows[i].nonce);
      const aad = bytesOfHex(rows[i].aad);
      const text = bytesOfHex(rows[i].text);
      expect(hexOf(sealed(key, nonce, aad, text))).toBe(rows[i].out, rows[i].name);
      expect(opened(key, nonce, aad, bytesOfHex(rows[i].out))).toBe(rows[i].text, rows[i].name);
    }
  });

  test("opens what it sealed, for texts of every length", () => {
    const aad = pattern(50);
    for (let length = 0; length <= LONGEST; length++) {
      const text = pattern(length);
      expect(opened(key, nonce, aad, sealed(key, nonce, aad, text))).toBe(
        hexOf(text),
        length.toString() + " bytes",
      );
    }
  });

  test("opens what it sealed, for additional data of every length, and only under that length", () => {
    const text = pattern(23);
    for (let length = 0; length <= LONGEST; length++) {
      const from = sealed(key, nonce, pattern(length), text);
      expect(opened(key, nonce, pattern(length), from)).toBe(hexOf(text), length.toString() + " bytes");
      expect(opened(key, nonce, pattern(length + 1), from)).toBe(
        "refused",
        length.toString() + " bytes and one",
      );
    }
  });

  test("seals a text in its own place", () => {
    const aad = pattern(13);
    const blocks = padded(aad);
    for (let length = 0; length <= LONGEST; length++) {
      const text = pattern(length);
      const expected = hexOf(sealed(key, nonce, aad, text));
      const place = new Uint8Array(length + 16);
      place.set(text);
      const at = place.dataStart;
      seal(key.dataStart, nonce.dataStart, blocks.dataStart, aad.length, at, length, at);
      expect(hexOf(place)).toBe(expected, length.toString() + " bytes");
    }
  });

  test("refuses every flipped bit of text and tag", () => {
    const from = sealed(key, nonce, pattern(50), pattern(23));
    expectEveryFlippedBitRefused(from, key, nonce, pattern(50), from);
  });

  test("refuses every flipped bit of the additional data", () => {
    const aad = pattern(50);
    expectEveryFlippedBitRefused(aad, key, nonce, aad, sealed(key, nonce, aad, pattern(23)));
  });

  test("refuses every flipped bit of the key", () => {
    const other = bytesOfHex(hexOf(key));
    expectEveryFlippedBitRefused(
      other,
      other,
      nonce,
      pattern(50),
      sealed(key, nonce, pattern(50), pattern(23)),
    );
  });

  test("refuses every flipped bit of the nonce", () => {
    const other = bytesOfHex(hexOf(nonce));
    expectEveryFlippedBitRefused(
      other,
      key,
      other,
      pattern(50),
      sealed(key, nonce, pattern(50), pattern(23)),
    );
  });

  test("refuses a text cut short anywhere", () => {
    const from = sealed(key, nonce, pattern(50), pattern(23));
    for (let length = 0; length < from.length; length++) {
      const cut = from.slice(0, length);
      expect(opened(key, nonce, pattern(50), cut)).toBe("refused", length.toString() + " bytes");
    }
  });

  test("refuses a text shorter than a tag, even where the bytes before it are the tag of such a length", () => {
    const aad = pattern(50);
    const blocks = padded(aad);
    const oneTimeKey = block(key, 0, nonce, false);
    for (let length: u32 = 0; length < 16; length++) {
      const lengths = new Uint8Array(16);
      store<u64>(lengths.dataStart, aad.length);
      store<u64>(lengths.dataStart, length - 16, 8);
      const before = new Uint8Array(32);
      poly1305Start(oneTimeKey.dataStart);
      poly1305Add(blocks.dataStart, blocks.length);
      poly1305Add(lengths.dataStart, 16);
      poly1305Finish(before.dataStart + length);
      const at = before.dataStart + 16;
      const text = open(key.dataStart, nonce.dataStart, blocks.dataStart, aad.length, at, length);
      expect(text).toBe(0, length.toString() + " bytes");
    }
  });
});
