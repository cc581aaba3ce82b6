import { spawn } from "node:child_process";

export interface RunResult {
  /** The exit code; null when a signal ended it, or when it could not be started. */
  code: number | null;
  /** There is no such program. */
  missing: boolean;
  /** What it wrote, to either stream. */
  output: string;
}

/** Runs a program to its end and gathers what it writes. Never rejects: a failure is a result. */
export function run(
  command: string,
  args: readonly string[],
  options: { signal?: AbortSignal | undefined; env?: NodeJS.ProcessEnv } = {},
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const gather = (chunk: string): void => void (output += chunk);
    child.stdout.setEncoding("utf8").on("data", gather);
    child.stderr.setEncoding("utf8").on("data", gather);
    child.on("error", (error: NodeJS.ErrnoException) => {
      // An aborted program is still running here: its end, below, settles the promise.
      if (child.pid === undefined)
        resolve({ code: null, missing: error.code === "ENOENT", output: `${error.message}\n` });
    });
    child.on("close", (code) => resolve({ code, missing: false, output }));
  });
}
