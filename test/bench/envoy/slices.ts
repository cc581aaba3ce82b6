/** The comparison by CPU: short slices of requests to one Envoy after another, each between slices of the base. */
import { assertAnswer } from "./check.ts";
import { ClosedLoop, openConnections } from "./driver.ts";
import { ask, CpuClock, stolenTicks, type Envoy } from "./process.ts";
import { answerEnd } from "./upstream.ts";
import { NO_FILTER, type Row } from "./rows.ts";
import type { RequestKind } from "./requests.ts";
import type { Slice } from "./statistics.ts";

// As many as Envoy needs to be busy without a break: it would count each time it wakes up.
const CONNECTIONS = 16;
// 4 ms or so: longer ones meet more of what changes on the machine.
const REQUESTS = 40;
// Sent before each slice, uncounted: the caches are another Envoy's by then.
const PRIMING = 16;
// For the Envoy to fall asleep: the scheduler's account of a thread is exact then.
const SETTLE_MS = 0.4;
// The first requests of a process are dearer: code is compiled, memory comes from the kernel.
const WARMING = 1500;

/** One of a chain's Envoys, paused whenever it is not its turn. */
export class Subject {
  readonly #envoy: Envoy;
  readonly #loop: ClosedLoop;
  readonly #clock: CpuClock;
  readonly #cpu: number;

  private constructor(envoy: Envoy, loop: ClosedLoop, cpu: number) {
    this.#envoy = envoy;
    this.#loop = loop;
    this.#cpu = cpu;
    this.#clock = new CpuClock(envoy.pid);
  }

  /** @param cpu the one that the Envoy is tied to */
  static async open(envoy: Envoy, port: number, pod: number, warm: Buffer, cpu: number): Promise<Subject> {
    const loop = new ClosedLoop(await openConnections(port, CONNECTIONS, answerEnd(pod)));
    await loop.drive(warm, WARMING);
    return new Subject(envoy, loop, cpu);
  }

  /** Measures one slice; the Envoy is paused before and after. */
  async slice(row: Row, replica: number, request: Buffer): Promise<Slice> {
    this.#envoy.resume();
    if (row.asksCounters) await ask(this.#envoy.adminPort, "/stats/prometheus");
    await this.#loop.drive(request, PRIMING);
    sleep(SETTLE_MS);
    const stolen = stolenTicks(this.#cpu);
    const before = this.#clock.read();
    const began = performance.now();
    await this.#loop.drive(request, REQUESTS);
    const taken = performance.now() - began;
    sleep(SETTLE_MS);
    const after = this.#clock.read();
    this.#envoy.pause();
    assertAnswer(row, this.#loop.last);
    return {
      row: row.name,
      requests: row.requests,
      replica,
      nanoseconds: (after.run - before.run) / REQUESTS,
      waited: (after.waited - before.waited) / (after.run - before.run),
      stolen: stolenTicks(this.#cpu) - stolen,
      busy: (after.run - before.run) / (1e6 * taken),
    };
  }

  close(): void {
    this.#loop.close();
    this.#clock.close();
  }
}

const clock = new Int32Array(new SharedArrayBuffer(4));

/** Blocks: a timer of Node's takes a millisecond at least. */
function sleep(milliseconds: number): void {
  Atomics.wait(clock, 0, 0, milliseconds);
}

export interface Comparison {
  rows: readonly Row[];
  /** A chain's Envoys, the same number of each. */
  subjects: ReadonlyMap<string, readonly Subject[]>;
  requests: ReadonlyMap<RequestKind, Buffer>;
  seconds: number;
  random: () => number;
}

// Fewer say nothing, however short the time.
const FEWEST_ROUNDS = 4;

/** Rounds of all rows in an order of their own each, and a base slice of the same requests on both sides of each slice. */
export async function compare({ rows, subjects, requests, seconds, random }: Comparison): Promise<Slice[]> {
  const slices: Slice[] = [];
  const replicas = subjects.get(NO_FILTER.chain)!.length;
  let turn = 0;
  const one = async (row: Row, kind: RequestKind, replica: number): Promise<void> => {
    const subject = subjects.get(row.chain)![replica]!;
    slices.push(await subject.slice({ ...row, requests: kind }, replica, requests.get(kind)!));
  };
  const base = (kind: RequestKind): Promise<void> => one(NO_FILTER, kind, turn++ % replicas);
  const kinds = Array.from(new Set(rows.map((row) => row.requests)));
  const end = performance.now() + 1000 * seconds;
  for (let round = 0; performance.now() < end || round < FEWEST_ROUNDS * replicas; round++) {
    for (const kind of shuffled(kinds, random)) {
      await base(kind);
      const group = rows.filter((row) => row.requests === kind);
      for (const row of shuffled(group, random)) {
        await one(row, kind, round % replicas);
        await base(kind);
      }
    }
  }
  return slices;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item): [number, T] => [random(), item])
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
