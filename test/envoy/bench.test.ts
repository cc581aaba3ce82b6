import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";
import type { CpuResult } from "../bench/envoy/results.ts";
import type { LatencyResult } from "../bench/envoy/latency.ts";
import type { StartResult } from "../bench/envoy/starts.ts";
import { closeLater, test } from "../support/check.ts";

const BENCH = join(root, "build/ts/test/bench/bench.js");

interface Report {
  machine: Record<string, unknown>;
  cpu: CpuResult;
  latency: LatencyResult[];
  starts: StartResult[];
}

function bench(...args: string[]): ReturnType<typeof run> {
  return run(process.execPath, [BENCH, ...args]);
}

test("a short run of the bench has every row that was asked for, and each did its job", async () => {
  const folder = mkdtempSync(join(tmpdir(), "affinity-bench-test-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const json = join(folder, "bench.json");
  const affine = ["native", "lua", "lua-lean", "sdk", "ours"];
  const rows = ["floor", ...affine, "ours-new", "floor-https", "ours-https"];
  const only = [...rows, "idle", "latency", "starts"].join();
  const short = ["--seconds", "1", "--replicas", "1", "--streams", "50", "--rate", "1000"];
  const { code, output } = await bench(...short, "--only", only, "--json", json);
  assert.equal(code, 0, output);

  const all = ["none", ...rows, "empty-idle", "floor-idle", "ours-idle"];
  for (const row of all) assert.match(output, new RegExp(`^${row} +-?\\d+\\.\\d `, "m"));
  const { machine, cpu, latency, starts } = JSON.parse(readFileSync(json, "utf8")) as Report;
  for (const field of ["date", "cpu", "cores", "kernel", "envoy", "wasmBytes"])
    assert.ok(machine[field], field);
  assert.match(String(machine["envoy"]), /^\d+\.\d+\.\d+$/);
  assert.deepEqual(cpu.rows.map(({ name }) => name).sort(), all.sort());
  for (const { name, total, base, over, slices } of cpu.rows) {
    assert.ok(total > 0 && base > 0 && slices > 0, `${name}: ${total} ${base} ${slices}`);
    assert.ok(over.low <= over.high, name);
  }
  const does = Object.fromEntries(cpu.rows.map((row) => [row.name, row.does]));
  const affinity = ["pins", "quiet", "a new client gets a cookie that pins"];
  for (const row of [...affine, "ours-idle"]) assert.deepEqual(does[row], affinity, row);
  assert.deepEqual(does["ours-new"], affinity.slice(2));
  assert.deepEqual(does["ours-https"], ["pins", "quiet", "a new client gets a Secure cookie that pins"]);
  for (const row of ["none", "floor", "floor-https", "empty-idle", "floor-idle"])
    assert.deepEqual(does[row], ["spreads"], row);
  const contrasts = cpu.contrasts.map(({ name }) => name);
  for (const contrast of [
    "ours, as a multiple of lua",
    "ours, as a multiple of lua-lean",
    "ours-https, as a multiple of floor-https",
    "ours less floor, with open streams less without",
  ])
    assert.ok(contrasts.includes(contrast), `${contrast}: not in ${contrasts.join("; ")}`);

  assert.deepEqual(latency.map(({ row }) => row).sort(), ["lua", "native", "none", "ours"]);
  for (const { row, requests, percentiles } of latency) {
    assert.ok(requests === 100 && percentiles["p50"]!.value > 0, row);
    assert.ok(percentiles["p50"]!.value <= percentiles["p99.9"]!.value, row);
  }
  assert.deepEqual(starts.map(({ row }) => row).sort(), ["none", "ours"]);
  for (const { row, milliseconds, oneWorker } of starts)
    assert.ok(milliseconds.least > 0 && oneWorker.least > 0, row);
});

test("a filter that does not do its job is no row of the bench", async () => {
  const empty = join(root, "build/bench/empty.wasm");
  const short = ["--seconds", "0.1", "--replicas", "1"];
  const { code, output } = await bench(...short, "--compare", `nothing=${empty}`, "--only", "nothing");
  assert.equal(code, 1, output);
  // It meets the pod of the cookie by chance, now and then, and then tells the client of it.
  const expected = "(\\d+ was asked for|no x-affinity-host to the client)";
  assert.match(
    output,
    new RegExp(
      `^nothing \\(compared: nothing\\): does not do its job: expected ${expected}; received .+$`,
      "m",
    ),
  );
});
