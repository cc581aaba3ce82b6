/** The Envoy part of `npm run bench`. */
import { buildFilters } from "./builds.ts";
import { Fleet, freePorts, type Member } from "./fleet.ts";
import { measureLatency, type LatencyResult } from "./latency.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { rowsOf, wants, type Options } from "./options.ts";
import { cpuResult, type CpuResult } from "./results.ts";
import { idleRow, IDLE_ROW, NO_FILTER, type Row } from "./rows.ts";
import { compare, type Subject } from "./slices.ts";
import { measureStarts, type StartResult } from "./starts.ts";
import { randomNumbers, type Slice } from "./statistics.ts";

/** Whose latency is measured, and whose start. */
const LATENCY_ROWS = ["none", "native", "ours", "lua"];
const START_ROWS = ["none", "ours"];

export interface EnvoyReport {
  machine: Machine;
  cpu: CpuResult;
  latency: LatencyResult[];
  starts: StartResult[];
}

/** @param say takes lines about what is going on. @throws Error when a row does not do its job */
export async function measureEnvoys(
  options: Options,
  program: string,
  say: (line: string) => void,
): Promise<EnvoyReport> {
  const machine = await describeMachine(program);
  await buildFilters();
  const fleet = await Fleet.open(program, options.compared);
  try {
    const rows = rowsOf(options);
    const names = chainNames(options, rows);
    say(`starting ${names.length * options.replicas} Envoys`);
    await fleet.start(names, options.replicas);
    say("checking that each does its job");
    const base = names.length > 0 ? [NO_FILTER] : [];
    const does = await fleet.check([...base, ...rows]);
    say(`comparing ${rows.length} rows with no filter, ${options.seconds} s`);
    const slices = rows.length > 0 ? await compareRows(fleet, rows, options.seconds) : [];
    const idle = wants(options, "idle") ? await compareIdle(fleet, options, say) : [];
    const latency = wants(options, "latency") ? await latencies(fleet, options, say) : [];
    const starts = wants(options, "starts") ? await startsOf(fleet, options, say) : [];
    const shown = idle.length > 0 ? [...rows, idleRow(options.idleStreams)] : rows;
    return { machine, cpu: cpuResult(shown, slices, idle, does), latency, starts };
  } finally {
    await fleet.close();
  }
}

function chainNames(options: Options, rows: readonly Row[]): string[] {
  const names = new Set(rows.map(({ chain }) => chain));
  if (wants(options, "idle")) names.add("ours");
  if (wants(options, "latency")) LATENCY_ROWS.forEach((name) => names.add(name));
  if (names.size > 0) names.add(NO_FILTER.chain);
  return [...names];
}

function compareRows(fleet: Fleet, rows: readonly Row[], seconds: number): Promise<Slice[]> {
  const subjects = new Map(
    Array.from(fleet.members, ([chain, list]) => [chain, list.map((member) => member.subject)]),
  );
  return compare({ rows, subjects, requests: fleet.requests, seconds, random: randomNumbers(1) });
}

/** With the first Envoy of either chain: the streams of more would not fit into what a process may open. */
async function compareIdle(fleet: Fleet, options: Options, say: (line: string) => void): Promise<Slice[]> {
  const row = idleRow(options.idleStreams);
  say(`opening ${options.idleStreams} streams through two Envoys`);
  const subjects = new Map<string, Subject[]>();
  for (const chain of [NO_FILTER.chain, row.chain]) {
    const [member] = fleet.of(chain) as [Member];
    await fleet.openStreams(member, options.idleStreams);
    subjects.set(chain, [member.subject]);
  }
  say(`comparing ${IDLE_ROW} with no filter, ${options.idleSeconds} s`);
  const { requests } = fleet;
  return compare({ rows: [row], subjects, requests, seconds: options.idleSeconds, random: randomNumbers(1) });
}

function latencies(fleet: Fleet, options: Options, say: (line: string) => void): Promise<LatencyResult[]> {
  say(`latency at ${options.rate} requests a second, ${options.latencySeconds} s each`);
  const variants = LATENCY_ROWS.map((row) => {
    // The last one has no streams open.
    const { envoy, ports } = fleet.of(row).at(-1)!;
    return { row, envoy, port: ports.one };
  });
  return measureLatency({
    variants,
    request: fleet.requests.get("pinned")!,
    pod: fleet.pod,
    rate: options.rate,
    seconds: options.latencySeconds,
  });
}

async function startsOf(fleet: Fleet, options: Options, say: (line: string) => void): Promise<StartResult[]> {
  say(`starting Envoys, ${options.starts} of each kind`);
  return measureStarts({
    envoys: fleet.envoys,
    chains: new Map(START_ROWS.map((row) => [row, fleet.chains.get(row)!])),
    ports: await freePorts(),
    upstream: fleet.upstream,
    request: fleet.requests.get("pinned")!,
    rounds: options.starts,
  });
}
