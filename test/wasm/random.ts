/** Random values that a seed repeats: $SEED, else the clock. Each test that uses it prints the seed. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number = Number(process.env.SEED ?? Date.now() % 1_000_000_000)) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** 32 random bits (splitmix32). */
  u32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** 0 to below - 1. */
  below(below: number): number {
    return this.u32() % below;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** Text of that many characters of the alphabet. */
  text(length: number, alphabet: string): string {
    return Array.from({ length }, () => alphabet[this.below(alphabet.length)]).join("");
  }

  shuffle<T>(values: T[]): T[] {
    for (let last = values.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [values[last], values[other]] = [values[other]!, values[last]!];
    }
    return values;
  }

  ipv4(): string {
    return `${[...this.bytes(4)].join(".")}:${this.below(65536)}`;
  }
}
