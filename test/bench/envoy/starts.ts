/** How long an Envoy takes to get ready, and what each of its workers adds to its memory: with the filter and without. */
import { envoyConfig, type Ports, type Upstream } from "./bootstrap.ts";
import type { Chain } from "./chains.ts";
import { ClosedLoop, openConnections } from "./driver.ts";
import { residentMemory, type Envoys } from "./process.ts";
import { spread } from "./statistics.ts";
import { answerEnd } from "./upstream.ts";

const MANY_WORKERS = 4;
// Enough for each worker to get some, by chance: the kernel deals connections out.
const CONNECTIONS = 64;
const REQUESTS = 2000;

export type Spread = ReturnType<typeof spread>;

export interface StartResult {
  row: string;
  /** From its start until its admin page says that it is ready; one worker. */
  milliseconds: Spread;
  /** Bytes of memory: of an Envoy with one worker, and a third of what three more add. */
  oneWorker: Spread;
  furtherWorker: Spread;
}

interface Start {
  milliseconds: number;
  bytes: number;
}

export interface StartRun {
  envoys: Envoys;
  chains: ReadonlyMap<string, Chain>;
  ports: Ports;
  upstream: Upstream;
  request: Buffer;
  rounds: number;
}

/** One Envoy after another on the same ports, all kinds in turn. */
export async function measureStarts(run: StartRun): Promise<StartResult[]> {
  const rows = [...run.chains.keys()].map((row) => ({ row, one: [] as Start[], many: [] as Start[] }));
  for (let round = 0; round < run.rounds; round++) {
    for (const { row, one, many } of round % 2 ? rows.toReversed() : rows) {
      one.push(await startOnce(run, row, 1));
      many.push(await startOnce(run, row, MANY_WORKERS));
    }
  }
  return rows.map(({ row, one, many }) => ({
    row,
    milliseconds: spread(one.map(({ milliseconds }) => milliseconds)),
    oneWorker: spread(one.map(({ bytes }) => bytes)),
    furtherWorker: spread(many.map(({ bytes }, i) => (bytes - one[i]!.bytes) / (MANY_WORKERS - 1))),
  }));
}

async function startOnce(run: StartRun, row: string, workers: number): Promise<Start> {
  const { ports, upstream } = run;
  const config = envoyConfig(run.chains.get(row)!, ports, upstream);
  const began = performance.now();
  const envoy = run.envoys.start(`start-${row}-${workers}`, config, ports.admin, workers);
  await envoy.ready();
  const milliseconds = performance.now() - began;
  const loop = new ClosedLoop(await openConnections(ports.one, CONNECTIONS, answerEnd(upstream.pods[0]!)));
  await loop.drive(run.request, REQUESTS);
  const bytes = residentMemory(envoy.pid).all;
  loop.close();
  await envoy.end();
  return { milliseconds, bytes };
}
