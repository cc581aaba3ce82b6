/**
 * `npm run check`: what must hold before a commit and needs no test. One line for each step, and the tool's output where
 * it failed; the exit code is 1 if any did.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { findEnvoy } from "./envoy.ts";
import { ownFiles } from "./files.ts";
import { root } from "./root.ts";
import { run } from "./run.ts";

const WASM = "build/affinity.wasm";
const WASM_BYTES_BELOW = 31 * 1024;
const LINES_AT_MOST = 350;

/** What is wrong, as text to show; "" when nothing is. */
type Step = () => Promise<string> | string;

const steps: [name: string, step: Step][] = [
  ["format", () => node("node_modules/prettier/bin/prettier.cjs", "--check", ".")],
  ["types", () => node("node_modules/typescript/bin/tsc", "--build")],
  ["generated vectors", () => node("build/ts/test/vectors/generate.js", "--check")],
  ["generated gateways and tables", () => node("build/ts/cli/generate.js", "--check")],
  [`size of ${WASM}`, wasmSize],
  ["Envoy configurations", envoyConfigurations],
  ["length of files", fileLengths],
];

async function node(...args: string[]): Promise<string> {
  return failure(await run(process.execPath, args));
}

function failure({ code, output }: { code: number | null; output: string }): string {
  return code === 0 ? "" : output || `ended with ${code} and no output\n`;
}

function wasmSize(): string {
  const path = join(root, WASM);
  if (!existsSync(path)) return `${WASM}: missing; run: npm run build\n`;
  const { size } = statSync(path);
  console.log(`${WASM}: ${size} bytes of ${WASM_BYTES_BELOW - 1}`);
  return size < WASM_BYTES_BELOW ? "" : `${WASM}: ${size} bytes; must be below ${WASM_BYTES_BELOW}\n`;
}

async function envoyConfigurations(): Promise<string> {
  const envoy = await findEnvoy((line) => console.log(line));
  const files = ownFiles(/\.yaml$/, "envoy");
  if (files.length === 0) return "envoy: no *.yaml in it, nothing validated\n";
  // The configurations name the key by this variable; any will do.
  const env = { ...process.env, AFFINITY_KEY: randomBytes(32).toString("base64") };
  const args = ["--mode", "validate", "--log-level", "warning", "--config-path"];
  let problems = "";
  for (const file of files) {
    const problem = failure(await run(envoy, [...args, file], { env }));
    if (problem !== "") problems += `${file}: refused by ${envoy}\n${problem}`;
  }
  return problems;
}

/** Files of one job stay short. What a generator wrote has no length of its own. */
function fileLengths(): string {
  let problems = "";
  for (const file of ownFiles(/\.(ts|mjs|js)$/)) {
    if (file.startsWith("test/unit/vectors/")) continue;
    const lines = readFileSync(join(root, file), "utf8").split("\n").length - 1;
    if (lines > LINES_AT_MOST)
      problems += `${file}: ${lines} lines; at most ${LINES_AT_MOST}: split it by job\n`;
  }
  return problems;
}

async function main(): Promise<number> {
  let failed = 0;
  for (const [name, step] of steps) {
    const problem = await Promise.resolve()
      .then(step)
      .catch((error: unknown) => `${error instanceof Error ? error.message : String(error)}\n`);
    console.log(`${name}: ${problem === "" ? "ok" : "failed"}`);
    if (problem === "") continue;
    failed++;
    process.stdout.write(problem);
  }
  return failed === 0 ? 0 : 1;
}

// Envoy, asc and prettier take their files from the working directory.
process.chdir(root);
process.exitCode = await main();
