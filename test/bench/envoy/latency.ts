/**
 * Latency at a fixed rate, an open loop: a request is due when the schedule says so, whatever became of those before it, and
 * its latency counts from then, also when it had to wait for a free connection.
 */
import { openConnections, type Connection } from "./driver.ts";
import type { Envoy } from "./process.ts";
import { figure, quantile, randomNumbers, type Figure } from "./statistics.ts";
import { answerEnd } from "./upstream.ts";

const CONNECTIONS = 64;
const WARMING = 200;
const SLICE_SECONDS = 1;
const FEWEST_SLICES = 4;
const PATIENCE_MS = 30_000;
const DRAWS = 200;

export interface LatencyVariant {
  row: string;
  envoy: Envoy;
  port: number;
}

export interface LatencyResult {
  row: string;
  requests: number;
  /** In microseconds, by name. */
  percentiles: Record<string, Figure>;
}

const PERCENTILES = { p50: 0.5, p99: 0.99, "p99.9": 0.999 };

/** Sends requests on a schedule, each on whatever connection is free. */
class OpenLoop {
  readonly #free: Connection[];
  readonly #due = new Map<Connection, number>();
  #waiting: number[] = [];
  #request: Buffer = Buffer.alloc(0);
  #latencies: number[] = [];
  #failure: Error | undefined;

  constructor(connections: readonly Connection[]) {
    this.#free = [...connections];
    for (const connection of connections) {
      connection.listen(
        () => this.#answered(connection),
        (error) => (this.#failure = error),
      );
    }
  }

  /**
   * @param rate requests a second
   * @returns the latency of each request in microseconds
   */
  async run(request: Buffer, rate: number, count: number): Promise<number[]> {
    this.#request = request;
    this.#latencies = [];
    const start = performance.now();
    const last = start + (1000 * count) / rate + PATIENCE_MS;
    let sent = 0;
    while (this.#latencies.length < count) {
      if (this.#failure !== undefined) throw this.#failure;
      const now = performance.now();
      if (now > last) throw new Error(`${count - this.#latencies.length} requests without an answer`);
      for (; sent < count && start + (1000 * sent) / rate <= now; sent++)
        this.#send(start + (1000 * sent) / rate);
      // Spins: a timer could be a millisecond late.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#latencies;
  }

  close(): void {
    for (const connection of this.#free) connection.close();
  }

  #send(due: number): void {
    const connection = this.#free.shift();
    if (connection === undefined) {
      this.#waiting.push(due);
      return;
    }
    this.#due.set(connection, due);
    connection.send(this.#request);
  }

  #answered(connection: Connection): void {
    this.#latencies.push(1000 * (performance.now() - this.#due.get(connection)!));
    this.#free.push(connection);
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) this.#send(waiting);
  }
}

export interface LatencyRun {
  variants: readonly LatencyVariant[];
  request: Buffer;
  pod: number;
  rate: number;
  /** For each variant. */
  seconds: number;
}

/** All variants in turn, in slices of a second at most; the Envoys are paused before and after. */
export async function measureLatency(run: LatencyRun): Promise<LatencyResult[]> {
  const slices = new Map<string, number[][]>(run.variants.map(({ row }) => [row, []]));
  const rounds = Math.max(FEWEST_SLICES, Math.round(run.seconds / SLICE_SECONDS));
  const count = Math.max(1, Math.round((run.rate * run.seconds) / rounds));
  for (let round = 0; round < rounds; round++) {
    for (const { row, envoy, port } of round % 2 ? run.variants.toReversed() : run.variants) {
      envoy.resume();
      const loop = new OpenLoop(await openConnections(port, CONNECTIONS, answerEnd(run.pod)));
      await loop.run(run.request, run.rate, Math.min(WARMING, count));
      slices.get(row)!.push(await loop.run(run.request, run.rate, count));
      loop.close();
      envoy.pause();
    }
  }
  return Array.from(slices, ([row, list]) => ({
    row,
    requests: rounds * count,
    percentiles: percentiles(list),
  }));
}

/** The percentiles of all, and draws from whole slices, as what disturbs a slice disturbs many of its requests. */
function percentiles(slices: readonly number[][]): Record<string, Figure> {
  const random = randomNumbers(3);
  const all = slices.flat();
  const sampled = Array.from({ length: DRAWS }, () =>
    Float64Array.from(slices.flatMap(() => slices[Math.floor(random() * slices.length)]!)).sort(),
  );
  const estimates = Object.entries(PERCENTILES).map(([name, part]): [string, Figure] => [
    name,
    figure({
      value: quantile(all, part),
      draws: sampled.map((sorted) => sorted[rank(sorted.length, part)]!),
    }),
  ]);
  return Object.fromEntries(estimates);
}

function rank(length: number, part: number): number {
  return Math.min(length - 1, Math.round(part * (length - 1)));
}
