import { appendFileSync } from "node:fs";

/** What a suite's reporter tells test/run.ts: all tests of a file, or one of them. */
export interface Result {
  /** The spec file, from as-pect, which runs many in one process; absent where the process runs one. */
  file?: string;
  passed: number;
  failed: Failed[];
}

/** A failed test, and what it says about itself. */
export interface Failed {
  name: string;
  message: string;
}

/** Names the file that results are appended to, a line of JSON each, in the environment. */
export const RESULTS_FILE = "TEST_RESULTS_FILE";

/** Without that variable, as when as-pect is run by hand, nobody counts. */
export function record(result: Result): void {
  const file = process.env[RESULTS_FILE];
  if (file !== undefined) appendFileSync(file, JSON.stringify(result) + "\n");
}
