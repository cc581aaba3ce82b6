/**
 * `npm test`: runs every suite; `npm test -- envoy` one of them, `npm test -- envoy/drain` the files whose path below
 * test/ begins so. At the end it says what each suite came to and shows each failure with its reason. The last line is
 * `N passed, N failed`; the exit code is 1 if any failed. What should have run and did not counts as failed: a file
 * without tests, a suite without files, a process that broke.
 */
import { ownFiles } from "../cli/files.ts";
import { NodeProcesses } from "./node-processes.ts";
import { runSuites, type SuiteRun } from "./queue.ts";
import { entryCompilation, LONGEST, suites, type Suite } from "./suites.ts";
import { Tally } from "./tally.ts";

// Tests wait more than they compute; more at a time would make them wait for each other on a machine of two cores.
const LANES = 2;

const USAGE = `use ${suites.map(({ name }) => name).join(", ")}, or the beginning of a path below test/`;

const processes = new NodeProcesses();
const total = new Tally();

async function main(filters: string[]): Promise<number> {
  const files = ownFiles(/\.(spec|test)\.ts$/);
  for (const file of files) {
    if (suiteOf(file) === undefined) fail(`${file}: belongs to no suite; see test/suites.ts`);
  }
  for (const file of LONGEST) {
    if (!files.includes(file)) fail(`${file}: is not there, but test/suites.ts has it among the longest`);
  }
  for (const filter of filters) {
    if (!files.some((file) => isWanted(file, [filter]))) fail(`${filter}: names no test; ${USAGE}`);
  }
  await Promise.all([
    prepare(["build/ts/test/vectors/generate.js", "--check"], "test/unit/vectors: not up to date"),
    ...ownFiles(/\.entry\.ts$/).map((entry) => prepare(entryCompilation(entry), `${entry}: did not compile`)),
  ]);

  const runs: SuiteRun[] = [];
  for (const suite of suites) {
    const own = files.filter((file) => suiteOf(file) === suite);
    const wanted = own.filter((file) => isWanted(file, filters));
    if (wanted.length > 0) runs.push({ suite, files: wanted, tally: new Tally(), seconds: 0 });
    else if (own.length === 0 && filters.length === 0) fail(`test/${suite.name}: holds no tests`);
  }
  await runSuites(runs, processes, { lanes: LANES, longest: LONGEST });
  if (processes.endedBy !== undefined) fail(`ended by ${processes.endedBy}`);

  console.log("");
  for (const { suite, files: own, tally, seconds } of runs) {
    console.log(`== ${suite.name}: ${own.length} files: ${tally} (${seconds.toFixed(1)} s)`);
    total.add(tally);
  }
  console.log("");
  for (const failure of total.failures) console.log(`failed: ${failure}`);
  console.log(String(total));
  return total.failures.length === 0 ? 0 : 1;
}

/** Runs what has to be done before any test. */
async function prepare(args: string[], reason: string): Promise<void> {
  if ((await processes.run(args)) !== 0 && processes.endedBy === undefined) fail(reason);
}

function fail(reason: string): void {
  console.log(`✖ ${reason}`);
  total.fail(reason);
}

function suiteOf(file: string): Suite | undefined {
  return suites.find((suite) => file.startsWith(`test/${suite.name}/`) && suite.file.test(file));
}

function isWanted(file: string, filters: string[]): boolean {
  return filters.length === 0 || filters.some((filter) => `${file}/`.startsWith(`test/${filter}`));
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => processes.end(signal));
process.exitCode = await main(process.argv.slice(2));
