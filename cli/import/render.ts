/** Manifests as YAML text for people, with comments. */
import { Document, isMap, isScalar, isSeq, Scalar, visit, type Node } from "yaml";
import type { Manifest } from "./emit.ts";

const COMMENTS = Symbol("comments");

/** Comments by field; "" is the one above the object as an item of a list. */
export type Comments<T> = Readonly<Partial<Record<Extract<keyof T, string> | "", string | undefined>>>;

/**
 * The same object, with what toYaml() writes above its fields; several lines are several lines of comment. Nothing else
 * sees the comments: neither JSON nor comparisons have them.
 */
export function explained<T extends object>(value: T, comments: Comments<T>): T {
  return Object.defineProperty({ ...value }, COMMENTS, { value: comments });
}

/**
 * The documents in their order, divided by `---`, each below its `why`. Fields stand in the order in which the objects have
 * them. Strings that YAML 1.1 reads as something else (`on`, `0123`, `1:30`) are quoted, as readers of either version are about.
 */
export function toYaml(manifests: readonly Manifest[]): string {
  return manifests.map(documentText).join("---\n");
}

function documentText({ why, document }: Manifest): string {
  const node = new Document<Node>(document, { aliasDuplicateObjects: false, compat: "yaml-1.1" });
  if (node.contents !== null) comment(node.contents, document);
  visit(node, { Scalar: (_key, scalar) => quoteUnusual(scalar) });
  // Lines of any length: a text that is folded is harder to find, and not all readers unfold alike.
  const text = escaped(node.toString({ lineWidth: 0 }));
  return why === "" ? text : `${escaped(commentLines(why))}\n${text}`;
}

// What ends a line in YAML 1.1, what no reader takes as it is, and the mark of byte order. After quoteUnusual() they stand
// between double quotes or in comments only.
const UNUSUAL = /[\u007f-\u009f\u2028\u2029\ufeff]/g;

function quoteUnusual(scalar: Scalar): void {
  const { value } = scalar;
  // `=` alone is a type of its own in YAML 1.1.
  if (typeof value === "string" && (value === "=" || value.search(UNUSUAL) >= 0))
    scalar.type = Scalar.QUOTE_DOUBLE;
}

function escaped(text: string): string {
  return text.replace(UNUSUAL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function commentLines(text: string): string {
  return text
    .split(LINE_END)
    .map((line) => (line === "" ? "#" : `# ${line}`))
    .join("\n");
}

const LINE_END = /\r\n|[\n\r]/;

/** Puts the comments of a value and of all below it on the nodes that stand for them. */
function comment(node: unknown, value: unknown): void {
  if (isSeq(node) && Array.isArray(value)) {
    node.items.forEach((item, index) => {
      comment(item, value[index]);
      const above = commentsOf(value[index])[""];
      if (above !== undefined) (item as Node).commentBefore = asNode(above);
    });
  } else if (isMap(node) && typeof value === "object" && value !== null) {
    const comments = commentsOf(value);
    for (const pair of node.items) {
      if (!isScalar(pair.key)) continue;
      const field = String(pair.key.value);
      comment(pair.value, (value as Record<string, unknown>)[field]);
      const above = field === "" ? undefined : comments[field];
      if (above !== undefined) pair.key.commentBefore = asNode(above);
    }
  }
}

function commentsOf(value: unknown): Readonly<Record<string, string>> {
  return (value as { [COMMENTS]?: Readonly<Record<string, string>> } | null | undefined)?.[COMMENTS] ?? {};
}

/** The library writes `#` and the text as it is. */
function asNode(text: string): string {
  return text
    .split(LINE_END)
    .map((line) => (line === "" ? "" : ` ${line}`))
    .join("\n");
}
