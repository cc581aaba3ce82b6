/** Of a failure's reason, as many lines as the end of a run shows: there is more above. */
const MOST_LINES = 10;
const INDENT = "    ";

/** What a suite, or a whole run, came to. */
export class Tally {
  passed = 0;
  /** Each failure as the end of the run shows it: in one line what failed, and below it why, if that is known. */
  readonly failures: string[] = [];

  fail(what: string, why = ""): void {
    this.failures.push([what, ...shortened(why)].join("\n"));
  }

  add({ passed, failures }: Tally): void {
    this.passed += passed;
    this.failures.push(...failures);
  }

  toString(): string {
    return `${this.passed} passed, ${this.failures.length} failed`;
  }
}

function shortened(why: string): string[] {
  const lines = why.trim() === "" ? [] : why.trimEnd().split("\n");
  const left = lines.length - MOST_LINES;
  const shown = left > 0 ? [...lines.slice(0, MOST_LINES), `... (${left} lines more above)`] : lines;
  return shown.map((line) => `${INDENT}${line}`);
}
