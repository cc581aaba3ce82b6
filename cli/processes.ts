import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

// Longer than a pod (3 s) and the watchdog of Envoy (2 s) take at most to end by themselves.
const GRACE_MS = 4000;

export interface ForkOptions {
  args?: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Where its standard output and standard error go: a file descriptor, or nowhere, or ours. */
  stdout: number | "ignore" | "inherit";
  stderr: number | "ignore" | "inherit";
  /** Others need it until they are gone: endAll ends it after those that do not say so. */
  endsLast?: boolean;
}

/** Child processes that all end together. */
export class Processes {
  readonly #running = new Set<ChildProcess>();
  readonly #last = new WeakSet<ChildProcess>();
  #ending = false;

  /**
   * Starts a Node program. It stands in a process group of its own, so that Ctrl-C in a terminal reaches only us
   * and we end things in order; its channel closes when we are gone, and by that it knows to end.
   */
  fork(program: string, options: ForkOptions): ChildProcess {
    const { args = [], env, stdout, stderr, endsLast = false } = options;
    if (this.#ending) throw new Error(`${program}: not started, as the demo is ending`);
    const stdio = ["ignore", stdout, stderr, "ipc"] as const;
    const child = fork(program, args, { env, stdio: [...stdio], detached: true, execArgv: [] });
    this.#running.add(child);
    if (endsLast) this.#last.add(child);
    child.once("exit", () => this.#running.delete(child));
    // Without a listener a failed start or a message to a child that has just gone would throw.
    child.on("error", () => {
      if (child.pid === undefined) this.#running.delete(child);
    });
    return child;
  }

  /** Ends one of them, by force after a while, and returns when it is gone. */
  async end(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await gone;
    clearTimeout(force);
  }

  /** Ends all of them, by force after a while, and returns when they are gone. */
  async endAll(): Promise<void> {
    this.#ending = true;
    await this.#endThese([...this.#running].filter((child) => !this.#last.has(child)));
    await this.#endThese([...this.#running]);
  }

  async #endThese(children: readonly ChildProcess[]): Promise<void> {
    await Promise.all(children.map((child) => this.end(child)));
  }
}

/** The first message of a child, or an error when it ends before it has sent one. */
export function firstMessage(child: ChildProcess, name: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Record<string, unknown>));
    child.once("exit", (code, signal) =>
      reject(new Error(`${name}: ended at its start (${howEnded(code, signal)})`)),
    );
    child.once("error", (error) => reject(new Error(`${name}: cannot be started: ${error.message}`)));
  });
}

/** An exit event in words. */
export function howEnded(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ? `signal ${signal}` : `exit code ${code}`;
}

/** Ends a process that a watchdog, killed outright, could not end any more. */
export function killLeftBehind(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone, as it should be.
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The end of a log. */
export function lastLines(log: string, count: number): string {
  return readFileSync(log, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}
