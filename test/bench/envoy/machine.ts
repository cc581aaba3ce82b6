/** Where a run's figures come from. */
import { statSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { run } from "../../../cli/run.ts";
import { BUILT } from "./builds.ts";

export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  node: string;
  envoy: string;
  wasmBytes: number;
  /** Of the last minute, when the run began. */
  load: number;
}

export async function describeMachine(envoy: string): Promise<Machine> {
  const { output } = await run(envoy, ["--version"]);
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    envoy: /version: [^/]*\/([^/]+)/.exec(output)?.[1] ?? output.trim(),
    wasmBytes: statSync(BUILT).size,
    load: loadavg()[0] ?? 0,
  };
}
