import { consistsOf } from "./grammar";
import { JsonKind, JsonValue, putString, putValue, stringValue } from "./json";
import { Words, expand, text, words } from "./literals";
import { addProblem } from "./problems";
import { make, scratch } from "./region";
import { indexOfWord, putWord } from "./wordlist";
import { begin, put, putByte, putDecimal, putQuoted } from "./writer";

const MAX_FIELD: u32 = 32;

/** One object of the configuration, whose fields are asked for by their number. What is wrong becomes a problem. */
@unmanaged
export class Section {
  /** What it is a field of, and which; of an array there, the item, else -1. */
  parent: Section | null;
  field: i32;
  index: i32;
  /** The names of its fields. */
  names: Words;
  /** Whether no value of it may be shown: one of them is a secret, which may stand in the wrong place. */
  hidden: bool;
  fields: usize;

  /** The value of a field; null when it is missing. */
  get(field: i32): JsonValue | null {
    return changetype<JsonValue | null>(load<usize>(this.fields + (field << 2)));
  }

  /** A string; null where it is missing or none. */
  text(field: i32): JsonValue | null {
    const value = this.get(field);
    if (value == null || value.kind == JsonKind.String) return value;
    this.refuse(field, words("not a string"), words("write it in double quotes"));
    return null;
  }

  /** As `text`, with what stands for one that is missing. */
  textOr(field: i32, fallback: Words): JsonValue {
    const value = this.text(field);
    return value == null ? packedValue(fallback) : value;
  }

  /** Which of `choices` a string is; the first where it is missing or refused. */
  choice(field: i32, choices: Words): i32 {
    const value = this.get(field);
    if (value == null) return 0;
    const index = value.kind == JsonKind.String ? indexOfWord(choices, value) : -1;
    if (index >= 0) return index;
    this.refuseFor(field, words("not one of the allowed values; allowed, in double quotes: "), choices);
    return 0;
  }

  flag(field: i32, fallback: bool): bool {
    const value = this.get(field);
    if (value == null) return fallback;
    if (value.kind == JsonKind.Boolean) return value.flag;
    this.refuse(field, words("not a boolean"), words("use true or false, without quotes"));
    return fallback;
  }

  /** The object under a name; null when it is missing or none. */
  section(field: i32, names: Words): Section | null {
    const value = this.get(field);
    if (value == null) return null;
    if (value.kind == JsonKind.Object) return openSection(this, field, -1, value, names);
    this.refuse(field, words("not an object"), words("use {...}"));
    return null;
  }

  /** As `section`, of an object with a secret: what is refused of it is not shown. */
  secretSection(field: i32, names: Words): Section | null {
    const value = this.get(field);
    if (value == null) return null;
    if (value.kind == JsonKind.Object) return openSection(this, field, -1, value, names, true);
    this.refuseUnseen(field, words("not an object"), words("use {...}"));
    return null;
  }

  /** As `refuse`, and where the field is missing, that is what is wrong. */
  require(field: i32, reason: Words, remedy: Words): void {
    this.refuse(field, this.get(field) == null ? words("missing") : reason, remedy);
  }

  /** Refuses by a reason and a remedy that ends in `example`. */
  refuseFor(field: i32, reason: Words, example: Words): void {
    this.beginProblem(field, this.get(field));
    put(reason);
    put(example);
    addProblem();
  }

  refuse(field: i32, reason: Words, remedy: Words): void {
    this.beginProblem(field, this.get(field));
    endProblem(reason, remedy);
  }

  /** For a value that may be a secret, or is not what is wrong. */
  refuseUnseen(field: i32, reason: Words, remedy: Words): void {
    this.beginProblem(field, null);
    endProblem(reason, remedy);
  }

  /** Refuses an item of an array; `value` is null where it may not be shown. */
  refuseItem(field: i32, index: i32, value: JsonValue | null, reason: Words, remedy: Words): void {
    begin();
    this.putItem(field, index);
    putProblemValue(value);
    endProblem(reason, remedy);
  }

  /** Refuses the whole of it. */
  refuseSelf(reason: Words, remedy: Words): void {
    begin();
    this.putPath();
    putProblemValue(null);
    endProblem(reason, remedy);
  }

  private beginProblem(field: i32, value: JsonValue | null): void {
    begin();
    this.putPath();
    putByte(0x2e);
    putWord(this.names, field);
    putProblemValue(this.hidden ? null : value);
  }

  private putItem(field: i32, index: i32): void {
    this.putPath();
    putByte(0x2e);
    putWord(this.names, field);
    if (index < 0) return;
    putByte(0x5b);
    putDecimal(index);
    putByte(0x5d);
  }

  /** As JSONPath writes it. */
  private putPath(): void {
    const parent = this.parent;
    if (parent == null) putByte(0x24);
    else parent.putItem(this.field, this.index);
  }

  /** A field that nobody knows. Its value is not shown: it may be a secret under a misspelt name. */
  refuseUnknown(name: JsonValue): void {
    begin();
    this.putPath();
    const plain = name.length <= MAX_FIELD && consistsOf(name, text(""));
    putByte(plain ? 0x2e : 0x5b);
    if (plain) {
      putString(name);
    } else {
      putQuoted(name.text, name.length);
      putByte(0x5d);
    }
    put(words(": unknown field; known here: "));
    put(this.names);
    addProblem();
  }
}

/** Item `index` of an array of objects in `parent`'s field; null where it is none, which is refused by `remedy`. */
export function openItem(
  parent: Section,
  field: i32,
  index: i32,
  item: JsonValue,
  names: Words,
  remedy: Words,
): Section | null {
  if (item.kind == JsonKind.Object) return openSection(parent, field, index, item, names);
  parent.refuseItem(field, index, null, words("not an object"), remedy);
  return null;
}

/** An object that is `parent`'s field, or item `index` of it. Refuses what has none of `names`. */
export function openSection(
  parent: Section | null,
  field: i32,
  index: i32,
  value: JsonValue,
  names: Words,
  hidden: bool = false,
): Section {
  const section = make<Section>(scratch);
  section.parent = parent;
  section.field = field;
  section.index = index;
  section.names = names;
  section.hidden = hidden;
  section.fields = scratch.take(<usize>MAX_FIELD * sizeof<usize>());
  let item = value.first;
  while (item != null) {
    const index = indexOfWord(names, item.name);
    if (index < 0) section.refuseUnknown(item.name);
    else store<usize>(section.fields + (index << 2), changetype<usize>(item));
    item = item.next;
  }
  return section;
}

function putProblemValue(value: JsonValue | null): void {
  if (value != null) {
    put(words(" = "));
    putValue(value);
  }
  put(words(": "));
}

function endProblem(reason: Words, remedy: Words): void {
  put(reason);
  put(words("; "));
  put(remedy);
  addProblem();
}

/** A value of a packed text. */
export function packedValue(text: Words): JsonValue {
  const at = scratch.take(MAX_PACKED);
  return stringValue(at, <u32>(expand(text, at) - at));
}

// Longer than what is meant for a field that is missing.
const MAX_PACKED: usize = 32;
