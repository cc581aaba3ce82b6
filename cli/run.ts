import { spawn } from "node:child_process";

const GRACE_MS = 2000;

export interface RunResult {
  /** The exit code; null when a signal ended it, or when it could not be started. */
  code: number | null;
  /** There is no such program. */
  missing: boolean;
  /** It was ended for taking longer than `timeout`. */
  late: boolean;
  /** What it wrote, to either stream. */
  output: string;
}

export interface RunOptions {
  /**
   * Ends the program and all that it started. For that they stand in a process group of their own, which Ctrl-C in a
   * terminal does not reach: who passes a signal aborts it on SIGINT.
   */
  signal?: AbortSignal | undefined;
  /** How long it may take, in milliseconds; any time unless given. */
  timeout?: number;
  env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and gathers what it writes. Never rejects: a failure is a result. */
export function run(
  command: string,
  args: readonly string[],
  { signal, timeout, env }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve) => {
    const detached = signal !== undefined;
    const child = spawn(command, args, { env, detached, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const gather = (chunk: string): void => void (output += chunk);
    child.stdout.setEncoding("utf8").on("data", gather);
    child.stderr.setEncoding("utf8").on("data", gather);
    child.on("error", (error: NodeJS.ErrnoException) => {
      // A program that could not be ended is still running: its end, below, settles the promise.
      if (child.pid === undefined)
        resolve({ code: null, missing: error.code === "ENOENT", late: false, output: `${error.message}\n` });
    });
    const { pid } = child;
    if (pid === undefined) return;

    const kill = (how: NodeJS.Signals): void => {
      try {
        if (detached) process.kill(-pid, how);
        else child.kill(how);
      } catch {
        // Gone, as it should be.
      }
    };
    let force: NodeJS.Timeout | undefined;
    const end = (): void => {
      kill("SIGTERM");
      force ??= setTimeout(() => {
        kill("SIGKILL");
        // What it started outside of the group must not hold us by the pipes that it inherited.
        child.stdout.destroy();
        child.stderr.destroy();
      }, GRACE_MS);
    };
    let late = false;
    const limit =
      timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            end();
          }, timeout);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
    child.on("close", (code) => {
      clearTimeout(limit);
      clearTimeout(force);
      signal?.removeEventListener("abort", end);
      resolve({ code, missing: false, late, output });
    });
  });
}
