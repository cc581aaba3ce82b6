/**
 * `npm run chaos`: the scenarios of test/envoy/chaos-*.test.ts with 3000 sessions each (`CHAOS_SESSIONS` in the environment
 * changes that), and a table of what they came to. `npm run chaos -- TEXT` runs those alone whose name has this text.
 * The last line is `N passed, N failed`; the exit code is 1 if any failed, or none ran.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";
import { RESULTS_FILE, type Result } from "../reporters/result.ts";
import { entryCompilation, nodeTestOptions } from "../suites.ts";
import { ROWS_FILE, table, type Row } from "./row.ts";
import { FULL, SESSIONS, sizeOf } from "./size.ts";

const FILES = ["chaos-pods", "chaos-gateways"];
// All scenarios of a file together; far above what they take on a machine that is busy.
const TIMEOUT_MS = 3_600_000;

async function main(wanted: string[]): Promise<number> {
  const env: NodeJS.ProcessEnv = { [SESSIONS]: String(FULL), ...process.env };
  const { sessions } = sizeOf(env);
  const compiled = await run(process.execPath, entryCompilation("test/envoy/trapping.entry.ts"));
  if (compiled.code !== 0) throw new Error(`the build that traps did not compile:\n${compiled.output}`);
  console.log(`${sessions} sessions in each scenario`);

  const folder = mkdtempSync(join(tmpdir(), "affinity-chaos-"));
  const [rowsFile, resultsFile] = [join(folder, "rows"), join(folder, "results")];
  try {
    // One after another: each is to have the machine for itself.
    for (const file of FILES)
      await test(file, wanted, { ...env, [ROWS_FILE]: rowsFile, [RESULTS_FILE]: resultsFile });
    return report(linesOf<Row>(rowsFile), linesOf<Result>(resultsFile));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function test(file: string, wanted: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const names = wanted.map((text) => `--test-name-pattern=${text.replace(/[^\w\s]/g, "\\$&")}`);
  const args = [...nodeTestOptions(TIMEOUT_MS), ...names, `build/ts/test/envoy/${file}.test.js`];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: "inherit" });
  await once(child, "exit");
}

function report(rows: readonly Row[], results: readonly Result[]): number {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  // A test that was not asked for is reported as skipped.
  const failed = results
    .flatMap((result) => result.failed.map(({ name }) => name))
    .filter((name) => !name.endsWith(": skipped"));
  console.log(`\n${table(rows)}\n`);
  for (const name of failed) console.log(`failed: ${name}`);
  console.log(`${passed} passed, ${failed.length} failed`);
  return failed.length === 0 && passed > 0 ? 0 : 1;
}

function linesOf<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

process.chdir(root);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
