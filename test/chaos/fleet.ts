import { spawn, type ChildProcess } from "node:child_process";
import type { EdsPod } from "../../cli/gateway.ts";
import { podNames, startPod, type Pod } from "../../cli/pods.ts";
import { Processes } from "../../cli/processes.ts";
import { closeLater } from "../support/check.ts";
import { freePort } from "../support/ports.ts";
import { close, opened, overlaps, tick, type Window } from "./clock.ts";

// Lets everybody go on whose pid it was told, when the process that told it is gone: who is stopped cannot see that itself.
const RELEASES = `
  let pids = "";
  process.stdin.setEncoding("utf8").on("data", (text) => (pids += text)).on("end", () => {
    for (const pid of pids.split(" ")) try { process.kill(Number(pid), "SIGCONT"); } catch {}
  });`;

/**
 * A pod from the start of its process to its end. What lives at the same address later is another one: the sessions that the
 * process held are gone with it.
 *
 * It **lives** at a moment when its process is up and listening, is not held (`freeze`), and discovery lists it, ready or
 * draining. A process that is merely slow lives.
 */
export class PodLife {
  readonly pod: Pod;
  readonly from = tick();
  isDraining = false;
  /** Whether discovery tells of it, alive or dead. */
  isListed = true;
  /** It lives no more from this moment on: before the signal is sent, or before discovery is told to leave it out. */
  endedAt = Infinity;
  /** When its process was seen to be gone. */
  goneAt = Infinity;
  /** When its requests may break: from a signal to the end of the process, and while it is held. */
  readonly breaking: Window[] = [];
  /** While it is held: up and listening, and answering nothing. */
  readonly frozen: Window[] = [];

  constructor(pod: Pod) {
    this.pod = pod;
  }

  get name(): string {
    return this.pod.name;
  }

  get endpoint(): string {
    return `${this.pod.address}:${this.pod.port}`;
  }

  get hasEnded(): boolean {
    return this.endedAt < Infinity;
  }

  /** Whether it lived through all of this time. */
  livedThrough(time: Window): boolean {
    return this.from <= time.from && this.endedAt > time.to && !overlaps(this.frozen, time);
  }

  /** It counts as dead from now on. */
  end(): void {
    if (!this.hasEnded) this.endedAt = tick();
  }
}

/** The session application's pods, each a process, and what became of them. */
export class Fleet {
  readonly #processes = new Processes();
  readonly #lives: PodLife[] = [];
  #releaser: ChildProcess | undefined;
  /** Told of each pod that lives no more, as it happens. */
  onEnd: (life: PodLife) => void = () => {};

  private constructor() {
    closeLater({
      close: async () => {
        this.#releaser?.stdin?.end();
        await this.#processes.endAll();
      },
    });
  }

  static async start(count: number): Promise<Fleet> {
    const fleet = new Fleet();
    await fleet.add(count);
    return fleet;
  }

  /** What discovery is to tell. */
  get endpoints(): EdsPod[] {
    return this.#lives
      .filter(({ isListed }) => isListed)
      .map(({ pod: { address, port }, isDraining }) => ({
        address,
        port,
        health: isDraining ? "DRAINING" : "HEALTHY",
      }));
  }

  /** Those that live and take newcomers, oldest first. */
  get ready(): PodLife[] {
    return this.#lives.filter(({ hasEnded, isDraining }) => !hasEnded && !isDraining);
  }

  /** The life of the pod of this name that answered a request that was sent at this moment; undefined if there is none. */
  lifeOf(name: string, sent: number): PodLife | undefined {
    const lives = this.#lives.filter((life) => life.name === name);
    return lives.find(({ goneAt }) => goneAt >= sent);
  }

  /** Whether a request could break at a pod during this time, which is when one that may be sent but once may fail. */
  mayBreak(time: Window): boolean {
    return this.#lives.some(({ breaking }) => overlaps(breaking, time));
  }

  /** Starts so many more; they listen, and nobody knows of them until discovery tells. */
  async add(count: number): Promise<PodLife[]> {
    const taken = new Set(this.#lives.map(({ name }) => name));
    return Promise.all(
      podNames(count, undefined, taken).map(async (name) => this.#start(name, await freePort())),
    );
  }

  /** Starts the pod that was here again, under its name and address, as a kubelet does with a container that ended. */
  restart({ name, pod }: PodLife): Promise<PodLife> {
    return this.#start(name, pod.port);
  }

  /** Ends the process: at once, or as Kubernetes asks for it. Discovery is not told. */
  async end(life: PodLife, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.#ends(life);
    const breaking = opened();
    life.breaking.push(breaking);
    const gone = new Promise<void>((resolve) => life.pod.onEnd(() => resolve()));
    process.kill(life.pod.pid, signal);
    await gone;
    close(breaking);
    life.goneAt = breaking.to;
  }

  /** Takes it out of what discovery is to tell. */
  leave(life: PodLife): void {
    this.#ends(life);
    life.isListed = false;
  }

  /** Holds the process; the system goes on to accept connections for it, until there are too many. */
  freeze(life: PodLife): void {
    const window = opened();
    life.frozen.push(window);
    life.breaking.push(window);
    this.hold(life);
  }

  /** It lives again; to the gateway it does when a health check that had found it dead has passed. */
  thaw(life: PodLife): void {
    this.release(life);
    for (const window of life.frozen) if (window.to === Infinity) close(window);
  }

  /** Stops the process where it is, so that it is slow for as long as one likes; it lives all the same. */
  hold({ pod }: PodLife): void {
    this.#releaser ??= spawn(process.execPath, ["-e", RELEASES], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#releaser.stdin!.write(`${pod.pid} `);
    process.kill(pod.pid, "SIGSTOP");
  }

  release({ pod, goneAt }: PodLife): void {
    if (goneAt === Infinity) process.kill(pod.pid, "SIGCONT");
  }

  thawAll(): void {
    for (const life of this.#lives) this.thaw(life);
  }

  /** Makes of what the last scenario left so many pods that live, take newcomers, and are all that discovery lists. */
  async mend(count: number): Promise<void> {
    this.thawAll();
    for (const life of this.#lives) {
      if (life.hasEnded) life.isListed = false;
      life.isDraining = false;
    }
    const surplus = this.ready.slice(count);
    for (const life of surplus) this.leave(life);
    await Promise.all(surplus.map((life) => this.end(life, "SIGTERM")));
    if (this.ready.length < count) await this.add(count - this.ready.length);
  }

  #ends(life: PodLife): void {
    if (life.hasEnded) return;
    life.end();
    this.onEnd(life);
  }

  async #start(name: string, port: number): Promise<PodLife> {
    const life = new PodLife(await startPod(this.#processes, name, { ports: { port } }));
    this.#lives.push(life);
    return life;
  }
}
