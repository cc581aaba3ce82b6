/** The Envoy part of `npm run bench`. */
import { buildFilters } from "./builds.ts";
import { Fleet, freePorts, type Member } from "./fleet.ts";
import { measureLatency, type LatencyResult } from "./latency.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { rowsOf, wants, type Options } from "./options.ts";
import { cpuResult, type CpuResult, type IdleSlices } from "./results.ts";
import { idleRows, NO_FILTER, type Row } from "./rows.ts";
import { compare } from "./slices.ts";
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
    const rowsOfIdle = wants(options, "idle") ? idleRows(options.idleStreams) : [];
    const names = chainNames(options, [...rows, ...rowsOfIdle]);
    say(`starting ${names.length * options.replicas} Envoys`);
    await fleet.start(names, options.replicas);
    say("checking that each does its job");
    const base = names.length > 0 ? [NO_FILTER] : [];
    const does = await fleet.check([...base, ...rows, ...rowsOfIdle]);
    const slices = await compareRows(fleet, rows, options, say);
    const idle = await compareIdle(fleet, rowsOfIdle, options, say);
    const latency = wants(options, "latency") ? await latencies(fleet, options, say) : [];
    const starts = wants(options, "starts") ? await startsOf(fleet, options, say) : [];
    return { machine, cpu: cpuResult([...rows, ...rowsOfIdle], slices, idle, does), latency, starts };
  } finally {
    await fleet.close();
  }
}

function chainNames(options: Options, rows: readonly Row[]): string[] {
  const names = new Set(rows.map(({ chain }) => chain));
  if (wants(options, "latency")) LATENCY_ROWS.forEach((name) => names.add(name));
  if (names.size > 0) names.add(NO_FILTER.chain);
  return [...names];
}

async function compareRows(
  fleet: Fleet,
  rows: readonly Row[],
  { seconds }: Options,
  say: (line: string) => void,
): Promise<Slice[]> {
  if (rows.length === 0) return [];
  say(`comparing ${rows.length} rows with no filter, ${seconds} s`);
  const subjects = new Map(
    Array.from(fleet.members, ([chain, list]) => [chain, list.map((member) => member.subject)]),
  );
  return compare({ rows, subjects, requests: fleet.requests, seconds, random: randomNumbers(1) });
}

/**
 * Before so many streams are open, and while they are. With the first Envoy of each chain, as open streams take memory; the
 * latency part has those without.
 */
async function compareIdle(
  fleet: Fleet,
  rows: readonly Row[],
  { idleStreams: streams, idleSeconds: seconds }: Options,
  say: (line: string) => void,
): Promise<IdleSlices> {
  if (rows.length === 0) return { closed: [], open: [] };
  const members = [NO_FILTER, ...rows].map(({ chain }): [string, Member] => [chain, fleet.of(chain)[0]!]);
  const subjects = new Map(members.map(([chain, { subject }]) => [chain, [subject]]));
  const { requests } = fleet;
  const measure = (): Promise<Slice[]> =>
    compare({ rows, subjects, requests, seconds, random: randomNumbers(1) });
  say(`comparing ${rows.length} rows with no filter before streams are open, ${seconds} s`);
  const closed = await measure();
  say(`opening ${streams} streams through each of ${members.length} Envoys`);
  for (const [, member] of members) await fleet.openStreams(member, streams);
  say(`comparing ${rows.length} rows with no filter while they are open, ${seconds} s`);
  const open = await measure();
  for (const [, member] of members) await fleet.assertOpen(member, streams);
  return { closed, open };
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
