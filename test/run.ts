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
import { entryOutput, suites, type Suite, type SuiteProcess } from "./suites.ts";

/** An exit code, or the signal that ended the process. */
type Ending = number | NodeJS.Signals | "unknown";

// How long a suite has to end its own children before it is killed.
const GRACE_MS = 5_000;

const USAGE = `use ${suites.map(({ name }) => name).join(", ")}, or the beginning of a path below test/`;

let passed = 0;
const failures: string[] = [];
let running: ChildProcess | undefined;
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
    if (endedBy === undefined && (await compileEntry(entry)) !== 0) fail(`${entry}: did not compile`);
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
  for (const one of suite.processes(files)) {
    if (endedBy === undefined) await runProcess(one);
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const failed = failures.length - before.failed;
  console.log(`\n== ${suite.name}: ${passed - before.passed} passed, ${failed} failed (${seconds} s)`);
}

async function runProcess({ files, args }: SuiteProcess): Promise<void> {
  if (files.length === 1) console.log(`\n${files[0]}`);
  const folder = mkdtempSync(join(tmpdir(), "affinity-test-"));
  const file = join(folder, "results");
  const ending = await run(args, { [RESULTS_FILE]: file });
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

/** Compiled as the filter is, so that what is tested is what runs. */
function compileEntry(entry: string): Promise<Ending> {
  const target = ["--target", "release", "--outFile", entryOutput(entry)];
  return run(["node_modules/assemblyscript/bin/asc.js", entry, ...target]);
}

/** Runs a node process from the root, in a process group of its own, so that it can be ended with all it started. */
function run(args: string[], variables: NodeJS.ProcessEnv = {}): Promise<Ending> {
  const env = { ...process.env, ...variables };
  // Set where a test runner runs this program; it would make those below report to that one.
  delete env.NODE_TEST_CONTEXT;
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env,
      detached: true,
    });
    running = child;
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      running = undefined;
      // What a test that broke off has left behind.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      done(code ?? signal ?? "unknown");
    });
  });
}

function end(signal: NodeJS.Signals): void {
  endedBy = signal;
  const child = running;
  if (child?.pid === undefined) return;
  signalGroup(child.pid, "SIGTERM");
  setTimeout(signalGroup, GRACE_MS, child.pid, "SIGKILL").unref();
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
