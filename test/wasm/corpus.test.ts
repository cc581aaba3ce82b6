import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../cli/root.ts";
import { Failure, fuzz } from "../fuzz/engine.ts";
import { corpusOf, runTarget, summary, targetNames, targetOf } from "../fuzz/run.ts";
import type { Scenario } from "../fuzz/scenario.ts";
import { insert } from "../support/instrument.ts";
import { fuzzRandom } from "./fuzz-random.ts";
import { Random } from "./random.ts";

const wasm = readFileSync(join(root, "build/affinity.wasm"));
// Of both targets together under half a minute; `npm run fuzz -- --minutes N` is the long form.
const RUNS = { streams: 1000, configuration: 4000 } as const;

for (const name of targetNames) {
  test(`${name}: each file of the corpus is handled as it has to be`, () => {
    const { target } = targetOf(name, wasm, new Random(1));
    const corpus = corpusOf(name);
    assert.ok(corpus.length > 10, `${corpus.length} files`);
    for (const { file, input } of corpus) {
      try {
        target.run(input as never);
      } catch (cause) {
        throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
    }
  });

  test(`${name}: what coverage leads to is handled as it has to be`, (context) => {
    const report = runTarget(name, wasm, fuzzRandom(context), (runs) => runs >= RUNS[name]);
    context.diagnostic(summary(name, report));
    const { coverage, kept } = report;
    assert.ok(kept > corpusOf(name).length, `${kept} inputs were kept`);
    // It gets past the door.
    assert.ok(
      coverage.blocksReached > coverage.blocks / 2,
      `${coverage.blocksReached} of ${coverage.blocks}`,
    );
  });
}

const planted: readonly [what: string, instructions: string, reason: RegExp, headers: number][] = [
  ["traps", "(if (i32.ge_u (local.get $1) (i32.const 9)) (then (unreachable)))", /unreachable/, 9],
  ["hangs", "(if (i32.ge_u (local.get $1) (i32.const 5)) (then (loop $hang (br $hang))))", /it hangs/, 5],
  ["does nothing", "(return (i32.const 0))", /^streams, seed /, 1],
];

for (const [what, instructions, reason, headers] of planted) {
  test(`a filter that ${what} is found out, by the smallest request that shows it`, (context) => {
    const bad = insert(wasm, "proxy_on_request_headers", instructions);
    const random = fuzzRandom(context);
    const { target, coverage } = targetOf("streams", bad, random);
    const failure = failureOf(() => fuzz(target, [], coverage, random, (runs) => runs >= RUNS.streams));
    assert.match(failure.message, reason);
    const { steps } = failure.input as Scenario;
    assert.deepEqual(
      steps.map((step) => step.do),
      ["open", "request"],
    );
    const [, request] = steps;
    assert.ok(request?.do === "request" && request.headers.length <= headers, failure.message);
  });
}

function failureOf(act: () => unknown): Failure {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  return assert.fail("nothing was found");
}
