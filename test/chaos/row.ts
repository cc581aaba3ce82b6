import type { Identity } from "./accounts.ts";
import type { Tally } from "./tally.ts";

/** Names the file that rows are appended to, a line of JSON each, in the environment. */
export const ROWS_FILE = "CHAOS_ROWS_FILE";

/** What a scenario came to. */
export interface Row {
  name: string;
  sessions: number;
  /** Of all gateways together. */
  tally: Tally;
  /** Sessions that moved, and of these those whose pod lived. */
  moved: number;
  movedThoughAlive: number;
  /** Sessions that began anew at the pod that was started in the place of theirs. */
  stayed: number;
  lost: number;
  unserved: number;
  /** How many pairs of numbers were compared, and those that differ. */
  identities: number;
  unbalanced: Identity[];
  complaints: string[];
}

const columns: [title: string, of: (row: Row) => string | number][] = [
  ["scenario", ({ name }) => name],
  ["sessions", ({ sessions }) => sessions],
  ["requests", ({ tally }) => tally.sent],
  ["answered", ({ tally }) => tally.answered],
  ["failed: gateway", ({ tally }) => tally.failed.gateway],
  ["closed", ({ tally }) => tally.failed.closed],
  ["once", ({ tally }) => tally.failed.once],
  ["trap", ({ tally }) => tally.failed.trap],
  ["retryable", ({ tally, unserved }) => tally.failed.retryable + unserved],
  ["moved", ({ moved }) => moved],
  ["in place", ({ stayed }) => stayed],
  ["pod alive", ({ movedThoughAlive }) => movedThoughAlive],
  ["lost", ({ lost }) => lost],
  ["cookies: new", ({ tally }) => tally.cookies.created],
  ["moved", ({ tally }) => tally.cookies.repinned],
  ["renewed", ({ tally }) => tally.cookies.renewed],
  ["account", ({ identities, unbalanced }) => `${identities - unbalanced.length} of ${identities}`],
];

/** The rows as lines of text under their titles. */
export function table(rows: readonly Row[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, of]) => String(of(row)))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join("  "),
    )
    .join("\n");
}
