import { hasWord } from "./grammar";
import { JsonKind, JsonValue } from "./json";
import { Problems } from "./problems";
import { isAlphanumeric, quote } from "./text";

/** One object of the configuration, read field by field. What is wrong goes to `problems`, under its path. */
export class Section {
  constructor(
    readonly path: string,
    readonly object: JsonValue,
    readonly problems: Problems,
  ) {}

  /** Refuses every field that is not among `names`, words with a blank between them. */
  allow(names: string): void {
    for (let i = 0; i < this.object.names.length; i++) {
      const name = this.object.names[i];
      // The value is not shown: it may be a secret under a misspelt name.
      if (!hasWord(names, name))
        this.problems.addSecret(this.at(name), "unknown field", "known here: " + names);
    }
  }

  /** Refuses a field that a later version reads; a value that says what this version does anyway is let pass. */
  later(name: string, harmless: string): void {
    const value = this.object.get(name);
    if (value == null) return;
    if (value.kind == JsonKind.String && value.text == harmless) return;
    if (value.kind == JsonKind.Boolean && (value.flag ? "true" : "false") == harmless) return;
    const remedy = harmless.length ? "leave it out or set it to its default, " + harmless : "leave it out";
    this.refuse(name, "not supported yet", remedy);
  }

  text(name: string, fallback: string): string {
    const value = this.object.get(name);
    if (value == null) return fallback;
    if (value.kind == JsonKind.String) return value.text;
    this.refuse(name, "not a string", "write it in double quotes");
    return fallback;
  }

  /** A string that is one of `choices`, words with a blank between them. */
  choice(name: string, choices: string, fallback: string): string {
    const value = this.object.get(name);
    if (value == null) return fallback;
    if (value.kind == JsonKind.String && hasWord(choices, value.text)) return value.text;
    this.refuse(name, "not one of the allowed values", "allowed, in double quotes: " + choices);
    return fallback;
  }

  flag(name: string, fallback: bool): bool {
    const value = this.object.get(name);
    if (value == null) return fallback;
    if (value.kind == JsonKind.Boolean) return value.flag;
    this.refuse(name, "not a boolean", "use true or false, without quotes");
    return fallback;
  }

  /** The object under a name; null when it is missing or none. */
  section(name: string): Section | null {
    const value = this.object.get(name);
    if (value == null) return null;
    if (value.kind == JsonKind.Object) return new Section(this.at(name), value, this.problems);
    this.refuse(name, "not an object", "use {...}");
    return null;
  }

  refuse(name: string, reason: string, remedy: string): void {
    this.problems.add(this.at(name), this.object.get(name), reason, remedy);
  }

  /** The path of a field, as JSONPath writes it. */
  at(name: string): string {
    for (let i = 0; i < name.length; i++) {
      if (!isAlphanumeric(name.charCodeAt(i))) {
        return this.path + "[" + quote(name) + "]";
      }
    }
    return this.path + "." + name;
  }
}
