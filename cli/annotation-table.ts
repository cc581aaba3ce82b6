/** The table of annotations in docs/migration.md. */
import { annotations, names } from "./import/annotations.ts";
import type { Outcome } from "./import/emit.ts";

const BEGIN = "<!-- annotations: npm run generate -->\n";
const END = "<!-- end of annotations -->";

const WORDS: Readonly<Record<Outcome, string>> = {
  converted: "converted",
  different: "converted with a difference",
  lost: "not converted",
  invalid: "as if absent",
  untouched: "left to you",
};

/** @throws Error when the text has no place for the table */
export function withAnnotationTable(document: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`no lines ${BEGIN.trim()} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${table()}\n${document.slice(end)}`;
}

function table(): string {
  const rows = names.map((name) => {
    const { takes, default: absent, outcome, becomes } = annotations[name];
    return [`\`${name}\``, takes, absent, WORDS[outcome], becomes].map(cell).join("");
  });
  return ["| annotation | takes | without it | | what becomes of it |", "|---|---|---|---|---|"]
    .concat(rows.map((row) => `${row}|`))
    .join("\n")
    .concat("\n");
}

function cell(text: string): string {
  return `| ${text.replaceAll("|", "\\|")} `;
}
