import assert from "node:assert/strict";
import { openToken } from "../../cli/token.ts";
import { cpuResult } from "../bench/envoy/results.ts";
import { idleRows } from "../bench/envoy/rows.ts";
import { readOptions, rowsOf, wants, type Options } from "../bench/envoy/options.ts";
import { COOKIES, KEY, requestHeaders, SCOPE, type RequestKind } from "../bench/envoy/requests.ts";
import {
  BASE,
  baseOffsets,
  combine,
  estimate,
  figure,
  mean,
  median,
  pairedDifferences,
  quantile,
  randomNumbers,
  withOffsets,
  type Differences,
  type Slice,
} from "../bench/envoy/statistics.ts";
import { test } from "../support/check.ts";

function slice(row: string, nanoseconds: number, more: Partial<Slice> = {}): Slice {
  return { row, nanoseconds, requests: "pinned", replica: 0, waited: 0, stolen: 0, busy: 1, ...more };
}

function differences(...lists: number[][]): Differences {
  return { byReplica: new Map(lists.entries()), costs: [], bases: [], clean: true };
}

test("quantiles lie between neighbours by their distance, whatever the order", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(quantile([4, 1, 3, 2], 0.25), 1.75);
  assert.equal(quantile([7], 0.9), 7);
  assert.ok(Number.isNaN(median([])));
  assert.equal(mean([1, 2, 6]), 3);
});

test("the interval holds the middle 90 % of the draws", () => {
  const draws = Array.from({ length: 101 }, (_, i) => 100 - i);
  assert.deepEqual(figure({ value: 50, draws }), { value: 50, low: 5, high: 95 });
  assert.deepEqual(figure({ value: 50, draws }, 10), { value: 5, low: 0.5, high: 9.5 });
  const ratio = combine({ value: 6, draws: [6, 8] }, { value: 3, draws: [3, 2] }, (a, b) => a / b);
  assert.deepEqual(ratio, { value: 2, draws: [2, 4] });
});

/** Base and `a` (30 dearer) and `b` (10 dearer) in turn, on a machine that gets slower all the time. */
function drifting(rounds: number): Slice[] {
  const slices = [slice(BASE, 100)];
  for (let i = 0; i < rounds; i++) {
    for (const [row, over] of [
      ["a", 30],
      ["b", 10],
    ] as const) {
      const now = 100 + slices.length;
      slices.push(slice(row, now + over, { replica: i % 2 }), slice(BASE, now + 1, { replica: i % 2 }));
    }
  }
  return slices;
}

test("a slice is set against the base slices right before and after it, so that drift cancels out", () => {
  const { rows, base, cleanPart } = pairedDifferences(drifting(40));
  assert.equal(cleanPart, 1);
  for (const [row, over] of [
    ["a", 30],
    ["b", 10],
  ] as const) {
    const found = rows.get(row) ?? assert.fail(row);
    const all = [...found.byReplica.values()].flat();
    // The quieter half.
    assert.ok(found.clean && all.length >= 15 && all.length <= 25, `${all.length} slices of ${row}`);
    assert.ok(
      all.every((difference) => Math.abs(difference - over) < 1e-9),
      `${row}: ${all.join()}`,
    );
  }
  assert.ok([...base.byReplica.values()].flat().every((difference) => Math.abs(difference) <= 2));
  assert.deepEqual([...rows.keys()], ["a", "b"]);
});

test("slices that something disturbed do not count, nor base slices of other requests", () => {
  const slices = drifting(40);
  const disturbed = slices.map((one, i) =>
    i % 10 === 3 ? { ...one, nanoseconds: 9000, ...(i % 20 === 3 ? { waited: 0.5 } : { stolen: 1 }) } : one,
  );
  const { rows, cleanPart } = pairedDifferences(disturbed);
  assert.ok(cleanPart > 0.85 && cleanPart < 0.95, String(cleanPart));
  assert.ok([...(rows.get("b")?.byReplica.values() ?? [])].flat().every((d) => Math.abs(d - 10) < 1e-9));

  const others = [
    slice(BASE, 1),
    slice(BASE, 100, { requests: "new" }),
    slice("a", 130, { requests: "new" }),
  ];
  const found = pairedDifferences([...others, slice(BASE, 1), slice(BASE, 1)]).rows.get("a");
  assert.deepEqual(found?.byReplica.get(0), [30]);
});

test("where nothing is undisturbed all slices count, and it is said", () => {
  const slices = drifting(4).map((one) => ({ ...one, stolen: 1 }));
  const { rows, cleanPart } = pairedDifferences(slices);
  assert.equal(cleanPart, 0);
  assert.equal([...(rows.get("a")?.byReplica.values() ?? [])].flat().length > 0, true);
  const few = pairedDifferences(drifting(1)).rows.get("a");
  assert.deepEqual([few?.clean, few?.byReplica.get(0)], [false, [30]]);
});

test("an estimate is the mean of the processes' medians, and as unsure as they differ", () => {
  const same = estimate(differences([10, 10, 10, 10], [10, 10, 10, 10]), randomNumbers(1));
  assert.deepEqual(figure(same), { value: 10, low: 10, high: 10 });

  const apart = estimate(differences([9, 10, 10, 11], [20, 20, 20, 20]), randomNumbers(1));
  assert.equal(apart.value, 15);
  const { low, high } = figure(apart);
  assert.ok(low < 10 && high > 20, `${low} to ${high}`);

  const base = baseOffsets(differences([-2, -2, -2, -2], [2, 2, 2, 2]), randomNumbers(1));
  assert.ok(
    Math.max(...base) > 1 && Math.min(...base) < -1 && Math.abs(mean(base)) < 0.2,
    String(mean(base)),
  );
  assert.deepEqual(new Set(baseOffsets(differences([3, 3, 3, 3]), randomNumbers(1))), new Set([0]));
});

/** About normal, with this mean and deviation: Irwin-Hall's sum of 12. */
function noise(random: () => number, middle: number, deviation: number): number {
  return middle + deviation * (Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6);
}

test("of many runs with a known difference about nine in ten have it in their interval", () => {
  const random = randomNumbers(7);
  const RUNS = 60;
  let held = 0;
  for (let run = 0; run < RUNS; run++) {
    const processes = (middle: number): Differences =>
      differences(
        ...Array.from({ length: 3 }, () => {
          const own = noise(random, middle, 1);
          return Array.from({ length: 16 }, () => noise(random, own, 3));
        }),
      );
    const found = withOffsets(estimate(processes(20), random), baseOffsets(processes(0), random));
    const { low, high } = figure(found);
    if (low <= 20 && 20 <= high) held++;
  }
  assert.ok(held > 0.85 * RUNS && held < RUNS, `${held} of ${RUNS}`);
});

test("what open streams add is told by the same rows before, and how much more of it ours has", () => {
  const closed: Slice[] = [slice(BASE, 100)];
  const open: Slice[] = [slice(BASE, 110)];
  for (let round = 0; round < 40; round++) {
    closed.push(slice("floor-idle", 115), slice(BASE, 100), slice("ours-idle", 130), slice(BASE, 100));
    open.push(slice("floor-idle", 130), slice(BASE, 110), slice("ours-idle", 157), slice(BASE, 110));
  }
  const rows = idleRows(10).filter(({ name }) => name !== "empty-idle");
  const { contrasts, rows: results } = cpuResult(rows, [], { closed, open }, new Map());
  // 130 - 110 less 115 - 100, and 157 - 110 less 130 - 100: nanoseconds.
  assert.deepEqual(
    contrasts.map(({ name, value }) => [name, value]),
    [
      ["floor, with open streams less without", 0.005],
      ["ours, with open streams less without", 0.017],
      ["ours less floor, with open streams less without", 0.012],
    ],
  );
  assert.deepEqual(
    results.map(({ name, over, base, ofFloor }) => [name, over.value, base, ofFloor?.value]),
    [
      ["floor-idle", 0.02, 0.11, 1],
      ["ours-idle", 0.047, 0.11, 47 / 20],
    ],
  );
});

test("a client on https says so, and its token that its cookie is Secure", () => {
  const POD = "127.0.0.1:8000";
  const told = (kind: RequestKind): unknown[] => {
    const { cookie = "", ...others } = requestHeaders(kind, POD);
    const [, token = ""] = new RegExp(`; ${COOKIES.ours}=(.*)$`).exec(cookie) ?? [];
    const opened = openToken(token, [KEY], { scope: SCOPE, sessionName: COOKIES.ours });
    return [opened?.endpoint, opened?.secure ?? false, others];
  };
  assert.deepEqual(told("pinned"), [POD, false, {}]);
  assert.deepEqual(told("pinned https"), [POD, true, { "x-forwarded-proto": "https" }]);
});

test("the command line names rows and parts, and says what is wrong with it", () => {
  const options = readOptions(["--only", "ours,lua,latency", "--seconds", "30"]) as Options;
  assert.deepEqual(
    rowsOf(options).map(({ name }) => name),
    ["lua", "ours"],
  );
  assert.deepEqual([wants(options, "latency"), wants(options, "module"), options.seconds], [true, false, 30]);
  const compared = readOptions(["--compare", "rust=some/rust.wasm", "--only", "rust"]) as Options;
  assert.deepEqual(
    rowsOf(compared).map(({ name, chain }) => [name, chain]),
    [["rust", "rust"]],
  );
  assert.throws(() => readOptions(["--only", "perl"]), /--only perl: no row or part/);
  assert.throws(() => readOptions(["--seconds", "soon"]), /--seconds soon: not a number above 0/);
  assert.throws(() => readOptions(["--compare", "rust"]), /--compare rust: not NAME=FILE\.wasm/);
});
