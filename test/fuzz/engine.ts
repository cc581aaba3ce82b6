/**
 * A coverage-guided fuzzer for the filter's module. Jazzer.js, the one for Node, sees the edges of JavaScript and not
 * those of wasm, needs a native add-on, and is not maintained; so this is ours: what reaches code, or reaches it so many
 * times, that nothing before did is kept and changed again, and what fails is made as small as it goes.
 */
import { PROBE, type Instrumented } from "../support/instrument.ts";
import type { Random } from "../wasm/random.ts";

/** What is fuzzed. Inputs are values that JSON can hold. */
export interface Target<Input> {
  readonly name: string;
  generate(random: Random): Input;
  /** The same with something changed, perhaps with a part of another. */
  mutate(random: Random, input: Input, other: Input): Input;
  /** Inputs with something less, the boldest first. */
  smaller(input: Input): Iterable<Input>;
  /** Throws when the filter did not do what it has to. */
  run(input: Input): void;
  /** Starts anew, after a failure. */
  reset(): void;
}

export interface FuzzReport {
  readonly runs: number;
  /** Inputs that reached something new, those of the corpus among them. */
  readonly kept: number;
}

/** An input that failed. */
export class Failure extends Error {
  readonly input: unknown;

  constructor(target: string, seed: number, input: unknown, cause: unknown) {
    super(`${target}, seed ${seed}: ${reasonOf(cause)}\n${JSON.stringify(input)}`, { cause });
    this.input = input;
  }
}

// As AFL counts: once, twice, three times, and then by powers of two.
const BUCKETS = 9;
const MOST_SHRINKING_RUNS = 3000;
// The largest header takes some hundred thousand.
const HANGS_ABOVE_BLOCKS = 5_000_000;

/** Which blocks of an instrumented module have run, and how often in one input. */
export class Coverage {
  readonly imports: WebAssembly.Imports;
  readonly #functions: readonly number[];
  readonly #hits: Uint32Array;
  readonly #entered: number[] = [];
  readonly #seen: Uint16Array;
  #total = 0;

  constructor({ functions }: Instrumented) {
    this.#functions = functions;
    this.#hits = new Uint32Array(functions.length);
    this.#seen = new Uint16Array(functions.length);
    this.imports = {
      [PROBE]: {
        block: (block: number): void => {
          if (this.#hits[block]!++ === 0) this.#entered.push(block);
          if (this.#total++ < HANGS_ABOVE_BLOCKS) return;
          throw new Error(`more than ${HANGS_ABOVE_BLOCKS} blocks: it hangs`);
        },
      },
    };
  }

  get blocks(): number {
    return this.#functions.length;
  }

  get blocksReached(): number {
    return this.#seen.reduce((sum, seen) => sum + +(seen > 0), 0);
  }

  get functions(): number {
    return new Set(this.#functions).size;
  }

  get functionsReached(): number {
    return new Set(this.#functions.filter((_, block) => this.#seen[block]! > 0)).size;
  }

  /** What runs from here on is a run of its own: the blocks that it may enter are counted from 0. */
  begin(): void {
    this.#total = 0;
  }

  /** Takes in what ran since the last call; whether any of it is new. */
  take(): boolean {
    let isNew = false;
    for (const block of this.#entered) {
      const hits = this.#hits[block]!;
      const bucket = hits < 4 ? hits - 1 : Math.min(Math.floor(Math.log2(hits)) + 1, BUCKETS - 1);
      if ((this.#seen[block]! & (1 << bucket)) === 0) isNew = true;
      this.#seen[block]! |= 1 << bucket;
      this.#hits[block] = 0;
    }
    this.#entered.length = 0;
    return isNew;
  }
}

/** Runs the corpus, then what is made of it, until `isDone`. Throws a Failure of the smallest input that fails. */
export function fuzz<Input>(
  target: Target<Input>,
  corpus: readonly Input[],
  coverage: Coverage,
  random: Random,
  isDone: (runs: number) => boolean,
): FuzzReport {
  const kept: Input[] = [];
  let runs = 0;
  const play = (input: Input, always: boolean): void => {
    runs++;
    const cause = failureOf(target, coverage, input);
    if (cause !== null) throw smallest(target, coverage, input, cause, random.seed);
    if (coverage.take() || always) kept.push(input);
  };
  for (const input of corpus) play(input, true);
  while (!isDone(runs)) {
    const fresh = kept.length === 0 || random.below(4) === 0;
    play(
      fresh ? target.generate(random) : target.mutate(random, random.pick(kept), random.pick(kept)),
      false,
    );
  }
  return { runs, kept: kept.length };
}

function smallest<Input>(
  target: Target<Input>,
  coverage: Coverage,
  first: Input,
  met: unknown,
  seed: number,
): Failure {
  let input = first;
  let cause = failureOf(target, coverage, input);
  // What does not fail again after a fresh start hangs on what ran before it: it is shown as it is.
  if (cause === null)
    return new Failure(target.name, seed, input, `only after the inputs before it: ${reasonOf(met)}`);
  let left = MOST_SHRINKING_RUNS;
  for (let found = true; found && left > 0;) {
    found = false;
    for (const smaller of target.smaller(input)) {
      if (left-- <= 0) break;
      const next = failureOf(target, coverage, smaller);
      if (next === null) continue;
      input = smaller;
      cause = next;
      found = true;
      break;
    }
  }
  return new Failure(target.name, seed, input, cause);
}

/** Why an input fails, null if it does not. */
function failureOf<Input>(target: Target<Input>, coverage: Coverage, input: Input): unknown {
  coverage.begin();
  try {
    target.run(input);
    return null;
  } catch (cause) {
    coverage.begin();
    target.reset();
    return cause;
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
