import { decimal, isDigit, quote } from "./text";
import { sequenceLength, writeUTF8 } from "./utf8";

/** A JSON text (RFC 8259) as a tree. Strict: no comments, no trailing commas, no name twice in one object. */

export const enum JsonKind {
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}

const NO_ITEMS: JsonValue[] = [];
const NO_NAMES: string[] = [];

export class JsonValue {
  /** Of a boolean. */
  flag: bool = false;
  /** Of a string: what it says. Of a number: its literal, as it stands in the text. */
  text: string = "";
  /** Of an array: its elements. Of an object: the values of `names`, in their order. */
  items: JsonValue[] = NO_ITEMS;
  names: string[] = NO_NAMES;

  constructor(public readonly kind: JsonKind) {
    if (kind >= JsonKind.Array) this.items = [];
    if (kind == JsonKind.Object) this.names = [];
  }

  /** The value of a name of an object; null when it has none such. */
  get(name: string): JsonValue | null {
    const index = this.names.indexOf(name);
    return index < 0 ? null : this.items[index];
  }
}

// Far above what any configuration nests; below what the VM's stack holds.
const MAX_DEPTH: i32 = 16;
// Names are compared with each other: a bound keeps a hostile text from taking quadratic time.
const MAX_NAMES: i32 = 64;

/** Reads one JSON text, and changes its bytes. After `read` returned null, `problem` says what is wrong and where. */
export class JsonReader {
  problem: string = "";
  private at: usize;
  private readonly end: usize;
  private line: i32 = 1;
  private lineStart: usize;

  constructor(text: usize, length: u32) {
    this.at = text;
    this.lineStart = text;
    this.end = text + length;
  }

  read(): JsonValue | null {
    const value = this.value(0);
    if (value == null) return null;
    this.skipBlanks();
    return this.at == this.end ? value : this.refuse("text after the end of the value");
  }

  private value(depth: i32): JsonValue | null {
    if (depth == MAX_DEPTH) return this.refuse("nested too deep");
    this.skipBlanks();
    const first = this.peek();
    if (first == 0x7b) return this.object(depth); // {
    if (first == 0x5b) return this.array(depth); // [
    if (first == 0x22) return this.string(); // "
    if (first == 0x2d || isDigit(first)) return this.number();
    if (this.skipWord("true")) return this.boolean(true);
    if (this.skipWord("false")) return this.boolean(false);
    if (this.skipWord("null")) return new JsonValue(JsonKind.Null);
    return this.refuse(first < 0 ? "the text ends where a value is due" : "not a JSON value");
  }

  private boolean(flag: bool): JsonValue {
    const value = new JsonValue(JsonKind.Boolean);
    value.flag = flag;
    return value;
  }

  private object(depth: i32): JsonValue | null {
    const object = new JsonValue(JsonKind.Object);
    this.at++;
    if (this.skipByte(0x7d)) return object;
    do {
      this.skipBlanks();
      if (this.peek() != 0x22) return this.refuse("a name in double quotes is due");
      const name = this.string();
      if (name == null) return null;
      if (object.names.includes(name.text))
        return this.refuse("the name " + quote(name.text) + " stands twice in one object");
      if (object.names.length == MAX_NAMES) return this.refuse("too many names in one object");
      if (!this.skipByte(0x3a)) return this.refuse("':' is due");
      const value = this.value(depth + 1);
      if (value == null) return null;
      object.names.push(name.text);
      object.items.push(value);
    } while (this.skipByte(0x2c));
    return this.skipByte(0x7d) ? object : this.refuse("',' or '}' is due");
  }

  private array(depth: i32): JsonValue | null {
    const array = new JsonValue(JsonKind.Array);
    this.at++;
    if (this.skipByte(0x5d)) return array;
    do {
      const value = this.value(depth + 1);
      if (value == null) return null;
      array.items.push(value);
    } while (this.skipByte(0x2c));
    return this.skipByte(0x5d) ? array : this.refuse("',' or ']' is due");
  }

  // RFC 8259, section 6: number = [ minus ] int [ frac ] [ exp ]
  private number(): JsonValue | null {
    const from = this.at;
    if (this.peek() == 0x2d) this.at++;
    if (this.peek() == 0x30) this.at++;
    else if (!this.skipDigits()) return this.refuse("a digit is due");
    if (this.peek() == 0x2e) {
      this.at++;
      if (!this.skipDigits()) return this.refuse("a digit is due");
    }
    if ((this.peek() | 0x20) == 0x65) {
      this.at++;
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.at++;
      if (!this.skipDigits()) return this.refuse("a digit is due");
    }
    const number = new JsonValue(JsonKind.Number);
    number.text = String.UTF8.decodeUnsafe(from, this.at - from);
    return number;
  }

  private string(): JsonValue | null {
    const string = new JsonValue(JsonKind.String);
    this.at++;
    // An escape is never shorter than the UTF-8 of what it stands for, so the text is unescaped in its own place.
    let to = this.at;
    const from = to;
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte == 0x22) {
        this.at++;
        string.text = String.UTF8.decodeUnsafe(from, to - from);
        return string;
      }
      if (byte < 0x20) return this.refuse("a control character in a string; write it as \\u00XX");
      if (byte == 0x5c) {
        this.at++;
        const character = this.escape();
        if (character < 0) return this.refuse("not an escape that JSON knows");
        to = writeUTF8(character, to);
      } else {
        const length = sequenceLength(this.at, this.end);
        if (length == 0) return this.refuse("not valid UTF-8");
        memory.copy(to, this.at, length);
        this.at += length;
        to += length;
      }
    }
    return this.refuse("a string without its closing quote");
  }

  /** What stands behind a backslash, as a code point; -1 when it is no escape or half a surrogate pair. */
  private escape(): i32 {
    const letter = this.peek();
    this.at++;
    switch (letter) {
      case 0x22: // "
      case 0x5c: // \
      case 0x2f: // /
        return letter;
      case 0x62: // b
        return 0x08;
      case 0x66: // f
        return 0x0c;
      case 0x6e: // n
        return 0x0a;
      case 0x72: // r
        return 0x0d;
      case 0x74: // t
        return 0x09;
      case 0x75: // u
        break;
      default:
        return -1;
    }
    const high = this.hex4();
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || !this.skipWord("\\u")) return -1;
    const low = this.hex4();
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }

  private hex4(): i32 {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const digit = this.peek();
      const letter = digit | 0x20;
      if (isDigit(digit)) value = (value << 4) | (digit - 0x30);
      else if (letter >= 0x61 && letter <= 0x66) value = (value << 4) | (letter - 0x57);
      else return -1;
      this.at++;
    }
    return value;
  }

  /** The byte at hand, or -1 at the end. */
  private peek(): i32 {
    return this.at < this.end ? <i32>load<u8>(this.at) : -1;
  }

  private skipBlanks(): void {
    for (; this.at < this.end; this.at++) {
      const byte = load<u8>(this.at);
      if (byte == 0x0a) {
        this.line++;
        this.lineStart = this.at + 1;
      } else if (byte != 0x20 && byte != 0x09 && byte != 0x0d) {
        return;
      }
    }
  }

  /** Skips blanks and one byte behind them, if it is this one. */
  private skipByte(byte: i32): bool {
    this.skipBlanks();
    if (this.peek() != byte) return false;
    this.at++;
    return true;
  }

  private skipWord(word: string): bool {
    const length = word.length;
    if (this.end - this.at < <usize>length) return false;
    for (let i = 0; i < length; i++) {
      if (<i32>load<u8>(this.at + i) != word.charCodeAt(i)) return false;
    }
    this.at += length;
    return true;
  }

  private skipDigits(): bool {
    const from = this.at;
    while (isDigit(this.peek())) this.at++;
    return this.at > from;
  }

  private refuse(reason: string): JsonValue | null {
    if (this.problem.length) return null;
    this.problem =
      "line " +
      decimal(this.line) +
      ", column " +
      decimal(<i32>(this.at - this.lineStart) + 1) +
      ": " +
      reason;
    return null;
  }
}
