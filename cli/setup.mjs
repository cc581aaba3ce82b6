// Run by npm before start, test and check: brings node_modules and build/ up to date with the checkout. Plain
// JavaScript without dependencies, as it runs before there are any. Says nothing when nothing is to be done.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

// import.meta.dirname, which the compiled programs use, came with 20.11.
const NODE_NEEDED = [20, 11];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

await main();

async function main() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor < NODE_NEEDED[1])) {
    fail(`Node.js ${process.versions.node}: too old; install ${NODE_NEEDED.join(".")} or later`);
  }
  if (!packagesAreCurrent()) {
    // Dev dependencies build the demo, whatever NODE_ENV says; no package needs its install scripts.
    await step("installing packages", npm, ["ci", "--ignore-scripts", "--include=dev"], {
      failure:
        "npm ci failed: packages could not be installed; see its output above, mend that and start again",
    });
  }
  await buildFilter();
  await buildTypeScript();
}

/**
 * npm writes node_modules/.package-lock.json last, so it is missing after an installation that was interrupted,
 * and otherwise says what is there, whoever installed it.
 */
function packagesAreCurrent() {
  const hidden = join(root, "node_modules/.package-lock.json");
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(hidden, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || (!present[path] && (entry.optional || entry.devOptional))) continue;
    if (present[path]?.version !== entry.version || present[path]?.integrity !== entry.integrity)
      return false;
  }
  return Object.keys(present).every((path) => wanted[path]);
}

/** asc knows no incremental build and takes seconds: it runs only when its input or its output has changed. */
async function buildFilter() {
  const stamp = join(root, "build/affinity.stamp");
  const inputs = [
    "asconfig.json",
    "as-literals.mjs",
    "as-shrink.mjs",
    "package.json",
    "package-lock.json",
    ...filesBelow("assembly"),
  ];
  const outputs = ["build/affinity.wasm", "build/affinity.debug.wasm"];
  const current = () => digest([...inputs, ...outputs]);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === current()) return;
  await step("building the filter", npm, ["run", "--silent", "build:wasm"], {
    failure: "npm run build:wasm failed: the filter did not compile; see its output above",
  });
  writeFileSync(stamp, current());
}

/** tsc finds out by itself what is to be done; that it did something shows in its build information. */
async function buildTypeScript() {
  mkdirSync(join(root, "build/ts"), { recursive: true });
  const info = join(root, "build/ts/.tsbuildinfo");
  // tsc trusts its notes, and would not see that someone has deleted what it wrote.
  if (!["cli", "demo/app", "test"].every((folder) => filesBelow(folder).filter(isCompiled).every(hasOutput)))
    rmSync(info, { force: true });
  // Nor does it take back what it wrote of a source that is gone, which would be packed.
  for (const file of filesBelow("build/ts").filter(isOrphan)) rmSync(join(root, file));
  const written = () => (existsSync(info) ? statSync(info).mtimeMs : 0);
  const before = written();
  await step("compiling TypeScript", npm, ["run", "--silent", "build:ts"], {
    failure: "npm run build:ts failed: TypeScript did not compile; see its output above",
    quiet: () => written() === before,
  });
}

/** What tsconfig.json includes. */
function isCompiled(file) {
  return (
    file.endsWith(".ts") &&
    !file.endsWith(".entry.ts") &&
    !["unit", join("bench", "modules")].some((folder) => file.startsWith(join("test", folder)))
  );
}

function hasOutput(source) {
  return existsSync(join(root, "build/ts", source.replace(/\.ts$/, ".js")));
}

function isOrphan(output) {
  const source = relative("build/ts", output).replace(/\.js(\.map)?$/, ".ts");
  return source.endsWith(".ts") && !existsSync(join(root, source));
}

/** SHA-256 over names and contents; a missing file counts as such. */
function digest(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const path = join(root, file);
    const content = existsSync(path) ? readFileSync(path) : null;
    hash.update(`${file}\0${content === null ? "missing" : content.length}\0`);
    if (content !== null) hash.update(content);
  }
  return hash.digest("hex");
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** The npm that runs this, or the one on PATH. */
function npm(args) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith("npm-cli.js") ? [process.execPath, [cli, ...args]] : ["npm", args];
}

/**
 * Runs one step. Shows a line with how long it took; its output only when it fails, then the sentence `failure`.
 * With `quiet`, a step that did nothing shows no line.
 */
async function step(title, program, args, { failure, quiet }) {
  const started = Date.now();
  if (!quiet) process.stdout.write(`${title} ...`);
  const { code, signal, output } = await run(...program(args));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const opening = quiet ? `${title} ...` : "";
  if (signal) fail(`${opening} ended by ${signal}`);
  if (code !== 0) {
    process.stdout.write(`${opening} failed after ${seconds} s\n${output}`);
    fail(failure);
  }
  if (!quiet?.()) process.stdout.write(`${opening} ${seconds} s\n`);
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    let endedBy = null;
    const handlers = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => {
      const handler = () => {
        endedBy = signal;
        child.kill(signal);
      };
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    child.on("error", (error) => resolve({ code: 1, signal: null, output: `${error.message}\n` }));
    child.on("close", (code, signal) => {
      for (const remove of handlers) remove();
      resolve({ code, signal: endedBy ?? signal, output });
    });
  });
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
