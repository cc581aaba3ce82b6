/**
 * `npm test`: runs every suite, one after another; `npm test -- envoy` one of them, `npm test -- envoy/drain` the files
 * whose path below test/ begins so. The last line is `N passed, N failed`; the exit code is 1 if any failed. What should
 * have run and did not counts as failed: a file without tests, a suite without files, a process that broke.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownFiles } from "../cli/files.ts";
import { root } from "../cli/root.ts";
import { RESULTS_FILE, type Result } from "./reporters/result.ts";
import { entryCompilation, suites, type Suite, type SuiteProcess } from "./suites.ts";

/** An exit code, or the signal that ended the process. */
type Ending = number | NodeJS.Signals | "unknown";

// How long a suite has to end its own children before it is killed.
const GRACE_MS = 5_000;

// Tests wait more than they compute; more at a time would make them wait for each other on a machine of two cores.
const LANES = 2;

const USAGE = `use ${suites.map(({ name }) => name).join(", ")}, or the beginning of a path below test/`;

let passed = 0;
const failures: string[] = [];
const running = new Set<ChildProcess>();
let endedBy: NodeJS.Signals | undefined;

async function main(filters: string[]): Promise<number> {
  const files = ownFiles(/\.(spec|test)\.ts$/);
  for (const file of files) {
    if (suiteOf(file) === undefined) fail(`${file}: belongs to no suite; see test/suites.ts`);
  }
  for (const filter of filters) {
    if (!files.some((file) => isWanted(file, [filter]))) fail(`${filter}: names no test; ${USAGE}`);
  }
  if ((await run(["build/ts/test/vectors/generate.js", "--check"])) !== 0)
    fail("test/unit/vectors: not up to date");
  for (const entry of ownFiles(/\.entry\.ts$/)) {
    if (endedBy === undefined && (await run(entryCompilation(entry))) !== 0)
      fail(`${entry}: did not compile`);
  }
  for (const suite of suites) {
    if (endedBy !== undefined) break;
    const own = files.filter((file) => suiteOf(file) === suite);
    const wanted = own.filter((file) => isWanted(file, filters));
    if (wanted.length > 0) await runSuite(suite, wanted);
    else if (own.length === 0 && filters.length === 0) fail(`test/${suite.name}: holds no tests`);
  }
  if (endedBy !== undefined) fail(`ended by ${endedBy}`);

  console.log("");
  for (const failure of failures) console.log(`failed: ${failure}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}

function fail(reason: string): void {
  console.log(`✖ ${reason}`);
  failures.push(reason);
}

function suiteOf(file: string): Suite | undefined {
  return suites.find((suite) => file.startsWith(`test/${suite.name}/`) && suite.file.test(file));
}

function isWanted(file: string, filters: string[]): boolean {
  return filters.length === 0 || filters.some((filter) => `${file}/`.startsWith(`test/${filter}`));
}

async function runSuite(suite: Suite, files: string[]): Promise<void> {
  console.log(`\n== ${suite.name}: ${files.length} files`);
  const started = Date.now();
  const before = { passed, failed: failures.length };
  const waiting = suite.processes(files);
  const lane = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined && endedBy === undefined; one = waiting.shift())
      await runProcess(one);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const failed = failures.length - before.failed;
  console.log(`\n== ${suite.name}: ${passed - before.passed} passed, ${failed} failed (${seconds} s)`);
}

async function runProcess({ files, args }: SuiteProcess): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "affinity-test-"));
  const file = join(folder, "results");
  const { ending, output } = await runAside(args, { [RESULTS_FILE]: file });
  // As a whole, for two of them run at a time.
  console.log(files.length === 1 ? `\n${files[0]}\n${output}` : output);
  const results = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  rmSync(folder, { recursive: true });

  const silent = new Set(files);
  let failed = 0;
  for (const line of results) {
    const result: Result = JSON.parse(line);
    const source = result.file ?? files.join();
    passed += result.passed;
    failed += result.failed.length;
    for (const name of result.failed) failures.push(`${source}: ${name}`);
    if (result.passed + result.failed.length > 0) silent.delete(source);
  }
  for (const source of silent) fail(`${source}: ran no test`);
  if (ending !== 0 && failed + silent.size === 0 && endedBy === undefined)
    fail(`${files.join(", ")}: ended with ${ending}, though no test failed`);
}

/** Runs a node process that writes to our streams. */
async function run(args: string[]): Promise<Ending> {
  return ended(start(args, {}, "inherit"));
}

/** Runs a node process and keeps what it writes. */
async function runAside(
  args: string[],
  variables: NodeJS.ProcessEnv,
): Promise<{ ending: Ending; output: string }> {
  const child = start(args, variables, "pipe");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ending = await ended(child);
  return { ending, output: output.trimEnd() };
}

/** Starts a node process from the root, in a process group of its own, so that it can be ended with all it started. */
function start(args: string[], variables: NodeJS.ProcessEnv, output: "inherit" | "pipe"): ChildProcess {
  const env = { ...process.env, ...variables };
  // Set where a test runner runs this program; it would make those below report to that one.
  delete env.NODE_TEST_CONTEXT;
  const stdio = ["ignore", output, output] as const;
  const child = spawn(process.execPath, args, { cwd: root, stdio: [...stdio], env, detached: true });
  running.add(child);
  return child;
}

function ended(child: ChildProcess): Promise<Ending> {
  return new Promise((done, reject) => {
    child.once("error", reject);
    let ending: Ending = "unknown";
    child.once("exit", (code, signal) => {
      running.delete(child);
      ending = code ?? signal ?? "unknown";
      // What a test that broke off has left behind.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    });
    child.once("close", () => done(ending));
  });
}

function end(signal: NodeJS.Signals): void {
  endedBy = signal;
  for (const { pid } of running) {
    if (pid === undefined) continue;
    signalGroup(pid, "SIGTERM");
    setTimeout(signalGroup, GRACE_MS, pid, "SIGKILL").unref();
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // Its last process has just ended.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
process.exitCode = await main(process.argv.slice(2));
