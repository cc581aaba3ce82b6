/** From slices to the figures of the table. */
import { IDLE_ROW, NO_FILTER, type Row } from "./rows.ts";
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

const COOKIES_FEW = 1;
const COOKIES_MANY = 600;

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

export interface Contrast extends Figure {
  name: string;
  unit: string;
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

/** @param idle the slices that were taken while streams were open, with the first Envoys of their chains */
export function cpuResult(
  rows: readonly Row[],
  slices: readonly Slice[],
  idle: readonly Slice[],
  does: ReadonlyMap<string, string[]>,
): CpuResult {
  const random = randomNumbers(2);
  const part = (of: readonly Slice[]): Part => {
    const analysis = pairedDifferences(of);
    return { analysis, offsets: baseOffsets(analysis.base, random) };
  };
  const main = part(slices);
  const open = part(idle);
  const estimates = new Map<string, Estimate>();
  const found: [Row, Differences][] = [];
  for (const row of rows) {
    const { analysis, offsets } = row.name === IDLE_ROW ? open : main;
    const differences = analysis.rows.get(row.name);
    if (differences === undefined) throw new Error(`${row.name}: not one slice could be compared`);
    estimates.set(row.name, withOffsets(estimate(differences, random), offsets));
    found.push([row, differences]);
  }
  const floor = estimates.get("floor");
  const result = (row: Row, differences: Differences, over: Estimate): RowResult => ({
    name: row.name,
    title: row.title,
    chain: row.chain,
    requests: row.requests,
    over: figure(over, 1000),
    ofFloor: floor === undefined || row === NO_FILTER ? null : figure(combine(over, floor, divided)),
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
  const contrasts = [...contrastsOf(estimates, rows), ...growth(main.analysis, estimates, random)];
  const busy = median([...slices, ...idle].map((slice) => slice.busy));
  const { cleanPart } = (slices.length > 0 ? main : open).analysis;
  return { rows: results, contrasts, cleanPart, busy };
}

function divided(a: number, b: number): number {
  return a / b;
}

/** What the rows are measured for: each where both of its sides are there. */
function contrastsOf(estimates: ReadonlyMap<string, Estimate>, rows: readonly Row[]): Contrast[] {
  const contrasts: Contrast[] = [];
  const add = (
    name: string,
    unit: string,
    of: [string, string],
    how: (a: number, b: number) => number,
  ): void => {
    const [a, b] = of.map((row) => estimates.get(row));
    if (a !== undefined && b !== undefined)
      contrasts.push({ name, unit, ...figure(combine(a, b, how), unit === "us" ? 1000 : 1) });
  };
  const others = rows.filter(({ compared }) => compared).map(({ name }) => name);
  for (const other of ["floor", "native", "lua", "sdk", ...others])
    add(`ours, as a multiple of ${other}`, "", ["ours", other], divided);
  for (const other of ["floor", "lua", "sdk", ...others])
    add(`ours less ${other}`, "us", ["ours", other], (a, b) => a - b);
  const perCookie = (many: number, few: number): number => (many - few) / (COOKIES_MANY - COOKIES_FEW);
  add("ours, each further cookie in the header", "ns", ["ours-600", "ours-1"], perCookie);
  return contrasts;
}

/** What open streams add: the same two processes with them and before. */
function growth(
  before: Analysis,
  estimates: ReadonlyMap<string, Estimate>,
  random: () => number,
): Contrast[] {
  const open = estimates.get(IDLE_ROW);
  const first = before.rows.get("ours")?.byReplica.get(0);
  if (open === undefined || first === undefined) return [];
  const count = before.base.byReplica.size;
  const base = before.base.byReplica.get(0);
  const own = estimate(only(first), random);
  // Against the mean of all base Envoys; the idle rows are against the first one.
  const offset = base === undefined || count < 2 ? undefined : estimate(only(base), random);
  const closed = offset === undefined ? own : combine(own, offset, (a, b) => a - (b * (count - 1)) / count);
  return [
    {
      name: "ours, with open streams less without",
      unit: "us",
      ...figure(
        combine(open, closed, (a, b) => a - b),
        1000,
      ),
    },
  ];
}

function only(list: number[]): Differences {
  return { byReplica: new Map([[0, list]]), costs: [], bases: [], clean: true };
}
