/** What a run's slices say: differences to the base slices beside them, and how sure they are. */

/** What one short stretch of requests to one Envoy cost. */
export interface Slice {
  /** The row that it belongs to; `BASE` for no filter. */
  row: string;
  /** Which requests were sent: a slice is compared with base slices of the same requests alone. */
  requests: string;
  /** Which of the row's Envoys. */
  replica: number;
  /** CPU time of the whole Envoy for a request. */
  nanoseconds: number;
  /** How long the worker waited for its CPU, as a part of the time that it had it: something else ran there. */
  waited: number;
  /** Ticks that the machine's host took from that CPU meanwhile. */
  stolen: number;
  /** The part of the time that the Envoy used a CPU. */
  busy: number;
}

export const BASE = "none";

/** A value with draws of what it could as well have been. */
export interface Estimate {
  value: number;
  draws: number[];
}

// More than this, and the caches are another's.
const CLEAN_WAIT = 0.03;
// On a loaded machine the least disturbed slices have to do.
const CLEAN_PART = 0.3;
const QUIET_PART = 0.5;
const NEIGHBOURS = 6;
const FEWEST = 4;
// Fewer good slices than this say less than all of them do.
const FEWEST_PART = 0.2;
const BLOCK = 4;
const DRAWS = 1000;
// Of the two-sided interval, 90 %.
const TAIL = 0.05;

/** Uniform numbers from 0 to below 1, the same for the same seed (mulberry32, of Tommy Ettinger, public domain). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** The value below which this part (0 to 1) of the numbers lies, between neighbours by their distance; NaN of none. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  return below + ((sorted[Math.ceil(at)] ?? NaN) - below) * (at % 1);
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** A value, and the bounds between which 90 % of its draws lie. */
export interface Figure {
  value: number;
  low: number;
  high: number;
}

/** @param unit what the figure is given in */
export function figure({ value, draws }: Estimate, unit = 1): Figure {
  return {
    value: value / unit,
    low: quantile(draws, TAIL) / unit,
    high: quantile(draws, 1 - TAIL) / unit,
  };
}

/** Draw by draw, so that what both have in common counts once. */
export function combine(a: Estimate, b: Estimate, how: (a: number, b: number) => number): Estimate {
  return { value: how(a.value, b.value), draws: a.draws.map((draw, i) => how(draw, b.draws[i]!)) };
}

/** Differences of one row to the base, in nanoseconds for a request, a list for each of its Envoys. */
export interface Differences {
  byReplica: Map<number, number[]>;
  /** The slices' own cost. */
  costs: number[];
  /** That of the base slices beside them. */
  bases: number[];
  /** False when too few slices were undisturbed, and the least disturbed or all had to do. */
  clean: boolean;
}

export interface Analysis {
  rows: Map<string, Differences>;
  /** Of the base's own Envoys to each other. */
  base: Differences;
  /** Which part of the slices nothing disturbed. */
  cleanPart: number;
}

interface Found {
  slice: Slice;
  difference: number;
  base: number;
  /** What the slices around it cost, as a ratio to the median of their kinds. */
  level: number;
}

/**
 * Sets each slice against the base slices of the same requests right before and after it. Of those that nothing disturbed,
 * the half in the quieter surroundings counts; the slice and its base have no part in that choice, so that it favours none.
 */
export function pairedDifferences(slices: readonly Slice[]): Analysis {
  const disturbance = slices.map(({ waited, stolen }) => (stolen > 0 ? 1 + waited : waited));
  const cleanPart = disturbance.filter((d) => d < CLEAN_WAIT).length / slices.length;
  const limit = Math.max(CLEAN_WAIT, quantile(disturbance, CLEAN_PART));
  const undisturbed = findPairs(slices, (index) => disturbance[index]! <= limit);
  const all = findPairs(slices, () => true);
  const names = new Set(slices.map(({ row }) => row));
  // One choice for all rows, or they would not be comparable: the first in which each has enough.
  const used = [quieter(undisturbed), undisturbed].find((choice) =>
    Array.from(names).every(
      (row) => countOf(row, choice) >= Math.max(FEWEST, FEWEST_PART * countOf(row, all)),
    ),
  );
  const rows = new Map<string, Differences>();
  for (const row of names) {
    const found = (used ?? all).filter(({ slice }) => slice.row === row);
    rows.set(row, gather(found, used !== undefined && limit === CLEAN_WAIT));
  }
  const base = rows.get(BASE) ?? { byReplica: new Map(), costs: [], bases: [], clean: true };
  rows.delete(BASE);
  return { rows, base, cleanPart };
}

function countOf(row: string, found: readonly Found[]): number {
  return found.filter(({ slice }) => slice.row === row).length;
}

function gather(used: readonly Found[], clean: boolean): Differences {
  const byReplica = new Map<number, number[]>();
  for (const { slice, difference } of used) {
    const list = byReplica.get(slice.replica);
    if (list === undefined) byReplica.set(slice.replica, [difference]);
    else list.push(difference);
  }
  const costs = used.map(({ slice }) => slice.nanoseconds);
  return { byReplica, costs, bases: used.map(({ base }) => base), clean };
}

function findPairs(slices: readonly Slice[], counts: (index: number) => boolean): Found[] {
  const kinds = new Map<string, number[]>();
  for (const slice of slices) {
    const costs = kinds.get(kind(slice));
    if (costs === undefined) kinds.set(kind(slice), [slice.nanoseconds]);
    else costs.push(slice.nanoseconds);
  }
  const typical = new Map(Array.from(kinds, ([name, costs]) => [name, median(costs)]));
  const found: Found[] = [];
  slices.forEach((slice, index) => {
    if (!counts(index)) return;
    const beside = besides(slices, index).filter(counts);
    if (beside.length === 0) return;
    const base = mean(beside.map((at) => slices[at]!.nanoseconds));
    const levels: number[] = [];
    for (let at = index - NEIGHBOURS; at <= index + NEIGHBOURS; at++) {
      const other = slices[at];
      if (other === undefined || at === index || beside.includes(at) || !counts(at)) continue;
      levels.push(other.nanoseconds / typical.get(kind(other))!);
    }
    const level = levels.length === 0 ? Infinity : mean(levels);
    found.push({ slice, difference: slice.nanoseconds - base, base, level });
  });
  return found;
}

function kind(slice: Slice): string {
  return `${slice.row} ${slice.requests}`;
}

/** Base slices of the same requests beside this one; of a base slice, those that stand on the other side of a slice. */
function besides(slices: readonly Slice[], index: number): number[] {
  const { row, requests } = slices[index]!;
  const distance = row === BASE ? 2 : 1;
  return [index - distance, index + distance].filter((at) => {
    const other = slices[at];
    return other !== undefined && other.row === BASE && other.requests === requests;
  });
}

function quieter(found: readonly Found[]): Found[] {
  const limit = quantile(
    found.map(({ level }) => level),
    QUIET_PART,
  );
  return found.filter(({ level }) => level <= limit);
}

/**
 * The mean over a row's Envoys of their median difference. One process differs from another of the same kind by a
 * constant, so the draws take processes by chance first, then blocks of slices of each, as neighbours are alike.
 */
export function estimate({ byReplica }: Differences, random: () => number): Estimate {
  const all = [...byReplica.values()];
  const enough = all.filter((list) => list.length >= FEWEST);
  const lists = enough.length > 0 ? enough : all;
  const value = mean(lists.map(median));
  const widening = wideningOf(lists.length);
  const draws = Array.from({ length: DRAWS }, () => {
    const drawn = mean(lists.map(() => median(blocks(pick(lists, random), random))));
    return value + widening * (drawn - value);
  });
  return { value, draws };
}

/** Draws of few things vary less than the things do: their variance is (n - 1) / n of it. */
function wideningOf(count: number): number {
  return count < 2 ? 1 : Math.sqrt(count / (count - 1));
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)]!;
}

/** As many as there are, in blocks of neighbours; fewer than BLOCK of each where there are few. */
function blocks(list: readonly number[], random: () => number): number[] {
  const length = Math.min(BLOCK, Math.max(1, Math.floor(list.length / BLOCK)));
  const drawn: number[] = [];
  while (drawn.length < list.length) {
    const start = Math.floor(random() * (list.length - length + 1));
    drawn.push(...list.slice(start, start + length));
  }
  return drawn.slice(0, list.length);
}

/** Draws of how far the base's Envoys as drawn lie from their mean; zeros when there is but one. */
export function baseOffsets({ byReplica }: Differences, random: () => number): number[] {
  const lists = [...byReplica.values()].filter((list) => list.length >= FEWEST);
  const count = lists.length;
  if (count < 2) return new Array<number>(DRAWS).fill(0);
  // A base slice is set against the mean of the others, which is further from it than the mean of all.
  const offsets = lists.map((list) => (median(list) * (count - 1)) / count);
  const middle = mean(offsets);
  const drawn = (): number => wideningOf(count) * (pick(offsets, random) - middle);
  return Array.from({ length: DRAWS }, () => mean(offsets.map(drawn)));
}

/** With what the choice of the base's Envoys adds to the doubt. */
export function withOffsets({ value, draws }: Estimate, offsets: readonly number[]): Estimate {
  return { value, draws: draws.map((draw, i) => draw + offsets[i]!) };
}

/** The median of these, and their least and greatest. */
export function spread(numbers: readonly number[]): { median: number; least: number; greatest: number } {
  return { median: median(numbers), least: Math.min(...numbers), greatest: Math.max(...numbers) };
}
