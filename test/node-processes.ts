import { spawn, type ChildProcess } from "node:child_process";
import { root } from "../cli/root.ts";

/** An exit code, or the signal that ended the process. */
export type Ending = number | NodeJS.Signals | "unknown";

// How long a process has to end its own children before it is killed.
const GRACE_MS = 5_000;

/** Node processes, each with all that it starts, which end together when a signal asks for it. */
export class NodeProcesses {
  readonly #running = new Set<ChildProcess>();
  /** The signal that asked for the end. */
  endedBy: NodeJS.Signals | undefined;

  /** Runs one that writes to our streams. */
  run(args: readonly string[]): Promise<Ending> {
    return this.#ended(this.#start(args, {}, "inherit"));
  }

  /** Runs one and keeps what it writes. */
  async runAside(
    args: readonly string[],
    variables: NodeJS.ProcessEnv,
  ): Promise<{ ending: Ending; output: string }> {
    const child = this.#start(args, variables, "pipe");
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ending = await this.#ended(child);
    return { ending, output: output.trimEnd() };
  }

  /** Asks all to end, and kills those that do not. */
  end(signal: NodeJS.Signals): void {
    this.endedBy = signal;
    for (const { pid } of this.#running) {
      if (pid === undefined) continue;
      signalGroup(pid, "SIGTERM");
      setTimeout(signalGroup, GRACE_MS, pid, "SIGKILL").unref();
    }
  }

  /** Starts one from the root, in a process group of its own, so that it can be ended with all it started. */
  #start(args: readonly string[], variables: NodeJS.ProcessEnv, output: "inherit" | "pipe"): ChildProcess {
    const env = { ...process.env, ...variables };
    // Set where a test runner runs this program; it would make those below report to that one.
    delete env.NODE_TEST_CONTEXT;
    const stdio = ["ignore", output, output] as const;
    const child = spawn(process.execPath, args, { cwd: root, stdio: [...stdio], env, detached: true });
    this.#running.add(child);
    return child;
  }

  #ended(child: ChildProcess): Promise<Ending> {
    return new Promise((done, reject) => {
      child.once("error", reject);
      let ending: Ending = "unknown";
      child.once("exit", (code, signal) => {
        this.#running.delete(child);
        ending = code ?? signal ?? "unknown";
        // What a test that broke off has left behind.
        if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      });
      child.once("close", () => done(ending));
    });
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // Its last process has just ended.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
