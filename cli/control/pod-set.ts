import type { EdsPod } from "../gateway.ts";
import { podNames, startPod, type Pod, type PodOptions } from "../pods.ts";
import { howEnded, type Processes } from "../processes.ts";
import type { PodState } from "./controls.ts";
import { Refusal } from "./refusal.ts";

interface Member {
  pod: Pod;
  isRunning: boolean;
  isDraining: boolean;
  /** Ended because we said so. */
  isLeaving: boolean;
}

export interface PodSetOptions {
  processes: Processes;
  redis: { cache: PodOptions["cache"] };
  say: (line: string) => void;
  signal: AbortSignal;
}

/** The pods of one Deployment, in the order in which they were added. */
export class PodSet {
  readonly #options: PodSetOptions;
  readonly #replicaSet: string | undefined;
  readonly #members = new Map<string, Member>();

  constructor(options: PodSetOptions, replicaSet?: string) {
    this.#options = options;
    this.#replicaSet = replicaSet;
  }

  get size(): number {
    return this.#members.size;
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  isRunning(name: string): boolean {
    return this.#member(name).isRunning;
  }

  rows(): PodState[] {
    return Array.from(this.#members.values(), ({ pod: { name, address, port, pid }, ...member }) => {
      const running = member.isDraining ? "draining" : "ready";
      return { name, address, port, state: member.isRunning ? running : "stopped", pid };
    });
  }

  ready(): Pod[] {
    return this.#all()
      .filter(({ isRunning, isDraining }) => isRunning && !isDraining)
      .map(({ pod }) => pod);
  }

  /** What the gateway is to know of. A stopped pod stays there, as when a node dies. */
  endpoints(): (EdsPod & { name: string })[] {
    const taken = new Set(
      this.#all()
        .filter(({ isRunning }) => isRunning)
        .map(({ pod }) => pod.port),
    );
    return (
      this.#all()
        // The system may have given the port of a stopped pod to another one.
        .filter(({ isRunning, pod }) => isRunning || !taken.has(pod.port))
        .map(({ pod: { name, address, port, cachePort }, isDraining }) => ({
          name,
          address,
          port,
          ...(cachePort === undefined ? {} : { cachePort }),
          ...(isDraining ? { health: "DRAINING" as const } : {}),
        }))
    );
  }

  /** Starts so many more. Those that did start stay when one does not, which is the error then. */
  async add(count: number): Promise<void> {
    const names = podNames(count, this.#replicaSet, new Set(this.#members.keys()));
    const { processes, redis } = this.#options;
    const started = await Promise.allSettled(
      names.map((name) => startPod(processes, name, { cache: redis.cache })),
    );
    for (const each of started) if (each.status === "fulfilled") this.#put(each.value);
    for (const each of started) if (each.status === "rejected") throw each.reason;
  }

  /** Removes the newest and returns them; they still run. */
  takeNewest(count: number): Pod[] {
    const leaving = this.#all().slice(this.size - count);
    for (const member of leaving) {
      member.isLeaving = true;
      this.#members.delete(member.pod.name);
    }
    return leaving.map(({ pod }) => pod);
  }

  /** Ends the pod's process; nothing when it has ended. */
  async stop(name: string): Promise<void> {
    const member = this.#member(name);
    member.isLeaving = true;
    await member.pod.stop();
    member.isRunning = false;
  }

  /**
   * Starts a pod that is stopped, at the address that it had, or ends the draining of one that runs.
   *
   * @param mayMove whether any port will do where the former one is taken
   */
  async start(name: string, mayMove: boolean): Promise<void> {
    const member = this.#member(name);
    if (!member.isRunning) {
      const { port, cachePort } = member.pod;
      const ports = { port, ...(cachePort === undefined ? {} : { cachePort }) };
      const { processes, redis } = this.#options;
      const { cache } = redis;
      const again = startPod(processes, name, { cache, ports });
      this.#put(await (mayMove ? again.catch(() => startPod(processes, name, { cache })) : again));
    } else member.isDraining = false;
  }

  /** @throws Refusal when the pod is stopped */
  drain(name: string): void {
    const member = this.#member(name);
    if (!member.isRunning)
      throw new Refusal(409, `pod ${name}: stopped; only a pod that runs can be drained`);
    member.isDraining = true;
  }

  #all(): Member[] {
    return [...this.#members.values()];
  }

  #put(pod: Pod): void {
    const member = { pod, isRunning: true, isDraining: false, isLeaving: false };
    this.#members.set(pod.name, member);
    pod.onEnd((code, signal) => {
      member.isRunning = false;
      const { say, signal: ending } = this.#options;
      if (!member.isLeaving && !ending.aborted)
        say(`pod ${pod.name} ended (${howEnded(code, signal)}); the others go on`);
    });
  }

  /** @throws Refusal when there is none of that name, or no longer */
  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Refusal(404, `no pod is named ${name}`);
    return member;
  }
}
