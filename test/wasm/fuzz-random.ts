import type { TestContext } from "node:test";
import { Random } from "./random.ts";

/** What may stand in a header: no NUL, CR or LF; other controls and all above 0x7f get through somewhere. */
export const HEADER_BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
  .filter((character) => !/[\0\r\n]/.test(character))
  .join("");

const LONGEST = 100_000;

/** Random values of $FUZZ_SEED, else of the clock; the seed is printed. */
export function fuzzRandom(context: TestContext): Random {
  const seed = process.env.FUZZ_SEED;
  const random = seed === undefined ? new Random() : new Random(Number(seed));
  context.diagnostic(`FUZZ_SEED=${random.seed}`);
  return random;
}

/** Random text of one alphabet, up to 100,000 characters, cut out of one that was drawn once: drawing is slow. */
export class RandomText {
  readonly #alphabet: string;
  #drawn = "";

  constructor(alphabet: string) {
    this.#alphabet = alphabet;
  }

  of(random: Random, length: number): string {
    if (this.#drawn === "") this.#drawn = random.text(2 * LONGEST, this.#alphabet);
    const start = random.below(LONGEST);
    return this.#drawn.slice(start, start + length);
  }
}
