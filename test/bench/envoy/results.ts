/** From slices to the figures of the table. */
import { contrastsOf, growths, type Contrast } from "./contrasts.ts";
import { NO_FILTER, type Row } from "./rows.ts";
import {
  baseOffsets,
  combine,
  estimate,
  figure,
  median,
  pairedDifferences,
  randomNumbers,
  withOffsets,
  type Analysis,
  type Differences,
  type Estimate,
  type Figure,
  type Slice,
} from "./statistics.ts";

/** Microseconds of CPU time of one Envoy for a request. */
export interface RowResult {
  name: string;
  title: string;
  chain: string;
  requests: string;
  /** More than no filter needs for the same requests. */
  over: Figure;
  /** That, as a multiple of what the floor costs; null where either was not measured. */
  ofFloor: Figure | null;
  total: number;
  /** What no filter needs for the same requests. */
  base: number;
  /** How many slices count. */
  slices: number;
  /** Of each Envoy of the chain by itself. */
  replicas: number[];
  /** False when the machine was too busy with other things: not only undisturbed slices count. */
  clean: boolean;
  /** What it was seen to do before it was measured. */
  does: string[];
}

export interface CpuResult {
  rows: RowResult[];
  contrasts: Contrast[];
  /** Which part of the slices nothing else disturbed. */
  cleanPart: number;
  /** Which part of a slice's time its Envoy used a CPU, as a rule; less than 0.9 or so counts waking up too. */
  busy: number;
}

interface Part {
  analysis: Analysis;
  offsets: readonly number[];
}

/** The slices of the rows for open streams, by the first Envoy of each chain. */
export interface IdleSlices {
  /** Before the streams were opened. */
  closed: Slice[];
  open: Slice[];
}

export function cpuResult(
  rows: readonly Row[],
  slices: readonly Slice[],
  idle: IdleSlices,
  does: ReadonlyMap<string, string[]>,
): CpuResult {
  const random = randomNumbers(2);
  const part = (of: readonly Slice[]): Part => {
    const analysis = pairedDifferences(of);
    return { analysis, offsets: baseOffsets(analysis.base, random) };
  };
  const main = part(slices);
  const [closed, open] = [part(idle.closed), part(idle.open)];
  const estimates = new Map<string, Estimate>();
  const found: [Row, Differences][] = [];
  for (const row of rows) {
    const { analysis, offsets } = row.idle ? open : main;
    const differences = analysis.rows.get(row.name);
    if (differences === undefined) throw new Error(`${row.name}: not one slice could be compared`);
    estimates.set(row.name, withOffsets(estimate(differences, random), offsets));
    found.push([row, differences]);
  }
  const before = new Map(
    Array.from(closed.analysis.rows, ([name, differences]) => [name, estimate(differences, random)]),
  );
  const ofFloor = (row: Row, over: Estimate): Figure | null => {
    const floor = estimates.get(row.floor ?? "floor");
    return floor === undefined || row === NO_FILTER ? null : figure(combine(over, floor, (a, b) => a / b));
  };
  const result = (row: Row, differences: Differences, over: Estimate): RowResult => ({
    name: row.name,
    title: row.title,
    chain: row.chain,
    requests: row.requests,
    over: figure(over, 1000),
    ofFloor: ofFloor(row, over),
    total: median(differences.costs) / 1000,
    base: median(differences.bases) / 1000,
    slices: differences.costs.length,
    replicas: Array.from(differences.byReplica)
      .toSorted(([a], [b]) => a - b)
      .map(([, list]) => median(list) / 1000),
    clean: differences.clean,
    does: does.get(row.name) ?? [],
  });
  const results = found.map(([row, differences]) => result(row, differences, estimates.get(row.name)!));
  // Of its Envoys to each other: what a difference of nothing looks like.
  const base = { value: 0, draws: main.offsets.slice() };
  if (slices.length > 0) results.unshift(result(NO_FILTER, main.analysis.base, base));
  const contrasts = [...contrastsOf(estimates, rows), ...growths(before, estimates)];
  const busy = median([...slices, ...idle.closed, ...idle.open].map((slice) => slice.busy));
  const { cleanPart } = (slices.length > 0 ? main : open).analysis;
  return { rows: results, contrasts, cleanPart, busy };
}
