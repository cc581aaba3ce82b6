/** Reading what nobody has checked: each field of another type than Kubernetes has there is told, and counts as absent. */
import { printable, shown } from "../commands/text.ts";
import { Unusable } from "../commands/types.ts";
import type { Report } from "./emit.ts";
import type { Source } from "./model.ts";

// Some ten times what the largest clusters have. Aliases of YAML, and server-alias, multiply what a short file says.
const MOST_STEPS = 1_000_000;

/** What all the reading may cost. */
export class Budget {
  private left = MOST_STEPS;

  /** @throws Unusable */
  spend(file: string, count = 1): void {
    this.left -= count;
    if (this.left < 0)
      throw new Unusable(
        `${printable(file)}: more rules, paths, hosts or endpoints than ${MOST_STEPS}; import it in parts`,
      );
  }
}

export interface Reader {
  readonly report: Report;
  readonly budget: Budget;
}

/** A value of an object of Kubernetes, and where it stands. */
export class Place {
  readonly value: unknown;
  /** Such as `spec.rules[0].host`; empty for the object itself. */
  readonly path: string;
  readonly source: Source;
  readonly reader: Reader;

  constructor(value: unknown, path: string, source: Source, reader: Reader) {
    this.value = value;
    this.path = path;
    this.source = source;
    this.reader = reader;
  }

  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  field(name: string): Place {
    const path = this.path === "" ? name : `${this.path}.${name}`;
    return new Place(ownField(this.value, name), path, this.source, this.reader);
  }

  /** Undefined when absent, and when it is no text, which is told. */
  text(lost: string): string | undefined {
    if (this.absent) return undefined;
    if (typeof this.value === "string") return this.value;
    this.fault("not text; put it between quotes", lost);
    return undefined;
  }

  /** Empty when absent, and when it is no list, which is told. */
  list(lost: string): Place[] {
    if (this.absent) return [];
    if (!Array.isArray(this.value)) {
      this.fault("not a list", lost);
      return [];
    }
    this.reader.budget.spend(this.source.file, this.value.length);
    const items = this.value.map(
      (item: unknown, index) => new Place(item, `${this.path}[${index}]`, this.source, this.reader),
    );
    return items.filter((item) => {
      if (item.absent) item.fault("nothing stands there", "it is left out");
      return !item.absent;
    });
  }

  /** False when absent, and when it has no fields, which is told. */
  hasFields(lost: string): boolean {
    if (this.absent) return false;
    if (fieldsOf(this.value) !== undefined) return true;
    this.fault("not an object with fields", lost);
    return false;
  }

  /** Tells why this cannot be read, what would be right, and what happens now. */
  fault(why: string, lost: string): void {
    this.reader.report.note({
      outcome: "lost",
      ...this.source,
      subject: this.path === "" ? "kind" : this.path.replaceAll(/\[\d+\]/g, ""),
      value: shownValue(this.value),
      text: `${this.path === "" ? "" : `${this.path}: `}${why}; ${lost}.`,
    });
  }
}

/** Undefined for what has no fields of its own names, as lists, texts and numbers. */
export function fieldsOf(value: unknown): object | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

/** Only the object's own: a key may be `constructor` or `__proto__`. */
export function ownField(value: unknown, name: string): unknown {
  const fields = fieldsOf(value);
  return fields !== undefined && Object.hasOwn(fields, name)
    ? (fields as Record<string, unknown>)[name]
    : undefined;
}

/** For a note. */
export function shownValue(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return "(a list)";
  return typeof value === "object" && value !== null ? "(an object)" : shown(String(value));
}

// RFC 1123, section 2.1, as Kubernetes has it for names of objects.
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/** A host as Kubernetes lets it stand in a rule: a name, or one with `*.` in front. In lower case. */
export function isHost(text: string): boolean {
  const name = text.startsWith("*.") ? text.slice(2) : text;
  return name.length <= 253 && name.split(".").every(isLabel) && !/^[\d.]+$/.test(name);
}
