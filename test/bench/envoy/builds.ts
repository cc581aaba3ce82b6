/** The wasm files that are measured: our filter as it is built, and the bench's own. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../cli/root.ts";
import { run } from "../../../cli/run.ts";

export const BUILT = join(root, "build/affinity.wasm");

/** Where a filter of ./filters is compiled to. */
export function builtFilter(name: "empty" | "sdk"): string {
  return join(root, "build/bench", `${name}.wasm`);
}

// The SDK needs the runtime that frees by itself; its log wants what filters/sdk.ts gives it.
const SDK_OPTIONS = [
  ...["--runtime", "incremental"],
  ...["--use", "abort=abort_proc_exit"],
  ...["--use", "process=SilentProcess"],
];

/** Compiles those of the bench's filters that are new, as ours is. @throws Error when ours is not built, or one does not compile */
export async function buildFilters(): Promise<void> {
  if (!existsSync(BUILT)) throw new Error(`${BUILT}: not there; npm run build makes it`);
  for (const [name, options] of [
    ["empty", []],
    ["sdk", SDK_OPTIONS],
  ] as const) {
    const source = `test/bench/envoy/filters/${name}.ts`;
    const output = builtFilter(name);
    if (existsSync(output) && [source, "asconfig.json", "package.json"].every((of) => isNewer(output, of)))
      continue;
    const args = [join(root, "node_modules/assemblyscript/bin/asc.js"), source, "--baseDir", root];
    const target = ["--target", "release", "--outFile", output];
    const { code, output: said } = await run(process.execPath, [...args, ...target, ...options]);
    if (code !== 0) throw new Error(`${source}: did not compile\n${said}`);
  }
}

function isNewer(file: string, source: string): boolean {
  return statSync(file).mtimeMs > statSync(join(root, source)).mtimeMs;
}
