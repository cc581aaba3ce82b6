import { JsonKind, JsonValue } from "./json";
import { quote } from "./text";

// More would bury the first, and be of one cause.
const MAX_LINES: i32 = 20;

/** What is wrong with a configuration: a line for each problem, `PATH = VALUE: reason; what would be right`. */
export class Problems {
  readonly lines: string[] = [];

  add(path: string, value: JsonValue | null, reason: string, remedy: string): void {
    this.addWithoutValue(value == null ? path : path + " = " + show(value), reason, remedy);
  }

  /** For a value that may be a secret, or is not what is wrong. */
  addWithoutValue(path: string, reason: string, remedy: string): void {
    if (this.lines.length < MAX_LINES) this.lines.push(path + ": " + reason + "; " + remedy);
  }
}

/** A value as it may stand in a log: shortened, and no key. */
function show(value: JsonValue): string {
  switch (value.kind) {
    case JsonKind.Null:
      return "null";
    case JsonKind.Boolean:
      return value.flag ? "true" : "false";
    case JsonKind.Number:
      return value.text.length > 24 ? value.text.substring(0, 24) + "..." : value.text;
    case JsonKind.String:
      return quote(value.text);
    case JsonKind.Array:
      return value.items.length ? "[...]" : "[]";
    default:
      return value.names.length ? "{...}" : "{}";
  }
}
