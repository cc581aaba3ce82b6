import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEnvoy } from "../../cli/envoy.ts";
import { closeLater, until } from "./check.ts";

export interface EnvoyOptions {
  /** The whole environment of the process, so that no key of the developer's own gets in. */
  env?: Readonly<Record<string, string>>;
  /** Worker threads. Default 1. */
  concurrency?: number;
  /** Further arguments. */
  args?: readonly string[];
  /** How long it may take to get ready. Default 30 000. */
  startMilliseconds?: number;
}

/** How an Envoy that was to refuse its configuration ended. */
export interface Ended {
  code: number | null;
  log: string;
}

// The main component lists every extension on the way up.
const ARGUMENTS = ["--disable-hot-restart", "--component-log-level", "main:warn"];
const LOG_TAIL = 6000;
const START_MILLISECONDS = 30_000;

let binary: Promise<string> | undefined;

/** A real Envoy, a process of its own. */
export class Envoy {
  readonly port: number;
  readonly adminPort: number;
  #config: string;
  #options: EnvoyOptions;
  #child: ChildProcess | undefined;
  #log = "";
  #folder = mkdtempSync(join(tmpdir(), "affinity-envoy-"));

  private constructor(config: string, ports: { port: number; adminPort: number }, options: EnvoyOptions) {
    this.#config = config;
    this.port = ports.port;
    this.adminPort = ports.adminPort;
    this.#options = options;
  }

  /** Starts Envoy and waits until it is ready and listens; `config` is JSON that has these ports. */
  static async start(
    config: string,
    ports: { port: number; adminPort: number },
    options: EnvoyOptions = {},
  ): Promise<Envoy> {
    const envoy = closeLater(new Envoy(config, ports, options));
    await envoy.start();
    return envoy;
  }

  /** Runs Envoy on a configuration that it has to refuse, and waits for its end. */
  static async refused(config: string, options: EnvoyOptions = {}, args: string[] = []): Promise<Ended> {
    const envoy = closeLater(new Envoy(config, { port: 0, adminPort: 0 }, options));
    const child = await envoy.#spawn(args);
    await until("Envoy refuses its configuration and exits", () => hasEnded(child), START_MILLISECONDS);
    return { code: child.exitCode, log: envoy.#log };
  }

  async start(): Promise<void> {
    const child = await this.#spawn([]);
    await until(
      "Envoy is ready",
      async () => {
        if (hasEnded(child)) throw new Error(`Envoy ended with ${child.exitCode} instead of getting ready`);
        return (await this.#isReady()) && (await accepts(this.port));
      },
      this.#options.startMilliseconds ?? START_MILLISECONDS,
    );
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (hasEnded(child)) return;
    child.kill("SIGKILL");
    await ended;
  }

  /** Stops the process where it is; whoever asks it waits. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** All that Envoy wrote since the first start. */
  get log(): string {
    return this.#log;
  }

  /** The id of the process that runs now. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("Envoy does not run");
    return pid;
  }

  evidence(): string {
    return `\n--- Envoy on port ${this.port}, the end of its log:\n${this.#log.slice(-LOG_TAIL)}`;
  }

  async admin(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${path}`);
    return response.text();
  }

  /** One counter or gauge of the admin's statistics; 0 when Envoy has none of that name. */
  async stat(name: string): Promise<number> {
    return (await this.stats(`^${name.replace(/[.|]/g, "\\$&")}$`))[name] ?? 0;
  }

  /** Counters and gauges of the admin's statistics by their full names; those that match a regular expression (RE2), if given. */
  async stats(filter = ""): Promise<Record<string, number>> {
    const wanted = filter === "" ? "" : `&filter=${encodeURIComponent(filter)}`;
    const text = await this.admin(`/stats?format=json&type=All&histogram_buckets=none${wanted}`);
    const { stats } = JSON.parse(text) as { stats: { name?: string; value?: number }[] };
    return Object.fromEntries(
      stats.flatMap(({ name, value }) => (name === undefined ? [] : [[name, value ?? 0]])),
    );
  }

  async #spawn(args: string[]): Promise<ChildProcess> {
    binary ??= findEnvoy((line) => void process.stderr.write(`${line}\n`));
    const file = join(this.#folder, "gateway.json");
    writeFileSync(file, this.#config);
    const threads = String(this.#options.concurrency ?? 1);
    const all = ["-c", file, "--concurrency", threads, ...ARGUMENTS, ...(this.#options.args ?? []), ...args];
    const child = spawn(await binary, all, {
      env: { ...this.#options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
    }
    child.once("error", (error) => (this.#log += `Envoy did not start: ${error.message}\n`));
    this.#child = child;
    return child;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.admin("/ready")).trim() === "LIVE";
    } catch {
      return false;
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
