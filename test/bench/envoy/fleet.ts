/** All Envoys of a comparison, up at once: some of each chain, checked, warm, and paused until it is their turn. */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { firstMessage } from "../../../cli/processes.ts";
import { root } from "../../../cli/root.ts";
import { freePort } from "../../support/ports.ts";
import { envoyConfig, type Ports, type Upstream } from "./bootstrap.ts";
import { chains, type Chain, type Compared } from "./chains.ts";
import { checkRow } from "./check.ts";
import { allowedCpus, ask, assertMeasurable, Envoys, tie, type Envoy } from "./process.ts";
import { requestBytes, requestHeaders, type RequestKind } from "./requests.ts";
import type { Row } from "./rows.ts";
import { Subject } from "./slices.ts";
import { startPods, type Pods } from "./upstream.ts";

const PODS = 10;
const IDLE = join(root, "build/ts/test/bench/envoy/idle.js");
// Starting is work for all CPUs; more at a time would only make each of them late.
const STARTED_AT_ONCE = 4;
// What Envoy counts at the listener "one".
const ACTIVE = "http.one.downstream_rq_active";
const KINDS: RequestKind[] = [
  "pinned",
  "pinned https",
  "new",
  "re-pin",
  "1 cookie",
  "50 cookies",
  "600 cookies",
];

/** One Envoy of the fleet. */
export interface Member {
  envoy: Envoy;
  ports: Ports;
  subject: Subject;
}

/** The Envoys on the first CPU that we may use; the client, the pods and all else on the last. */
export class Fleet {
  readonly envoys: Envoys;
  readonly upstream: Upstream;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly requests: ReadonlyMap<RequestKind, Buffer>;
  readonly members = new Map<string, Member[]>();
  readonly #pods: Pods;
  readonly #hold: ChildProcess;

  private constructor(
    envoys: Envoys,
    upstream: Upstream,
    pods: Pods,
    hold: ChildProcess,
    compared: readonly Compared[],
  ) {
    this.envoys = envoys;
    this.upstream = upstream;
    this.#pods = pods;
    this.#hold = hold;
    this.chains = chains(compared);
    const pod = `127.0.0.1:${this.pod}`;
    this.requests = new Map(KINDS.map((kind) => [kind, requestBytes(requestHeaders(kind, pod))]));
  }

  /** With the pods, and no Envoy yet. @param program the Envoy to run */
  static async open(program: string, compared: readonly Compared[]): Promise<Fleet> {
    assertMeasurable();
    const cpus = allowedCpus();
    if (cpus.length > 1) tie(process.pid, cpus.slice(-1));
    const ports: number[] = [];
    for (let i = 0; i < PODS; i++) ports.push(await freePort());
    const upstream = { pods: ports, hold: await freePort() };
    const pods = await startPods(ports);
    const hold = fork(IDLE, [String(upstream.hold)]);
    await firstMessage(hold, "the service that holds streams open");
    return new Fleet(new Envoys(program), upstream, pods, hold, compared);
  }

  /** The pod that measured requests go to. */
  get pod(): number {
    return this.upstream.pods[0]!;
  }

  /** Starts so many Envoys of each of these chains. */
  async start(names: readonly string[], replicas: number): Promise<void> {
    const wanted = names.flatMap((name) =>
      Array.from({ length: replicas }, (_, replica) => ({ name, replica })),
    );
    while (wanted.length > 0) {
      const batch = wanted.splice(0, STARTED_AT_ONCE);
      await Promise.all(batch.map(({ name, replica }) => this.#startOne(name, replica)));
    }
  }

  /** What each row was seen to do, by name. @throws Error when one does not do its job */
  async check(rows: readonly Row[]): Promise<Map<string, string[]>> {
    const done = new Map<string, string[]>();
    for (const row of rows) {
      const [{ envoy, ports }] = this.of(row.chain) as [Member];
      envoy.resume();
      done.set(row.name, await checkRow(row, ports.all, this.upstream.pods));
      envoy.pause();
    }
    return done;
  }

  of(chain: string): Member[] {
    const members = this.members.get(chain);
    if (members === undefined) throw new Error(`${chain}: no Envoy of this chain was started`);
    return members;
  }

  /** Opens so many streams through an Envoy, which stay open. */
  async openStreams(member: Member, count: number): Promise<void> {
    member.envoy.resume();
    this.#hold.send({ port: member.ports.one, count });
    await firstMessage(this.#hold, "the service that holds streams open");
    await this.assertOpen(member, count);
  }

  /** Leaves the Envoy paused. @throws Error when it does not count so many requests under way */
  async assertOpen({ envoy }: Member, count: number): Promise<void> {
    envoy.resume();
    const { body } = await ask(envoy.adminPort, `/stats?filter=^${ACTIVE}$`);
    envoy.pause();
    if (body.trim() !== `${ACTIVE}: ${count}`)
      throw new Error(`${envoy.name}: expected ${count} streams open; received ${body.trim()}`);
  }

  async close(): Promise<void> {
    for (const { subject } of [...this.members.values()].flat()) subject.close();
    await this.envoys.close();
    this.#hold.disconnect();
    this.#pods.close();
    tie(process.pid, allowedCpus());
  }

  async #startOne(name: string, replica: number): Promise<void> {
    const ports = await freePorts();
    const config = envoyConfig(this.chains.get(name)!, ports, this.upstream);
    const envoy = this.envoys.start(`${name}-${replica}`, config, ports.admin);
    await envoy.ready();
    const [cpu = 0] = allowedCpus();
    tie(envoy.pid, [cpu]);
    const subject = await Subject.open(envoy, ports.one, this.pod, this.requests.get("pinned")!, cpu);
    envoy.pause();
    const members = this.members.get(name) ?? [];
    members[replica] = { envoy, ports, subject };
    this.members.set(name, members);
  }
}

export async function freePorts(): Promise<Ports> {
  return { admin: await freePort(), one: await freePort(), all: await freePort() };
}
