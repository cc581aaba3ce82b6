import { JsonKind, JsonValue, putJsonProblem, readJson } from "../../assembly/json";
import { begin, written, writtenLength } from "../../assembly/writer";
import { bytesOfText } from "./bytes";

/** The tree in one canonical text, or what is wrong. */
function read(text: string): string {
  return readBytes(bytesOfText(text));
}

function readBytes(bytes: Uint8Array): string {
  const value = readJson(bytes.dataStart, bytes.length);
  if (value != null) return show(value);
  begin();
  putJsonProblem();
  return String.UTF8.decodeUnsafe(written, writtenLength());
}

function show(value: JsonValue): string {
  switch (value.kind) {
    case JsonKind.Null:
      return "null";
    case JsonKind.Boolean:
      return value.flag ? "true" : "false";
    case JsonKind.Number:
      return textOf(value.text, value.length);
    case JsonKind.String:
      return "<" + textOf(value.text, value.length) + ">";
    default: {
      const isObject = value.kind == JsonKind.Object;
      const parts: string[] = [];
      let item = value.first;
      while (item != null) {
        const name = isObject ? "<" + textOf(item.name.text, item.name.length) + ">:" : "";
        parts.push(name + show(item));
        item = item.next;
      }
      assert(parts.length == value.count, "count");
      return isObject ? "{" + parts.join(",") + "}" : "[" + parts.join(",") + "]";
    }
  }
}

function textOf(at: usize, length: u32): string {
  return String.UTF8.decodeUnsafe(at, length);
}

class Row {
  constructor(
    public text: string,
    public expected: string,
  ) {}
}

const good: Row[] = [
  new Row("{}", "{}"),
  new Row(" \t\r\n[ ] ", "[]"),
  new Row('{"a": 1, "b" :[true,false , null]}', "{<a>:1,<b>:[true,false,null]}"),
  new Row("-0", "-0"),
  new Row("12.50e+3", "12.50e+3"),
  new Row("1E400", "1E400"),
  new Row('"\\"\\\\\\/\\b\\f\\n\\r\\t"', '<"\\/\b\f\n\r\t>'),
  new Row('"\\u0041\\u00e9\\u20AC\\ud83d\\ude00"', "<Aé€😀>"),
  new Row('"é€😀"', "<é€😀>"),
  new Row('"\\u0000"', "<\0>"),
  new Row('{"":{"":[]}}', "{<>:{<>:[]}}"),
];

// RFC 8259 allows none of them.
const bad: Row[] = [
  new Row("", "line 1, column 1: the text ends where a value is due"),
  new Row("  ", "line 1, column 3: the text ends where a value is due"),
  new Row("{} x", "line 1, column 4: text after the end of the value"),
  new Row('{"a":1,}', "line 1, column 8: a name in double quotes is due"),
  new Row("[1,]", "line 1, column 4: not a JSON value"),
  new Row("{a:1}", "line 1, column 2: a name in double quotes is due"),
  new Row("{'a':1}", "line 1, column 2: a name in double quotes is due"),
  new Row('{"a" 1}', "line 1, column 6: ':' is due"),
  new Row('{"a":1 "b":2}', "line 1, column 8: ',' or '}' is due"),
  new Row("[1 2]", "line 1, column 4: ',' or ']' is due"),
  new Row('{\n  "a": 1,\n  "a": 2\n}', 'line 3, column 6: the name "a" stands twice in one object'),
  new Row("01", "line 1, column 2: text after the end of the value"),
  new Row("-", "line 1, column 2: a digit is due"),
  new Row("1.", "line 1, column 3: a digit is due"),
  new Row("1e", "line 1, column 3: a digit is due"),
  new Row("+1", "line 1, column 1: not a JSON value"),
  new Row(".5", "line 1, column 1: not a JSON value"),
  new Row("nul", "line 1, column 1: not a JSON value"),
  new Row("True", "line 1, column 1: not a JSON value"),
  new Row("// no\n1", "line 1, column 1: not a JSON value"),
  new Row('"a', "line 1, column 3: a string without its closing quote"),
  new Row('"\n"', "line 1, column 2: a control character in a string; write it as \\u00XX"),
  new Row('"\\x"', "line 1, column 4: not an escape that JSON knows"),
  new Row('"\\u12g4"', "line 1, column 6: not an escape that JSON knows"),
  new Row('"\\ud83d"', "line 1, column 8: not an escape that JSON knows"),
  new Row('"\\ude00"', "line 1, column 8: not an escape that JSON knows"),
  new Row('"\\ud83d\\u0041"', "line 1, column 14: not an escape that JSON knows"),
];

function expectNotUTF8(bytes: u8[]): void {
  const text = new Uint8Array(bytes.length + 2).fill(0x22);
  for (let i = 0; i < bytes.length; i++) text[i + 1] = bytes[i];
  expect(readBytes(text)).toBe("line 1, column 2: not valid UTF-8", bytes.toString());
}

describe("JsonReader", () => {
  it("reads what RFC 8259 allows", () => {
    for (let i = 0; i < good.length; i++) expect(read(good[i].text)).toBe(good[i].expected, good[i].text);
  });

  it("says what is wrong, and where", () => {
    for (let i = 0; i < bad.length; i++) expect(read(bad[i].text)).toBe(bad[i].expected, bad[i].text);
  });

  it("counts lines by the line feeds outside of strings", () => {
    expect(read('{"a": "\\n\\n",\r\n "b": x}')).toBe("line 2, column 7: not a JSON value");
  });

  // RFC 3629, section 4, and the classic ways around it.
  it("refuses what is not UTF-8", () => {
    expectNotUTF8([0x80]);
    expectNotUTF8([0xc0, 0x80]);
    expectNotUTF8([0xc3]);
    expectNotUTF8([0xe0, 0x80, 0x80]);
    expectNotUTF8([0xed, 0xa0, 0x80]);
    expectNotUTF8([0xf0, 0x80, 0x80, 0x80]);
    expectNotUTF8([0xf4, 0x90, 0x80, 0x80]);
    expectNotUTF8([0xff]);
  });

  it("nests 16 deep and no deeper", () => {
    expect(read("[".repeat(16) + "]".repeat(16))).toBe("[".repeat(16) + "]".repeat(16));
    expect(read("[".repeat(17) + "]".repeat(17))).toBe("line 1, column 17: nested too deep");
  });
});
