/**
 * ChaCha20 by vectors against word by word, two blocks each: `node build/ts/test/bench/chacha20.js`. On a shared
 * virtual machine with two cores of an AMD EPYC, Node.js 20.20: 140 ns by vectors, word by word 2.5 times that.
 */
import { readFileSync } from "node:fs";
import { compileModule } from "./compile.ts";
import { measure } from "./slices.ts";

const OPERATIONS = 400;

interface Module {
  vectors(count: number): void;
  words(count: number): void;
  sum(): bigint;
}

const wasm = new WebAssembly.Module(readFileSync(await compileModule("chacha20.ts")));
const module = new WebAssembly.Instance(wasm, {}).exports as unknown as Module;
module.vectors(1);
const sum = module.sum();
module.words(1);
if (module.sum() !== sum) throw new Error("the two do not agree");
const rows = (["vectors", "words"] as const).map((name) => ({
  name,
  operations: OPERATIONS,
  run: () => module[name](OPERATIONS),
}));
for (const { line } of measure(rows)) console.log(line);
