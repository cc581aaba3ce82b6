import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { findEnvoy } from "../../cli/envoy.ts";
import { root } from "../../cli/root.ts";
import { closeLater, until } from "../support/check.ts";
import { freePort } from "../support/ports.ts";

// A machine that builds and tests at the same time is slow to start eleven processes.
const READY_MS = 60_000;

export interface Demo {
  port: number;
  adminPort: number;
  /** What it has written, on either stream. */
  output(): string;
  process: ChildProcess;
  /** Names and process ids of the pods, as it shows them. */
  pods(): { name: string; pid: number }[];
  envoyPid(): number;
  /** Ids of all processes that it has started, directly or not. */
  descendants(): number[];
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

export const PROGRAM = [process.execPath, join(root, "build/ts/cli/start.js")];
/** `npm start` without `prestart`, which has been done before any test runs. */
export const NPM_START = ["npm", "start", "--ignore-scripts"];

/** Starts the demo on free ports; what it leaves running at the end of the test is ended. */
export async function startDemo(env: NodeJS.ProcessEnv = {}, command = PROGRAM): Promise<Demo> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const settings = { PORT: String(port), ADMIN_PORT: String(adminPort), ...env };
  const child = spawn(command[0]!, command.slice(1), {
    cwd: root,
    // npm's own variables would make it watch for the end of npm.
    env: { ...process.env, npm_lifecycle_event: "test", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(child, "close").then(([code, signal]) => (signal ?? code) as number | string);
  closeLater({
    close: async () => {
      child.kill("SIGTERM");
      await ended;
      for (const name of [`gateway-${port}-${adminPort}.json`, `envoy-${port}-${adminPort}.log`])
        rmSync(join(root, "build/demo", name), { force: true });
    },
    evidence: () => `--- the demo wrote:\n${output}`,
  });
  const pods = (): { name: string; pid: number }[] =>
    Array.from(output.matchAll(/^ {2}(\S+) {2}\S+ {2}pid (\d+)$/gm), ([, name, pid]) => ({
      name: name!,
      pid: Number(pid),
    }));
  const envoyPid = (): number => Number(/^starting the gateway {2}pid (\d+)/m.exec(output)?.[1]);
  const descendants = (): number[] => descendantsOf(child.pid!);
  return { port, adminPort, output: () => output, process: child, pods, envoyPid, descendants, ended };
}

/** A demo that has said `ready`. */
export async function readyDemo(env: NodeJS.ProcessEnv = {}, command = PROGRAM): Promise<Demo> {
  // The first search may install an Envoy, which is not what the deadline is for.
  const envoy = await findEnvoy((line) => console.error(line));
  const demo = await startDemo({ ENVOY: envoy, ...env }, command);
  let end: number | string | undefined;
  void demo.ended.then((how) => (end = how));
  await until(
    "the demo says ready",
    () => {
      if (end !== undefined) throw new Error(`the demo ended with ${end} before it was ready`);
      // What it prints right after may come in another piece.
      return /^ready\b[^]*^Ctrl-C ends everything\.$/m.test(demo.output());
    },
    READY_MS,
  );
  return demo;
}

export function isRunning(pid: number): boolean {
  return processes().some((process) => process.pid === pid);
}

function descendantsOf(pid: number): number[] {
  const all = processes();
  const found = [pid];
  for (const parent of found)
    found.push(...all.filter((each) => each.parent === parent).map((each) => each.pid));
  return found.slice(1);
}

/** All processes but those that have ended and only wait to be reaped. */
function processes(): { pid: number; parent: number }[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" }).trim().split("\n");
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state!.startsWith("Z"))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}
