/** The annotations of one Ingress: what they say, and the notes of what becomes of each. */
import { printable, shown } from "../commands/text.ts";
import { PREFIX, annotations, isName, names, type Name, type Settings } from "./annotations.ts";
import type { Note, Outcome, Report } from "./emit.ts";
import { fieldsOf, shownValue, type Place } from "./fields.ts";
import type { Source } from "./model.ts";
import type { Wrong } from "./values.ts";

/** One annotation of ours, as it stands in the file. */
interface Annotated {
  readonly value: string;
  readonly outcome: Outcome;
  readonly text: string;
}

export interface Given {
  readonly settings: Settings;
  readonly notes: ReadonlyMap<Name, Annotated>;
  /** All others, by their full names. */
  readonly others: readonly string[];
}

// Of these the importer makes use, or they are no annotations of people.
const NOT_NAMED = /^(?:kubectl\.kubernetes\.io\/|meta\.helm\.sh\/|kubernetes\.io\/ingress\.class$)/;

export function settingsOf(place: Place): Given {
  const settings: Partial<Record<Name, unknown>> = {};
  const notes = new Map<Name, Annotated>();
  const others: string[] = [];
  const fields = place.hasFields("the Ingress has none") ? fieldsOf(place.value) : undefined;
  for (const [full, value] of Object.entries(fields ?? {})) {
    place.reader.budget.spend(place.source.file);
    const name = full.startsWith(PREFIX) ? full.slice(PREFIX.length) : "";
    if (!isName(name)) {
      if (!NOT_NAMED.test(full)) others.push(full);
      continue;
    }
    const read = readValue(name, value);
    notes.set(name, read.note);
    if (read.valid) settings[name] = read.value;
  }
  return { settings: settings as Settings, notes, others };
}

function readValue(name: Name, value: unknown): { valid: boolean; value?: unknown; note: Annotated } {
  const { parse, outcome, becomes } = annotations[name];
  const invalid = (text: string): Annotated => ({ value: shownValue(value), outcome: "invalid", text });
  if (typeof value === "string") {
    const parsed = parse(value);
    if ("wrong" in parsed) return { valid: false, note: wrongNote(value, parsed) };
    return {
      valid: true,
      value: parsed.value,
      note: { value: shown(value), outcome: parsed.outcome ?? outcome, text: parsed.text ?? becomes },
    };
  }
  // Kubernetes refuses the whole object, so that this file was never in a cluster; what is meant is plain, though.
  if (typeof value === "number" || typeof value === "boolean") {
    const parsed = parse(String(value));
    const quoted = `Kubernetes takes text alone here; write "${shown(String(value))}", between quotes`;
    if ("wrong" in parsed) return { valid: false, note: invalid(`${parsed.wrong}; ${quoted}`) };
    return { valid: true, value: parsed.value, note: invalid(`${quoted}; it is taken as if it stood so`) };
  }
  return { valid: false, note: invalid("not text; it counts as absent; write it between quotes") };
}

/** What ingress-nginx takes by accident is another thing there. */
function wrongNote(value: string, { wrong, accident }: Wrong): Annotated {
  const absent = accident ? "it counts as absent now" : "it counts as absent, as in ingress-nginx";
  return { value: shown(value), outcome: "invalid", text: `${wrong}; ${absent}` };
}

/** Why an annotation is of no effect in this place, and so what is noted of it; undefined when it has its effect. */
export type Judge = (name: Name) => { readonly outcome: Outcome; readonly text: string } | undefined;

/** One note for each annotation of ours, in the table's order, and one for all others. */
export function noteSettings({ notes, others }: Given, source: Source, judge: Judge, report: Report): void {
  for (const name of names) {
    const given = notes.get(name);
    if (given === undefined) continue;
    const { value } = given;
    const judged = given.outcome === "invalid" ? undefined : judge(name);
    const { outcome, text } = judged ?? given;
    report.note({ outcome, ...source, subject: name, value, text: sentence(text) });
  }
  if (others.length > 0) report.note(untouched(others, source));
}

const MOST_NAMED = 50;

function untouched(others: readonly string[], source: Source): Note {
  const named = others.slice(0, MOST_NAMED).map((name) => printable(name.replace(PREFIX, "")));
  const more = others.length > MOST_NAMED ? ` and ${others.length - MOST_NAMED} more` : "";
  return {
    outcome: "untouched",
    ...source,
    subject: "metadata.annotations",
    value: `${named.join(", ")}${more}`,
    text: "Not about affinity: what they did is left to you.",
  };
}

export function sentence(text: string): string {
  // Names, such as ingress-nginx, stay as they are.
  const begun = /^[a-z]+(?![\w-])/.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;
  return `${begun}.`;
}
