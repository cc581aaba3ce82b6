import {
  Composer,
  Lexer,
  LineCounter,
  Parser,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type CST,
  type Node,
} from "yaml";
import { Unusable } from "./types.ts";

/** An Envoy configuration is nested some 30 deep. The composer recurses, and far deeper it would exhaust the stack. */
export const MOST_NESTING = 100;
// What the parser builds of a text takes up to a thousand times its room.
export const MOST_YAML = 1024 * 1024;

/**
 * The documents of a YAML text as plain values, in time and memory that grow with its length: an alias is the value
 * that its anchor has, not a copy. What is tagged `!ignore` is left out, as Envoy does.
 * @param before lines that stand before this text in its file
 * @throws Unusable with the place of what is wrong; it never quotes the text, which may hold secrets
 */
export function yamlDocuments(text: string, before = 0): unknown[] {
  if (text.length > MOST_YAML) throw new Unusable("more YAML than 1 MiB; give it as JSON");
  const lines = new LineCounter();
  const fault = (offset: number, what: string): Unusable => {
    const { line, col } = lines.linePos(offset);
    return new Unusable(`neither JSON nor YAML: line ${before + line}, column ${col}: ${what}`);
  };

  const tokens: CST.Token[] = [];
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MOST_NESTING)
      throw fault(parser.offset, `nested more than ${MOST_NESTING} deep`);
  }
  tokens.push(...parser.end());
  const misplaced = tokens.find(({ type }) => type === "error");
  if (misplaced !== undefined) throw fault(misplaced.offset, "nothing may stand here");

  const values: unknown[] = [];
  // Looking for keys that stand twice takes the square of their number; of these, Envoy takes the last.
  const composer = new Composer({ prettyErrors: false, logLevel: "silent", uniqueKeys: false });
  for (const document of composer.compose(tokens)) {
    const [error] = document.errors;
    if (error !== undefined) throw fault(error.pos[0], error.code.toLowerCase().replaceAll("_", " "));
    values.push(plain(document.contents, new Map(), fault));
  }
  return values;
}

function plain(
  node: Node | null,
  anchors: Map<string, unknown>,
  fault: (offset: number, what: string) => Unusable,
): unknown {
  if (node === null) return null;
  if (isAlias(node)) {
    if (anchors.has(node.source)) return anchors.get(node.source);
    throw fault(node.range?.[0] ?? 0, "an alias of no anchor before it");
  }
  let value: unknown = null;
  if (isScalar(node)) value = node.value;
  if (isSeq(node)) value = node.items.map((item) => plain(item as Node, anchors, fault));
  if (isMap(node)) {
    // No prototype: a key may have any name.
    const fields = Object.create(null) as Record<string, unknown>;
    for (const pair of node.items) {
      const key = pair.key as Node;
      const name = plain(key, anchors, fault);
      const field = plain(pair.value as Node | null, anchors, fault);
      if (key.tag !== "!ignore") fields[typeof name === "object" ? "" : String(name)] = field;
    }
    value = fields;
  }
  if ("anchor" in node && node.anchor) anchors.set(node.anchor, value);
  return value;
}
