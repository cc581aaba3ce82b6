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
    const letter = code | 0x20;
    const alphanumeric = isDigit(code) || (letter >= 0x61 && letter <= 0x7a);
    const sign = code == 0x2b || code == 0x2f || code == 0x2d || code == 0x5f;
    run = alphanumeric || sign ? run + 1 : 0;
    if (run == 43) return true;
  }
  return false;
}

/** In decimal. The library's toString brings tables for speed and for other bases. */
export function decimal(number: i32): string {
  const digit = String.fromCharCode(0x30 + (number % 10));
  return number > 9 ? decimal(number / 10) + digit : digit;
}

function isDigit(byte: i32): bool {
  return byte >= 0x30 && byte <= 0x39;
}

/** Writes a code point as RFC 3629, section 3, has it; returns where it ends. */
function writeUTF8(character: u32, to: usize): usize {
  if (character < 0x80) {
    store<u8>(to, <u8>character);
    return to + 1;
  }
  const length: usize = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  for (let i = length - 1; i > 0; i--, character >>= 6) store<u8>(to + i, <u8>(0x80 | (character & 0x3f)));
  store<u8>(to, <u8>((0xf00 >> (<i32>length)) | character));
  return to + length;
}

/** Bytes of the UTF-8 sequence at `at` (RFC 3629, section 4); 0 when there is no valid one before `end`. */
function sequenceLength(at: usize, end: usize): u32 {
  const first = load<u8>(at);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length: u32 = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (end - at < length) return 0;
  for (let i: u32 = 1; i < length; i++) {
    if ((load<u8>(at + i) & 0xc0) != 0x80) return 0;
  }
  const second = load<u8>(at, 1);
  if (first == 0xe0 && second < 0xa0) return 0; // overlong
  if (first == 0xed && second > 0x9f) return 0; // a surrogate
  if (first == 0xf0 && second < 0x90) return 0; // overlong
  if (first == 0xf4 && second > 0x8f) return 0; // above U+10FFFF
  return length;
}
