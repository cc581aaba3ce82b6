import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { closeLater, test } from "../support/check.ts";

// Stands for npm: notes what it is asked to do and leaves what the real one would. FAIL names a command that fails.
const AN_NPM = `
const { appendFileSync, copyFileSync, mkdirSync, writeFileSync } = require("node:fs");
const command = process.argv.slice(2).filter((arg) => !arg.startsWith("-")).join(" ");
appendFileSync("npm.log", command + "\\n");
if (process.env.FAIL === command) {
  console.error("the reason, from " + command);
  process.exit(2);
}
if (command === "ci") {
  mkdirSync("node_modules", { recursive: true });
  copyFileSync("package-lock.json", "node_modules/.package-lock.json");
}
if (command === "run build:wasm") {
  mkdirSync("build", { recursive: true });
  for (const name of ["affinity.wasm", "affinity.debug.wasm"]) writeFileSync("build/" + name, "wasm");
}
`;

// Of asc, named by asconfig.json.
const TRANSFORMS = ["as-literals.mjs", "as-shrink.mjs"];

interface Checkout {
  path(file: string): string;
  /** Runs cli/setup.mjs: its exit code, what it wrote, and what npm was asked to do. */
  setUp(env?: NodeJS.ProcessEnv): { code: number | null; stdout: string; stderr: string; commands: string[] };
}

function checkout(): Checkout {
  const folder = mkdtempSync(join(tmpdir(), "setup-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const path = (file: string): string => join(folder, file);
  for (const name of ["cli", "assembly", "npm"]) mkdirSync(path(name));
  copyFileSync(join(root, "cli/setup.mjs"), path("cli/setup.mjs"));
  writeFileSync(path("npm/npm-cli.js"), AN_NPM);
  writeFileSync(path("asconfig.json"), "{}");
  for (const transform of TRANSFORMS) writeFileSync(path(transform), "");
  writeFileSync(path("assembly/index.ts"), "export {};\n");
  writeLock(path("package-lock.json"), { yaml: "2.9.1" });
  const setUp: Checkout["setUp"] = (env = {}) => {
    writeFileSync(path("npm.log"), "");
    const { status, stdout, stderr } = spawnSync(process.execPath, [path("cli/setup.mjs")], {
      encoding: "utf8",
      env: { ...process.env, npm_execpath: path("npm/npm-cli.js"), ...env },
    });
    const commands = readFileSync(path("npm.log"), "utf8").trimEnd().split("\n");
    return { code: status, stdout, stderr, commands };
  };
  return { path, setUp };
}

function writeLock(path: string, versions: Record<string, string>, more: object = {}): void {
  const entries = Object.entries(versions).map(([name, version]) => [`node_modules/${name}`, { version }]);
  const packages = { "": { name: "x" }, ...Object.fromEntries(entries), ...more };
  writeFileSync(path, JSON.stringify({ lockfileVersion: 3, packages }));
}

const ALL = ["ci", "run build:wasm", "run build:ts"];
// tsc finds out by itself whether it has something to do.
const NOTHING = ["run build:ts"];

test("a fresh checkout gets its packages, then the filter, then the programs, with a line for each", () => {
  const { code, stdout, commands } = checkout().setUp();
  equal(code, 0);
  deepEqual(commands, ALL);
  match(stdout, /^installing packages \.\.\. \d+\.\d s\nbuilding the filter \.\.\. \d+\.\d s\n/);
});

test("when nothing is to be done it says nothing", () => {
  const { setUp } = checkout();
  setUp();
  const { code, stdout, stderr, commands } = setUp();
  deepEqual({ code, stdout, stderr, commands }, { code: 0, stdout: "", stderr: "", commands: NOTHING });
});

test("another version in package-lock.json installs again, and builds again", () => {
  const { setUp, path } = checkout();
  setUp();
  writeLock(path("package-lock.json"), { yaml: "2.9.2" });
  deepEqual(setUp().commands, ALL);
});

test("programs that someone deleted are compiled again", () => {
  const { setUp, path } = checkout();
  setUp();
  writeFileSync(path("cli/start.ts"), "export {};\n");
  writeFileSync(path("build/ts/.tsbuildinfo"), "{}");
  setUp();
  equal(existsSync(path("build/ts/.tsbuildinfo")), false);
});

test("programs whose source is gone are removed", () => {
  const { setUp, path } = checkout();
  mkdirSync(path("build/ts/cli/old"), { recursive: true });
  const gone = ["build/ts/cli/old/gone.js", "build/ts/cli/old/gone.js.map"].map(path);
  const kept = ["build/ts/cli/kept.js", "build/ts/cli/kept.js.map", "build/ts/.tsbuildinfo"].map(path);
  writeFileSync(path("cli/kept.ts"), "export {};\n");
  for (const file of [...gone, ...kept]) writeFileSync(file, "");
  setUp();
  for (const file of gone) equal(existsSync(file), false, file);
  for (const file of kept) equal(existsSync(file), true, file);
});

test("a package that package-lock.json no longer has is removed by installing again", () => {
  const { setUp, path } = checkout();
  writeLock(path("package-lock.json"), { yaml: "2.9.1", left: "1.0.0" });
  setUp();
  writeLock(path("package-lock.json"), { yaml: "2.9.1" });
  equal(setUp().commands[0], "ci");
});

test("an optional package for another machine is not missed", () => {
  const { setUp, path } = checkout();
  setUp();
  const other = { "node_modules/typescript-aix": { version: "7.0.2", optional: true } };
  writeLock(path("package-lock.json"), { yaml: "2.9.1" }, other);
  equal(setUp().commands.includes("ci"), false);
});

test("packages that were installed by hand are not installed again", () => {
  const { setUp, path } = checkout();
  mkdirSync(path("node_modules"));
  copyFileSync(path("package-lock.json"), path("node_modules/.package-lock.json"));
  deepEqual(setUp().commands, ["run build:wasm", "run build:ts"]);
});

test("an installation that was interrupted is done again", () => {
  const { setUp, path } = checkout();
  setUp();
  rmSync(path("node_modules/.package-lock.json"));
  equal(setUp().commands[0], "ci");
});

const built = checkout();
built.setUp();

for (const [what, change] of [
  ["a changed source", (path) => writeFileSync(path("assembly/index.ts"), "export const x = 1;\n")],
  ["a new source", (path) => writeFileSync(path("assembly/token.ts"), "")],
  ["a removed wasm", (path) => rmSync(path("build/affinity.wasm"))],
  ["a wasm from elsewhere", (path) => writeFileSync(path("build/affinity.wasm"), "other")],
  ...TRANSFORMS.map((name): [string, (path: Checkout["path"]) => void] => [
    `a changed ${name}`,
    (path) => writeFileSync(path(name), "export {};\n"),
  ]),
  ["changed compiler options", (path) => writeFileSync(path("asconfig.json"), '{ "options": {} }')],
] satisfies [string, (path: Checkout["path"]) => void][]) {
  test(`${what} builds the filter, and installs nothing`, () => {
    change(built.path);
    deepEqual(built.setUp().commands, ["run build:wasm", "run build:ts"]);
    deepEqual(built.setUp().commands, NOTHING);
  });
}

for (const [command, sentence] of [
  ["ci", "npm ci failed: packages could not be installed; see its output above, mend that and start again\n"],
  ["run build:wasm", "npm run build:wasm failed: the filter did not compile; see its output above\n"],
  ["run build:ts", "npm run build:ts failed: TypeScript did not compile; see its output above\n"],
] as const) {
  test(`npm ${command} that fails shows its output, then one sentence, and is tried again next time`, () => {
    const { setUp } = checkout();
    const { code, stdout, stderr, commands } = setUp({ FAIL: command });
    equal(code, 1);
    match(stdout, new RegExp(`failed after .* s\nthe reason, from ${command}\n$`));
    equal(stderr, sentence);
    equal(commands.at(-1), command);
    const again = setUp();
    equal(again.code, 0);
    equal(again.commands.includes(command), true);
  });
}
