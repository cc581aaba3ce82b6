/** The figures as text. */
import type { Contrast } from "./contrasts.ts";
import type { LatencyResult } from "./latency.ts";
import type { Machine } from "./machine.ts";
import type { CpuResult, RowResult } from "./results.ts";
import type { Figure } from "./statistics.ts";
import type { Spread, StartResult } from "./starts.ts";

const MEGABYTE = 1e6;

export function machineText(machine: Machine): string {
  const { date, cpu, cores, kernel, node, envoy, wasmBytes, load } = machine;
  return `${date}; Envoy ${envoy}; affinity.wasm ${wasmBytes} bytes; ${cpu}, ${cores} cores; ${kernel}; Node ${node}; load ${load.toFixed(1)}`;
}

export function cpuText({ rows, contrasts, cleanPart, busy }: CpuResult): string {
  const head = ["row", "over no filter", "90 % interval", "of the floor", "total", "no filter", "slices", ""];
  const clean = rows.every((row) => row.clean);
  const used = clean
    ? "the quieter half of them counts"
    : "too few, so those that were least disturbed count, or all (~)";
  const lines = [
    "CPU time of one Envoy for a request, microseconds",
    "",
    ...table(
      [head, ...rows.map(rowCells)],
      ["left", "right", "right", "right", "right", "right", "right", "left"],
    ),
    "",
    `no filter: for the same request bytes. Envoy was busy for ${percent(busy)} of a slice.`,
    `${percent(cleanPart)} of the slices were undisturbed: ${used}.`,
  ];
  if (contrasts.length > 0)
    lines.push("", ...table(contrasts.map(contrastCells), ["left", "right", "right"]));
  return lines.join("\n");
}

function rowCells({ name, title, over, ofFloor, total, base, slices, clean }: RowResult): string[] {
  const floor = ofFloor === null ? "" : ofFloor.value.toFixed(2);
  const figures = [over.value.toFixed(1), between(over, 1), floor, total.toFixed(1), base.toFixed(1)];
  return [name, ...figures, `${clean ? "" : "~"}${slices}`, title];
}

function contrastCells(contrast: Contrast): string[] {
  return [contrast.name, `${contrast.value.toFixed(2)} ${contrast.unit}`.trim(), between(contrast, 2)];
}

export function latencyText(results: readonly LatencyResult[], rate: number): string {
  const names = Object.keys(results[0]?.percentiles ?? {});
  const rows = results.map(({ row, requests, percentiles }) => [
    row,
    ...names.flatMap((name) => {
      const of = percentiles[name]!;
      return [of.value.toFixed(0), between(of, 0)];
    }),
    String(requests),
  ]);
  const head = ["row", ...names.flatMap((name) => [name, "90 % interval"]), "requests"];
  return [
    `Latency at ${rate} requests a second, from when each was due, microseconds`,
    "",
    ...table([head, ...rows], ["left", ...head.slice(1).map(() => "right" as const)]),
  ].join("\n");
}

export function startsText(results: readonly StartResult[]): string {
  const rows = results.map(({ row, milliseconds, oneWorker, furtherWorker }) => [
    row,
    ...spreadCells(milliseconds, 1, 0),
    ...spreadCells(oneWorker, MEGABYTE, 1),
    ...spreadCells(furtherWorker, MEGABYTE, 1),
  ]);
  const head = ["row", "ready, ms", "from-to", "memory, MB", "from-to", "further worker, MB", "from-to"];
  return [
    "Start of an Envoy with one worker, its resident memory, and what a further worker adds (median, least to greatest)",
    "",
    ...table([head, ...rows], ["left", ...head.slice(1).map(() => "right" as const)]),
  ].join("\n");
}

function spreadCells({ median, least, greatest }: Spread, unit: number, digits: number): string[] {
  const text = (value: number): string => (value / unit).toFixed(digits);
  return [text(median), `${text(least)}-${text(greatest)}`];
}

function between({ low, high }: Figure, digits: number): string {
  return `[${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`;
}

function table(rows: readonly string[][], sides: readonly ("left" | "right")[]): string[] {
  const widths = sides.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (sides[i] === "left" ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}
