/** Envoys under measurement, and what Linux tells about them. */
import { execFileSync, fork, spawn, type ChildProcess } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastLines } from "../../../cli/processes.ts";
import { root } from "../../../cli/root.ts";

const GUARD = join(root, "build/ts/test/bench/envoy/guard.js");
const START_MS = 60_000;

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One request on a connection of its own. */
export function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, headers, agent: false, timeout: START_MS };
    const sent = request(options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`port ${port}: no answer in ${START_MS} ms`)));
    sent.on("error", reject).end();
  });
}

/** Starts Envoys, and sees to it that none outlives this process, stopped or not. */
export class Envoys {
  readonly #program: string;
  readonly #folder: string;
  readonly #guard: ChildProcess;
  readonly #running = new Set<Envoy>();

  constructor(program: string) {
    this.#program = program;
    this.#folder = mkdtempSync(join(tmpdir(), "affinity-bench-"));
    this.#guard = fork(GUARD, [this.#folder], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached: true,
    });
  }

  /** Starts an Envoy, without waiting until it is ready. */
  start(name: string, config: string, adminPort: number, workers = 1): Envoy {
    const file = join(this.#folder, `${name}.json`);
    const log = join(this.#folder, `${name}.log`);
    writeFileSync(file, config);
    const output = openSync(log, "w");
    const args = ["-c", file, "--concurrency", String(workers), "-l", "error", "--disable-hot-restart"];
    const [command, ...rest] = onCpus(allowedCpus(), [this.#program, ...args]);
    const child = spawn(command!, rest, { stdio: ["ignore", output, output] });
    closeSync(output);
    const { pid } = child;
    if (pid !== undefined) this.#guard.send(pid);
    const envoy = new Envoy(name, child, adminPort, log);
    this.#running.add(envoy);
    child.once("exit", () => {
      this.#running.delete(envoy);
      if (this.#guard.connected) this.#guard.send(-pid!);
    });
    return envoy;
  }

  /** Ends all of them, and takes their files away. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#running, (envoy) => envoy.end()));
    this.#guard.disconnect();
  }
}

export class Envoy {
  readonly name: string;
  readonly adminPort: number;
  readonly #child: ChildProcess;
  readonly #log: string;
  #failure: Error | undefined;

  constructor(name: string, child: ChildProcess, adminPort: number, log: string) {
    this.name = name;
    this.adminPort = adminPort;
    this.#child = child;
    this.#log = log;
    child.on("error", (error) => (this.#failure = error));
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name}: Envoy did not start: ${this.#failure?.message}`);
    return pid;
  }

  /** Waits until it serves. @throws Error with the end of its log when it does not come to that */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (!(await this.#isReady())) {
      this.assertRunning();
      if (Date.now() > deadline) throw new Error(`${this.name}: Envoy is not ready in ${START_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  assertRunning(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#failure === undefined)
      return;
    throw new Error(`${this.name}: Envoy ended\n${this.#failure?.message ?? lastLines(this.#log, 15)}`);
  }

  /** Takes the CPU away from it: its timers would disturb another that is measured. */
  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    this.assertRunning();
    process.kill(this.pid, "SIGCONT");
  }

  async end(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await gone;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await ask(this.adminPort, "/ready")).status === 200;
    } catch {
      return false;
    }
  }
}

/** Nanoseconds, from the scheduler of Linux. */
export interface CpuTime {
  /** Spent by all threads. */
  run: number;
  /** In which the worker was ready to run and did not. */
  waited: number;
}

/** /proc/PID/task/TID/schedstat of the threads that a process has now; exact while they sleep. */
export class CpuClock {
  readonly #files: { descriptor: number; isWorker: boolean }[];
  readonly #buffer = Buffer.alloc(128);

  constructor(pid: number) {
    this.#files = readdirSync(`/proc/${pid}/task`).map((thread) => ({
      descriptor: openSync(`/proc/${pid}/task/${thread}/schedstat`, "r"),
      isWorker: readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").startsWith("wrk:worker"),
    }));
  }

  read(): CpuTime {
    let run = 0;
    let waited = 0;
    for (const { descriptor, isWorker } of this.#files) {
      const length = readSync(descriptor, this.#buffer, 0, this.#buffer.length, 0);
      const [ran, waiting] = this.#buffer.toString("latin1", 0, length).split(" ");
      run += Number(ran);
      if (isWorker) waited += Number(waiting);
    }
    return { run, waited };
  }

  close(): void {
    for (const { descriptor } of this.#files) closeSync(descriptor);
  }
}

/** Resident memory in bytes: all of it, and what is not of files. */
export function residentMemory(pid: number): { all: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { all: field("VmRSS"), anonymous: field("RssAnon") };
}

/** Ticks that the host of a virtual machine has taken from this CPU. */
export function stolenTicks(cpu: number): number {
  const line = new RegExp(`^cpu${cpu} .*$`, "m").exec(readFileSync("/proc/stat", "utf8"))?.[0] ?? "";
  return Number(line.split(" ")[8] ?? 0);
}

/** @throws Error when the system does not tell what is to be measured */
export function assertMeasurable(): void {
  if (existsSync("/proc/self/schedstat")) return;
  throw new Error(
    "no /proc/PID/schedstat here: Envoys can be compared on Linux alone; --only module needs none",
  );
}

let allowed: number[] | undefined;

/** The CPUs that this process could use when it began. */
export function allowedCpus(): number[] {
  allowed ??= (/^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0")
    .split(",")
    .flatMap((range) => {
      const [from = 0, to = from] = range.split("-").map(Number);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
  return allowed;
}

/** Ties all threads of a process to these CPUs. */
export function tie(pid: number, cpus: readonly number[]): void {
  execFileSync("taskset", ["-a", "-c", "-p", cpus.join(","), String(pid)], { stdio: "ignore" });
}

function onCpus(cpus: readonly number[], command: readonly string[]): string[] {
  return ["taskset", "-c", cpus.join(","), ...command];
}
