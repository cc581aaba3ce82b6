import { hexValue, isDigit } from "./characters";
import { equal } from "./bytes";
import { Words, expand, words } from "./literals";
import { kept, make, scratch } from "./region";
import { Text } from "./text";
import { sequenceLength, writeUTF8 } from "./utf8";
import { put, putByte, putBytes, putDecimal, putQuoted } from "./writer";

/** A JSON text (RFC 8259) as a tree. Strict: no comments, no trailing commas, no name twice in one object. */

export const enum JsonKind {
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}


@unmanaged
export class JsonValue {
  kind: JsonKind;
  /** Of a boolean. */
  flag: bool;
  /** Of an array or object: how many values it has. */
  count: i32;
  /** Its first value, which has the others behind it. */
  first: JsonValue | null;
  next: JsonValue | null;
  /** Of a string: what it says. Of a number: its literal, as it stands in the text. */
  text: usize;
  length: u32;
  /** Of a value of an object: a string. */
  name: JsonValue;

  /** Whether two strings are the same. */
  is(other: JsonValue): bool {
    return this.length == other.length && equal(this.text, other.text, other.length);
  }
}

/** The items of an array; null for what is no array of 1 to `most`. */
export function itemsOf(value: JsonValue | null, most: i32): JsonValue | null {
  return value != null && value.kind == JsonKind.Array && value.count <= most ? value.first : null;
}

/** Puts a string as it is. */
export function putString(value: JsonValue): void {
  putBytes(value.text, value.length);
}

/** A string as a text of what is kept. */
export function keepString(value: JsonValue): Text {
  return kept.keep(value.text, value.length);
}

/** A value that stands for one that is missing. */
export function stringValue(text: usize, length: u32): JsonValue {
  const value = make<JsonValue>(scratch);
  value.kind = JsonKind.String;
  value.text = text;
  value.length = length;
  return value;
}

const MAX_SHOWN: u32 = 24;

/** Puts a value as it may stand in a log: shortened, and no key. */
export function putValue(value: JsonValue): void {
  const kind = value.kind;
  if (kind == JsonKind.String) {
    putQuoted(value.text, value.length);
  } else if (kind == JsonKind.Number) {
    putBytes(value.text, min(value.length, MAX_SHOWN));
    if (value.length > MAX_SHOWN) put(words("..."));
  } else if (kind == JsonKind.Boolean) {
    put(value.flag ? words("true") : words("false"));
  } else if (kind == JsonKind.Null) {
    put(words("null"));
  } else {
    const opening = kind == JsonKind.Array ? 0x5b : 0x7b;
    putByte(opening);
    if (value.count) put(words("..."));
    // Of both kinds: "]" is two behind "[", and "}" two behind "{".
    putByte(opening + 2);
  }
}

// Far above what any configuration nests; below what the VM's stack holds.
const MAX_DEPTH: i32 = 16;
// Names are compared with each other: a bound keeps a hostile text from taking quadratic time.
const MAX_NAMES: i32 = 64;

let at: usize = 0;
let end: usize = 0;
let line: u32 = 0;
let lineStart: usize = 0;
let reason: Words = 0;
/** The name that stands twice. */
let twice: JsonValue | null = null;

/** Reads one JSON text, and changes its bytes. After null, `putJsonProblem` says what is wrong and where. */
export function readJson(text: usize, length: u32): JsonValue | null {
  at = text;
  lineStart = text;
  end = text + length;
  line = 1;
  reason = 0;
  twice = null;
  const root = make<JsonValue>(scratch);
  if (!read(root, 0)) return null;
  skipBlanks();
  if (at == end) return root;
  refuse(words("text after the end of the value"));
  return null;
}

/** Puts `line 1, column 2: reason`. */
export function putJsonProblem(): void {
  put(words("line "));
  putDecimal(line);
  put(words(", column "));
  putDecimal(<u32>(at - lineStart) + 1);
  put(words(": "));
  const value = twice;
  if (value == null) return put(reason);
  put(words("the name "));
  putQuoted(value.text, value.length);
  put(words(" stands twice in one object"));
}

/** Keeps where and why; what fails around it is of the same cause. */
function refuse(why: Words): bool {
  reason = why;
  return false;
}

function read(value: JsonValue, depth: i32): bool {
  if (depth == MAX_DEPTH) return refuse(words("nested too deep"));
  skipBlanks();
  const first = peek();
  if (first == 0x7b || first == 0x5b) return readItems(value, first, depth);
  if (first == 0x22) return readString(value);
  if (first == 0x2d || isDigit(first)) return readNumber(value);
  value.kind = JsonKind.Boolean;
  value.flag = skipWord(words("true"));
  if (value.flag || skipWord(words("false"))) return true;
  value.kind = JsonKind.Null;
  return (
    skipWord(words("null")) ||
    refuse(first < 0 ? words("the text ends where a value is due") : words("not a JSON value"))
  );
}

/** What stands between "[" and "]", or "{" and "}". */
function readItems(value: JsonValue, opening: i32, depth: i32): bool {
  const isObject = opening == 0x7b;
  const closing = opening + 2;
  value.kind = isObject ? JsonKind.Object : JsonKind.Array;
  at++;
  if (skipByte(closing)) return true;
  let last: JsonValue | null = null;
  do {
    const item = make<JsonValue>(scratch);
    if (isObject && !readName(value, item)) return false;
    if (!read(item, depth + 1)) return false;
    if (last == null) value.first = item;
    else last.next = item;
    last = item;
    value.count++;
  } while (skipByte(0x2c));
  return skipByte(closing) || refuse(isObject ? words("',' or '}' is due") : words("',' or ']' is due"));
}

function readName(object: JsonValue, item: JsonValue): bool {
  skipBlanks();
  if (peek() != 0x22) return refuse(words("a name in double quotes is due"));
  const name = make<JsonValue>(scratch);
  item.name = name;
  if (!readString(name)) return false;
  let other = object.first;
  while (other != null) {
    if (other.name.is(name)) {
      twice = name;
      return false;
    }
    other = other.next;
  }
  if (object.count == MAX_NAMES) return refuse(words("too many names in one object"));
  return skipByte(0x3a) || refuse(words("':' is due"));
}

// RFC 8259, section 6: number = [ minus ] int [ frac ] [ exp ]
function readNumber(value: JsonValue): bool {
  value.kind = JsonKind.Number;
  value.text = at;
  if (peek() == 0x2d) at++;
  if (peek() == 0x30) at++;
  else if (!skipDigits()) return false;
  if (peek() == 0x2e) {
    at++;
    if (!skipDigits()) return false;
  }
  if ((peek() | 0x20) == 0x65) {
    at++;
    if (peek() == 0x2b || peek() == 0x2d) at++;
    if (!skipDigits()) return false;
  }
  value.length = <u32>(at - value.text);
  return true;
}

function skipDigits(): bool {
  const from = at;
  while (isDigit(peek())) at++;
  return at > from || refuse(words("a digit is due"));
}

function readString(value: JsonValue): bool {
  value.kind = JsonKind.String;
  // An escape is never shorter than the UTF-8 of what it stands for, so the text is unescaped in its own place.
  let to = ++at;
  value.text = to;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte == 0x22) {
      at++;
      value.length = <u32>(to - value.text);
      return true;
    }
    if (byte < 0x20) return refuse(words("a control character in a string; write it as \\u00XX"));
    if (byte == 0x5c) {
      at++;
      const character = readEscape();
      if (character < 0) return refuse(words("not an escape that JSON knows"));
      to = writeUTF8(character, to);
    } else {
      const length = sequenceLength(at, end);
      if (length == 0) return refuse(words("not valid UTF-8"));
      memory.copy(to, at, length);
      at += length;
      to += length;
    }
  }
  return refuse(words("a string without its closing quote"));
}

// What stands behind a backslash, and behind each its character.
const ESCAPES = memory.data<u8>([
  0x22, 0x22, 0x5c, 0x5c, 0x2f, 0x2f, 0x62, 0x08, 0x66, 0x0c, 0x6e, 0x0a, 0x72, 0x0d, 0x74, 0x09,
]);

/** What stands behind a backslash, as a code point; -1 when it is no escape or half a surrogate pair. */
function readEscape(): i32 {
  const letter = peek();
  at++;
  for (let i = ESCAPES; i < ESCAPES + 16; i += 2) {
    if (load<u8>(i) == letter) return load<u8>(i, 1);
  }
  if (letter != 0x75) return -1;
  const high = readHex4();
  if (high < 0xd800 || high > 0xdfff) return high;
  if (high > 0xdbff || !skipWord(words("\\u"))) return -1;
  const low = readHex4();
  return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

function readHex4(): i32 {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const digit = hexValue(peek());
    if (digit < 0) return -1;
    value = (value << 4) | digit;
    at++;
  }
  return value;
}

/** The byte at hand, or -1 at the end. */
function peek(): i32 {
  return at < end ? <i32>load<u8>(at) : -1;
}

function skipBlanks(): void {
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x0a) {
      line++;
      lineStart = at + 1;
    } else if (byte != 0x20 && byte != 0x09 && byte != 0x0d) {
      return;
    }
  }
}

/** Skips blanks and one byte behind them, if it is this one. */
function skipByte(byte: i32): bool {
  skipBlanks();
  if (peek() != byte) return false;
  at++;
  return true;
}

const word = memory.data(8);

function skipWord(expected: Words): bool {
  const length = expand(expected, word) - word;
  if (end - at < length || !equal(at, word, length)) return false;
  at += length;
  return true;
}
