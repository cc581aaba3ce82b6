/**
 * Times set side by side on a noisy machine: short slices of all rows take turns in alternating order, and each row is
 * given as a ratio to the first, pair by pair of slices, by the median of the ratios.
 */
export interface Row {
  readonly name: string;
  /** How many a slice has. */
  readonly operations: number;
  /** Runs one slice. */
  run(): void;
}

export interface Result {
  readonly name: string;
  /** Nanoseconds for an operation, by the quietest quarter of the slices: their upper end. */
  readonly nanoseconds: number;
  /** To the first row: the median, and the quartiles around it. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly line: string;
}

const SLICES = 1500;

export function measure(rows: readonly Row[]): Result[] {
  const times = rows.map(() => [] as number[]);
  for (let slice = 0; slice < SLICES; slice++) {
    const order = rows.map((_, index) => (slice % 2 ? rows.length - 1 - index : index));
    for (const index of order) {
      const start = process.hrtime.bigint();
      rows[index]!.run();
      const taken = Number(process.hrtime.bigint() - start) / rows[index]!.operations;
      if (slice >= SLICES / 5) times[index]!.push(taken); // the first fifth warms up
    }
  }
  return rows.map(({ name }, index) => {
    const own = times[index]!;
    const ratios = own.map((time, slice) => time / times[0]![slice]!);
    const nanoseconds = quantile(own, 0.25);
    const [low, ratio, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share)) as [
      number,
      number,
      number,
    ];
    const interval = `[${low.toFixed(2)}, ${high.toFixed(2)}]`;
    const line = `${nanoseconds.toFixed(1).padStart(8)} ns  ${ratio.toFixed(2).padStart(5)} ${interval.padEnd(14)} ${name}`;
    return { name, nanoseconds, ratio, low, high, line };
  });
}

function quantile(numbers: number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * share)]!;
}
