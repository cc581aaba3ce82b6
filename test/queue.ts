import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeProcesses } from "./node-processes.ts";
import { RESULTS_FILE, type Result } from "./reporters/result.ts";
import type { Suite, SuiteProcess } from "./suites.ts";
import { portsOf, TEST_PORTS } from "./support/ports.ts";
import { Tally } from "./tally.ts";

// Of what a process that broke off wrote, the end says why.
const LAST_LINES = 10;

/** Files of a suite, and what they came to. */
export interface SuiteRun {
  readonly suite: Suite;
  readonly files: readonly string[];
  readonly tally: Tally;
  /** What its processes took, added up. */
  seconds: number;
}

export interface QueueOptions {
  /** How many processes run at a time. */
  lanes: number;
  /** Files, the longest first; the others come after them, in the order of the suites. */
  longest: readonly string[];
  /** Takes what a process wrote, as a whole, for several of them run at a time. */
  say?: (output: string) => void;
}

/**
 * Runs the files of all suites. There is one queue, which begins with what takes longest: a lane would otherwise wait for
 * the last long file of each suite.
 */
export async function runSuites(
  runs: readonly SuiteRun[],
  processes: NodeProcesses,
  { lanes, longest, say = console.log }: QueueOptions,
): Promise<void> {
  const place = ({ files }: SuiteProcess): number => {
    const places = files.map((file) => longest.indexOf(file)).filter((at) => at >= 0);
    return Math.min(longest.length, ...places);
  };
  const waiting = runs
    .flatMap((run) => run.suite.processes([...run.files]).map((one) => ({ run, one })))
    .sort((a, b) => place(a.one) - place(b.one));
  const lane = async (_: unknown, number: number): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (processes.endedBy !== undefined) return;
      say(await runOne(next.one, next.run, processes, { [TEST_PORTS]: portsOf(number, lanes) }));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function runOne(
  { files, args }: SuiteProcess,
  run: SuiteRun,
  processes: NodeProcesses,
  variables: NodeJS.ProcessEnv,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "affinity-test-"));
  const file = join(folder, "results");
  const started = Date.now();
  const { ending, output } = await processes.runAside(args, { [RESULTS_FILE]: file, ...variables });
  const seconds = (Date.now() - started) / 1000;
  run.seconds += seconds;
  const results = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  rmSync(folder, { recursive: true });

  const tally = new Tally();
  const silent = new Set(files);
  for (const line of results) {
    const result: Result = JSON.parse(line);
    const source = result.file ?? files.join();
    tally.passed += result.passed;
    for (const { name, message } of result.failed) tally.fail(`${source}: ${name}`, message);
    if (result.passed + result.failed.length > 0) silent.delete(source);
  }
  const end = output.split("\n").slice(-LAST_LINES).join("\n");
  for (const source of silent) tally.fail(`${source}: ran no test`, end);
  if (ending !== 0 && tally.failures.length === 0 && processes.endedBy === undefined)
    tally.fail(`${files.join(", ")}: ended with ${ending}, though no test failed`, end);
  run.tally.add(tally);
  const what = files.length === 1 ? files[0] : `${run.suite.name}: ${files.length} files`;
  return `\n${what} (${seconds.toFixed(1)} s)\n${output}`;
}
