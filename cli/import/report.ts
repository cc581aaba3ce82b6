/** The notes of an import, in the order and the words in which people and programs get them. */
import type { Note, Outcome, Report } from "./emit.ts";
import { printable } from "../commands/text.ts";

/** All outcomes, what needs attention first, with what a count of them says. */
const OUTCOMES: Readonly<Record<Outcome, string>> = {
  lost: "lost",
  different: "converted with a difference",
  invalid: "invalid",
  untouched: "left to you",
  converted: "converted",
};

/** Every note, sorted; one that is given twice is there once. */
export class Notes implements Report {
  readonly #notes = new Map<string, Note>();

  note(note: Note): void {
    this.#notes.set(JSON.stringify(note), note);
  }

  /** By file, object and subject; then in the order of OUTCOMES, by value and text. */
  sorted(): Note[] {
    const order = Object.keys(OUTCOMES);
    const keys = (note: Note): string[] => [
      note.file,
      note.object,
      note.subject,
      String(order.indexOf(note.outcome)),
      note.value,
      note.text,
    ];
    return [...this.#notes.values()].sort((left, right) => comparison(keys(left), keys(right)));
  }

  /** Whether anything of what ingress-nginx did is not done any more. */
  get isLossy(): boolean {
    return [...this.#notes.values()].some(({ outcome }) => outcome === "lost");
  }
}

// By code units, so that no locale of a machine has a say.
function comparison(left: readonly string[], right: readonly string[]): number {
  for (const [index, text] of left.entries()) {
    const other = right[index]!;
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}

/** A line for each note but `converted`, of which there are as many as annotations; then the count of all. */
export function notesText(notes: readonly Note[]): string {
  const lines = notes.filter(({ outcome }) => outcome !== "converted").map(lineOf);
  const counts = Object.entries(OUTCOMES).flatMap(([outcome, words]) => {
    const count = notes.filter((note) => note.outcome === outcome).length;
    return count > 0 ? [`${count} ${words}`] : [];
  });
  return [...lines, counts.length > 0 ? counts.join("; ") : "nothing to say", ""].join("\n");
}

/** All notes, with the fields of Note and no others, and what else there is to say. */
export function notesJson(notes: readonly Note[], messages: readonly string[]): string {
  const rows = notes.map(({ outcome, file, object, subject, value, text }) => ({
    outcome,
    file,
    object,
    subject,
    value,
    text,
  }));
  return `${JSON.stringify({ notes: rows, messages }, null, 2)}\n`;
}

const SHOWN_VALUE = 200;

// All on one line, so that grep finds what belongs together.
function lineOf({ outcome, file, object, subject, value, text }: Note): string {
  const cut = value.length > SHOWN_VALUE ? `${value.slice(0, SHOWN_VALUE)}...` : value;
  const what = value === "" ? subject : `${subject}="${cut}"`;
  return `${outcome}: ${printable(`${file}: ${object}: ${what}: ${text}`)}`;
}
