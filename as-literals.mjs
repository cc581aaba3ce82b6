/**
 * A transform of asc that keeps the filter's texts once and as bytes: AssemblyScript's own string literals take two bytes
 * for each character, a header each, and its whole string library. `text("...")` and `words("...")` of literals.ts get the
 * place of their literal in one pool instead; `words` are for logs and configurations, and are packed there.
 */
import { Transform } from "assemblyscript/transform";
import { Node, NodeKind, Token } from "assemblyscript";

// Bytes that no text of ASCII has; NUL ends a text. `expandByte` of literals.ts finds a pair by the code with its top bit
// turned around.
const CODES = [
  ...Array.from({ length: 0x80 }, (_, index) => 0x80 + index),
  ...Array.from({ length: 0x1f }, (_, index) => 1 + index),
];

export default class Literals extends Transform {
  afterParse(parser) {
    const words = new Map();
    const texts = new Map();
    let pool = null;
    for (const source of parser.sources) {
      for (const [call, replace] of callsOf(source)) {
        const name = call.expression.text;
        const { value } = call.args[0];
        if (name === "words" && value !== undefined) add(words, value, replace);
        if (name === "text" && value !== undefined) add(texts, value, replaceByText(source, replace));
        if (name === "pool") pool = call;
      }
    }
    if (pool === null) return;
    const bytes = packWords(words, pool.range);
    for (const [text, calls] of texts) {
      for (const replace of calls) replace(integer(bytes.length, pool.range));
      const encoded = Buffer.from(text);
      bytes.push(encoded.length & 0xff, encoded.length >> 8, ...encoded);
    }
    const items = bytes.map((byte) => integer(byte, pool.range));
    pool.args[0] = Node.createArrayLiteralExpression(items, pool.range);
    pool.expression = Node.createPropertyAccessExpression(
      Node.createIdentifierExpression("memory", pool.range),
      Node.createIdentifierExpression("data", pool.range),
      pool.range,
    );
  }
}

/** Puts `changetype<Text>(POOL + place)` in the place of a literal: a constant, where a call would not be one. */
function replaceByText(source, replace) {
  const { range } = source;
  const identifier = (name) => Node.createIdentifierExpression(name, range);
  const declarations = ["POOL", "Text"].map((name) =>
    Node.createImportDeclaration(identifier(name), identifier(`literal${name}`), range),
  );
  const path = Node.createStringLiteralExpression("./literals", range);
  if (!importing.has(source)) source.statements.push(Node.createImportStatement(declarations, path, range));
  importing.add(source);
  return (place) => {
    const sum = Node.createBinaryExpression(Token.Plus, identifier("literalPOOL"), place, range);
    const type = Node.createNamedType(Node.createSimpleTypeName("literalText", range), null, false, range);
    replace(Node.createCallExpression(identifier("changetype"), [type], [sum], range));
  };
}

/** The sources that have what the above needs. */
const importing = new WeakSet();

/** `replace` is to be called with what stands for the literal. */
function add(literals, value, replace) {
  if (!literals.has(value)) literals.set(value, []);
  literals.get(value).push(replace);
}

function integer(value, range) {
  return Node.createIntegerLiteralExpression(globalThis.i64_new(value), range);
}

/** Each call of a plain name with arguments below a node of the syntax tree, and what puts another node in its place. */
function* callsOf(node, seen = new Set()) {
  seen.add(node);
  for (const [key, value] of Object.entries(node)) {
    if (value === null || typeof value !== "object" || seen.has(value)) continue;
    if (key === "range" || key === "source" || key === "parent") continue;
    if (
      value.kind === NodeKind.Call &&
      value.expression.kind === NodeKind.Identifier &&
      value.args.length > 0
    )
      yield [value, (other) => (node[key] = other)];
    yield* callsOf(value, seen);
  }
}

/**
 * Byte pair encoding (Philip Gage, "A New Algorithm for Data Compression", 1994): the most frequent pair of bytes
 * becomes a byte of its own, over and over. The pool starts with the table of pairs; each text ends in a NUL.
 */
function packWords(words, range) {
  const packed = [...words.keys()].map((text) => [...Buffer.from(text, "ascii")]);
  const pool = Array(2 * 0xa0).fill(0);
  for (const code of CODES) {
    const pair = mostFrequentPair(packed);
    if (pair === null) break;
    pool.splice(2 * (code ^ 0x80), 2, ...pair);
    for (const bytes of packed) substitute(bytes, pair, code);
  }
  [...words.values()].forEach((calls, index) => {
    for (const replace of calls) replace(integer(pool.length, range));
    pool.push(...packed[index], 0);
  });
  return pool;
}

function mostFrequentPair(texts) {
  const counts = new Map();
  let most = 1;
  let pair = null;
  for (const bytes of texts) {
    for (let i = 0; i + 1 < bytes.length; i++) {
      const key = (bytes[i] << 8) | bytes[i + 1];
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count > most) [most, pair] = [count, [bytes[i], bytes[i + 1]]];
    }
  }
  return pair;
}

function substitute(bytes, [first, second], code) {
  for (let i = 0; i + 1 < bytes.length; i++) {
    if (bytes[i] === first && bytes[i + 1] === second) bytes.splice(i, 2, code);
  }
}
