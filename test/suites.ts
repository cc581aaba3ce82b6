/** The suites of `npm test`: what belongs to each and how it is run. */
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../cli/root.ts";

export interface Suite {
  /** The folder below test/, and the name on the command line. */
  name: string;
  /** What the suite's files are called. */
  file: RegExp;
  /** The node processes that run these files; each reports by ./reporters. */
  processes(files: string[]): SuiteProcess[];
}

export interface SuiteProcess {
  files: string[];
  args: string[];
}

export const suites: Suite[] = [
  { name: "unit", file: /\.spec\.ts$/, processes: aspect },
  { name: "wasm", file: /\.test\.ts$/, processes: nodeTest },
  { name: "cli", file: /\.test\.ts$/, processes: nodeTest },
  { name: "envoy", file: /\.test\.ts$/, processes: nodeTest },
  { name: "page", file: /\.test\.ts$/, processes: nodeTest },
];

/**
 * The files that take ten seconds or more on a machine of two quiet cores, the longest first, as the run says of each: they
 * begin before all others, so that none of them runs alone at the end. A file that is missing here costs no more than that.
 */
export const LONGEST = [
  "test/wasm/fuzz-requests.test.ts",
  "test/page/controls.test.ts",
  "test/page/look.test.ts",
  "test/page/visit.test.ts",
  "test/envoy/chaos-pods.test.ts",
  "test/envoy/failure.test.ts",
  "test/envoy/chaos-gateways.test.ts",
  "test/cli/policies.test.ts",
  "test/cli/start.test.ts",
  "test/envoy/balanced.test.ts",
  "test/page/keyboard.test.ts",
  "test/cli/app-redis.test.ts",
  "test/envoy/repick.test.ts",
  "test/envoy/bench.test.ts",
  "test/envoy/services.test.ts",
  "test/envoy/header.test.ts",
  "test/envoy/cutover.test.ts",
  "test/envoy/attributes.test.ts",
  "test/page/five-pods.test.ts",
  "test/cli/setup.test.ts",
  "test/envoy/streams.test.ts",
  "test/envoy/configuration.test.ts",
  "test/wasm/fuzz-former.test.ts",
  "test/wasm/memory.test.ts",
  "test/envoy/import-envoy-validate.test.ts",
  "test/envoy/import-envoy-canary.test.ts",
  "test/cli/tutorial.test.ts",
  "test/wasm/streams.test.ts",
];

// Far above the longest file, also on a machine that is busy with something else: a test that hangs ends the run with a failure instead of holding it for ever.
const TIMEOUT_MS = 600_000;

function aspect(files: string[]): SuiteProcess[] {
  return [{ files, args: ["node_modules/@as-pect/cli/bin/asp.js", ...files] }];
}

/** A process for each file, so that its tests are known to be its own: node names the place of the call to `test`. */
function nodeTest(files: string[]): SuiteProcess[] {
  const options = nodeTestOptions(TIMEOUT_MS);
  return files.map((file) => ({ files: [file], args: [...options, compiled(file)] }));
}

/** Of node, to run a file of tests that all together may take so many milliseconds, and to report by ./reporters. */
export function nodeTestOptions(timeout: number): string[] {
  const reporter = pathToFileURL(join(root, "build/ts/test/reporters/node.js")).href;
  return [
    "--enable-source-maps",
    "--test",
    `--test-timeout=${timeout}`,
    `--test-reporter=${reporter}`,
    "--test-reporter-destination=stdout",
  ];
}

/** Where tsc writes a TypeScript file of the checkout. */
function compiled(file: string): string {
  return join("build/ts", file.replace(/\.ts$/, ".js"));
}

/** The arguments of node that compile it: as the filter is, so that what is tested is what runs. */
export function entryCompilation(file: string): string[] {
  return [
    "node_modules/assemblyscript/bin/asc.js",
    file,
    "--target",
    "release",
    "--outFile",
    entryOutput(file),
  ];
}

/** The wasm of a test's own module: build/test/aead.wasm of test/wasm/aead.entry.ts. */
export function entryOutput(file: string): string {
  return join("build/test", basename(file).replace(/\.entry\.ts$/, ".wasm"));
}
