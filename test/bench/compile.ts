import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";

/** Compiles a module of modules/ as the filter is compiled; returns the path of its wasm. */
export async function compileModule(name: string): Promise<string> {
  const source = join("test/bench/modules", name);
  const outFile = join("build/bench", name.replace(/\.ts$/, ".wasm"));
  const asc = "node_modules/assemblyscript/bin/asc.js";
  const { code, output } = await run(process.execPath, [
    asc,
    source,
    "--target",
    "release",
    "--outFile",
    outFile,
  ]);
  if (code !== 0) throw new Error(`${source}: did not compile\n${output}`);
  return join(root, outFile);
}
