import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { firstMessage, howEnded, killLeftBehind, lastLines, type Processes } from "./processes.ts";
import { root } from "./root.ts";

const WATCHDOG = join(root, "build/ts/cli/watchdog.js");

/** Where the demo keeps what its gateways read and write. */
export const demoFolder = join(root, "build/demo");

export interface Gateway {
  /** Envoy's own process. */
  pid: number;
  log: string;
  /** Called once when Envoy ends by itself, with what its log said last. */
  onEnd(listener: (sentence: string) => void): void;
  /** Ends Envoy, and returns when it is gone. */
  stop(): Promise<void>;
}

export interface GatewayFiles {
  /** Sets this gateway's files apart: two demos on different ports may run from one checkout. */
  name: string;
  /** Envoy's configuration, JSON. */
  config: string;
  /** Keys of the filter by their environment variables. */
  keys: Readonly<Record<string, string>>;
  /** Whether it goes on with the log of a gateway before it. */
  again: boolean;
}

/** Starts Envoy with this configuration. */
export async function startGateway(
  processes: Processes,
  envoy: string,
  { name, config, keys, again }: GatewayFiles,
): Promise<Gateway> {
  mkdirSync(demoFolder, { recursive: true });
  const file = join(demoFolder, `gateway-${name}.json`);
  const log = join(demoFolder, `envoy-${name}.log`);
  writeFileSync(file, config);

  const output = openSync(log, again ? "a" : "w");
  const child = processes.fork(WATCHDOG, {
    // One worker has one wheel of round robin: without affinity no client meets a pod twice in a row.
    args: [envoy, "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"],
    env: { ...process.env, ...keys },
    stdout: output,
    stderr: output,
  });
  closeSync(output);
  const pid = Number((await firstMessage(child, "Envoy"))["pid"]);
  child.once("exit", (_code, signal) => {
    if (signal) killLeftBehind(pid);
  });
  let stopping = false;
  return {
    pid,
    log,
    onEnd: (listener) =>
      child.once("exit", (code, signal) => {
        if (!stopping) listener(`Envoy ended (${howEnded(code, signal)}); ${lastWords(log)}`);
      }),
    stop: () => {
      stopping = true;
      return processes.end(child);
    },
  };
}

function lastWords(log: string): string {
  return `the end of its log ${log}:\n${lastLines(log, 15)}`;
}
