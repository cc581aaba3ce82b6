/** The objects of Kubernetes in files: YAML of many documents, JSON, and lists as kubectl writes them. */
import { printable, shown } from "../commands/text.ts";
import { Unusable } from "../commands/types.ts";
import { MOST_YAML, yamlDocuments } from "../commands/yaml.ts";
import { Place, fieldsOf, isLabel, ownField, shownValue, type Reader } from "./fields.ts";

export interface Input {
  /** As it was named on the command line; `-` is standard input. */
  readonly file: string;
  readonly text: string;
}

export interface KubernetesObject {
  /** Without the version: `networking.k8s.io`; empty for the core. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** `default` where the file says none, as kubectl has it. */
  readonly namespace: string;
  readonly name: string;
  /** The object itself. */
  readonly root: Place;
}

// kubectl writes no lists inside lists, but a file may hold one of its answers in another.
const MOST_LISTS = 4;

/**
 * All objects that have a kind and a name, in the order of the files.
 * @throws Unusable for a file that is neither JSON nor YAML
 */
export function objectsIn(inputs: readonly Input[], reader: Reader): KubernetesObject[] {
  const objects: KubernetesObject[] = [];
  const seen = new Set<object>();
  for (const { file, text } of inputs) {
    const documents = parsed(text, file);
    documents.forEach((document, index) => {
      const source = { file, object: documents.length > 1 ? `document ${index + 1}` : "document" };
      if (document !== null) collect(new Place(document, "", source, reader), {}, 0);
    });
  }
  return objects;

  function collect(place: Place, type: { apiVersion?: string; kind?: string }, depth: number): void {
    const { value, source } = place;
    reader.budget.spend(source.file);
    if (!place.hasFields("it is left out")) return;
    // An alias is the same object again.
    if (seen.has(value as object)) return;
    seen.add(value as object);
    const kind = ownField(value, "kind") ?? type.kind;
    const apiVersion = ownField(value, "apiVersion") ?? type.apiVersion;
    if (typeof kind !== "string" || typeof apiVersion !== "string" || kind === "" || apiVersion === "") {
      const missing = typeof kind === "string" && kind !== "" ? "apiVersion" : "kind";
      place.field(missing).fault("an object of Kubernetes has one, as text", "the object is left out");
      return;
    }
    if (kind.endsWith("List") && (Array.isArray(ownField(value, "items")) || kind === "List")) {
      if (depth === MOST_LISTS) return place.field("items").fault("a list inside lists", "it is left out");
      // Items of a list of one kind say neither kind nor version.
      const items = kind === "List" ? {} : { apiVersion, kind: kind.slice(0, -"List".length) };
      for (const item of place.field("items").list("the list is left out")) collect(item, items, depth + 1);
      return;
    }
    const object = named(place, apiVersion, kind);
    if (object !== undefined) objects.push(object);
  }
}

function named(place: Place, apiVersion: string, kind: string): KubernetesObject | undefined {
  const { value, reader } = place;
  const metadata = ownField(value, "metadata");
  const given = ownField(metadata, "namespace") ?? "default";
  const name = ownField(metadata, "name");
  const [namespace, label] = [shownValue(given), name === undefined ? "(no name)" : shownValue(name)];
  const source = { file: place.source.file, object: `${shown(kind)} ${namespace}/${label}` };
  const root = new Place(value, "", source, reader);
  const at = root.field("metadata");
  if (typeof name !== "string" || name === "") {
    at.field("name").fault("an object has a name, as text", "the object is left out");
    return undefined;
  }
  if (typeof given !== "string" || !isLabel(given)) {
    at.field("namespace").fault("not the name of a namespace", "the object is left out");
    return undefined;
  }
  const slash = apiVersion.lastIndexOf("/");
  return {
    group: slash < 0 ? "" : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    kind,
    namespace: given,
    name,
    root,
  };
}

function parsed(text: string, file: string): unknown[] {
  if (/^\s*[[{]/.test(text)) {
    try {
      return [JSON.parse(text)];
    } catch {
      // It may be YAML that begins with a bracket.
    }
  }
  const pieces = documentsOf(text);
  return pieces.flatMap(({ lines, first }, index) => {
    try {
      return lines.length > MOST_YAML ? [longList(lines, first)] : yamlDocuments(lines, first);
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      const document = pieces.length > 1 ? `document ${index + 1}: ` : "";
      throw new Unusable(`${printable(file)}: ${document}${error.message}`);
    }
  });
}

interface Piece {
  readonly lines: string;
  /** How many lines stand before it in the file. */
  readonly first: number;
}

/** The documents of a YAML text, each with its directives; what is empty but for comments is none. */
function documentsOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let first = 0;
  let empty = true;
  let line = 0;
  for (let at = 0; at < text.length; line++) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline + 1;
    if (/^---(?=\s|$)/.test(text.slice(at, at + 4)) && !empty) {
      pieces.push({ lines: text.slice(from, at), first });
      [from, first, empty] = [at, line, true];
    }
    // A directive belongs to the document that it stands before.
    if (!/^(?:\s*(?:#|$)|%|---\s*(?:#|$)|\.\.\.\s*$)/.test(text.slice(at, Math.min(end, at + 200))))
      empty = false;
    at = end;
  }
  if (!empty) pieces.push({ lines: text.slice(from), first });
  return pieces;
}

/**
 * A `List` as kubectl writes it, item by item, as the parser takes up to a thousand times the room of its text: each
 * item, but not all of them, is short, as etcd holds no object of more than 1.5 MiB.
 */
function longList(text: string, first: number): object {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^items:\s*$/.test(line)) + 1;
  if (start === 0) throw new Unusable("more YAML than 1 MiB in one object; give it as JSON");
  let end = start;
  while (end < lines.length && /^(?:- | |\s*$|#)/.test(lines[end] ?? "")) end++;
  const items: unknown[] = [];
  for (let from = start; from < end;) {
    let to = from + 1;
    while (to < end && !lines[to]?.startsWith("- ")) to++;
    const [item] = yamlDocuments(lines.slice(from, to).join("\n"), first + from);
    if (Array.isArray(item)) items.push(...(item as unknown[]));
    from = to;
  }
  const [rest] = yamlDocuments([...lines.slice(0, start - 1), ...lines.slice(end)].join("\n"), first);
  return { ...fieldsOf(rest), items };
}
