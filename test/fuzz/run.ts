import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { instrument } from "../support/instrument.ts";
import type { Random } from "../wasm/random.ts";
import { ConfigurationTarget } from "./configuration.ts";
import { Coverage, Failure, fuzz, type FuzzReport, type Target } from "./engine.ts";
import { StreamsTarget } from "./streams.ts";

export type TargetName = "streams" | "configuration";

export const targetNames: readonly TargetName[] = ["streams", "configuration"];

/** An input that is played before all others, in a file that is named by what it shows. */
export interface CorpusFile {
  readonly file: string;
  readonly input: unknown;
}

export interface RunReport extends FuzzReport {
  readonly coverage: Coverage;
}

const CORPUS = "test/wasm/corpus";

export function corpusOf(target: TargetName): CorpusFile[] {
  const folder = join(CORPUS, target);
  return readdirSync(join(root, folder))
    .sort()
    .map((name) => {
      const file = join(folder, name);
      return { file, input: JSON.parse(readFileSync(join(root, file), "utf8")) as unknown };
    });
}

/** A target in a module that tells what of it runs. */
export function targetOf(
  name: TargetName,
  wasm: Uint8Array,
  random: Random,
): { target: Target<never>; coverage: Coverage } {
  const instrumented = instrument(wasm);
  const coverage = new Coverage(instrumented);
  const target =
    name === "streams"
      ? new StreamsTarget(instrumented.module, coverage, random)
      : new ConfigurationTarget(instrumented.module, coverage);
  return { target: target as unknown as Target<never>, coverage };
}

/** Fuzzes one target from its corpus; throws a Failure, whose input then is in build/fuzz. */
export function runTarget(
  name: TargetName,
  wasm: Uint8Array,
  random: Random,
  isDone: (runs: number) => boolean,
): RunReport {
  const { target, coverage } = targetOf(name, wasm, random);
  const corpus = corpusOf(name).map(({ input }) => input as never);
  try {
    return { ...fuzz(target, corpus, coverage, random, isDone), coverage };
  } catch (error) {
    if (error instanceof Failure) keep(name, random.seed, error);
    throw error;
  }
}

function keep(name: TargetName, seed: number, failure: Failure): void {
  const folder = join(root, "build/fuzz");
  const file = join(folder, `${name}-${seed}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(failure.input, null, 2)}\n`);
  failure.message += `\nkept as ${file}: with the mend it goes to ${CORPUS}/${name}, named by what it shows`;
}

/** One line for people. */
export function summary(name: TargetName, { runs, kept, coverage }: RunReport): string {
  const { functions, functionsReached, blocks, blocksReached } = coverage;
  return (
    `${name}: ${runs} inputs, ${kept} of them kept; ` +
    `${functionsReached} of ${functions} functions and ${blocksReached} of ${blocks} blocks were reached`
  );
}
