import { hasWord } from "./grammar";
import { JsonKind, JsonValue } from "./json";
import { Problems } from "./problems";
import { isAlphanumeric, quote } from "./text";

const MAX_FIELD: i32 = 32;

/** One object of the configuration, read field by field. What is wrong goes to `problems`, under its path. */
export class Section {
  /** Whether no value of it may be shown: one of them is a secret, which may stand in the wrong place. */
  private hidden: bool = false;
  /** The names that were asked for, with a blank between them. */
  private known: string = "";

  constructor(
    readonly path: string,
    readonly object: JsonValue,
    readonly problems: Problems,
  ) {}

  /** The value of a field; null when it is missing. Whatever is asked for is known to `finish`. */
  field(name: string): JsonValue | null {
    if (!hasWord(this.known, name)) this.known += (this.known.length ? " " : "") + name;
    return this.object.get(name);
  }

  /** Refuses every field that was never asked for. The last call for a section. */
  finish(): void {
    for (let i = 0; i < this.object.names.length; i++) {
      const name = this.object.names[i];
      if (hasWord(this.known, name)) continue;
      // The value is not shown: it may be a secret under a misspelt name.
      this.problems.addWithoutValue(this.at(name), "unknown field", "known here: " + this.known);
    }
  }

  text(name: string, fallback: string): string {
    const value = this.field(name);
    if (value == null) return fallback;
    if (value.kind == JsonKind.String) return value.text;
    this.refuse(name, "not a string", "write it in double quotes");
    return fallback;
  }

  /** A string that is one of `choices`, words with a blank between them. */
  choice(name: string, choices: string, fallback: string): string {
    const value = this.field(name);
    if (value == null) return fallback;
    if (value.kind == JsonKind.String && hasWord(choices, value.text)) return value.text;
    this.refuse(name, "not one of the allowed values", "allowed, in double quotes: " + choices);
    return fallback;
  }

  flag(name: string, fallback: bool): bool {
    const value = this.field(name);
    if (value == null) return fallback;
    if (value.kind == JsonKind.Boolean) return value.flag;
    this.refuse(name, "not a boolean", "use true or false, without quotes");
    return fallback;
  }

  /** The object under a name; null when it is missing or none. */
  section(name: string): Section | null {
    const value = this.field(name);
    if (value == null) return null;
    if (value.kind == JsonKind.Object) return new Section(this.at(name), value, this.problems);
    this.refuse(name, "not an object", "use {...}");
    return null;
  }

  /** As `section`, of an object with a secret: what is refused in it is not shown. */
  secretSection(name: string): Section | null {
    const value = this.field(name);
    if (value == null) return null;
    if (value.kind != JsonKind.Object) {
      this.problems.addWithoutValue(this.at(name), "not an object", "use {...}");
      return null;
    }
    const section = new Section(this.at(name), value, this.problems);
    section.hidden = true;
    return section;
  }

  refuse(name: string, reason: string, remedy: string): void {
    this.problems.add(this.at(name), this.hidden ? null : this.object.get(name), reason, remedy);
  }

  /** The path of a field, as JSONPath writes it. */
  at(name: string): string {
    for (let i = 0; i < name.length; i++) {
      // Longer than any field: quote() knows what a log may show of it.
      if (!isAlphanumeric(name.charCodeAt(i)) || i == MAX_FIELD) {
        return this.path + "[" + quote(name) + "]";
      }
    }
    return this.path + "." + name;
  }
}
