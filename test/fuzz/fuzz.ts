/**
 * `npm run fuzz`: fuzzes streams and configurations for a minute each; `-- --minutes N` for longer, `--seed S` as another
 * run did, `--target streams` one of them. The exit code is 1 when an input failed; its smallest form is printed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../cli/root.ts";
import { Random } from "../wasm/random.ts";
import { runTarget, summary, targetNames } from "./run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    target: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const targets = targetNames.filter((name) => values.target === undefined || values.target === name);

try {
  if (!(minutes > 0)) throw new Error(`--minutes: ${values.minutes} is no number above 0`);
  if (targets.length === 0)
    throw new Error(`--target: ${values.target} is none of ${targetNames.join(", ")}`);
  const wasm = readFileSync(process.env.AFFINITY_WASM ?? join(root, "build/affinity.wasm"));
  for (const target of targets) {
    const random = new Random(values.seed === undefined ? undefined : Number(values.seed));
    console.log(`${target}: seed ${random.seed}`);
    const end = Date.now() + minutes * 60_000;
    console.log(
      summary(
        target,
        runTarget(target, wasm, random, () => Date.now() >= end),
      ),
    );
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
