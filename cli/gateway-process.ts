import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gatewayConfig } from "./gateway.ts";
import type { Pod } from "./pods.ts";
import { firstMessage, howEnded, type Processes } from "./processes.ts";
import { root } from "./root.ts";
import type { Settings } from "./settings.ts";

const WATCHDOG = join(root, "build/ts/cli/watchdog.js");

export interface Gateway {
  /** Envoy's own process. */
  pid: number;
  log: string;
  /** Called once when Envoy ends, with what its log said last. */
  onEnd(listener: (sentence: string) => void): void;
}

/** Starts Envoy with the policy's gateway moved to the ports of the settings and the addresses of the pods. */
export async function startGateway(
  processes: Processes,
  envoy: string,
  { port, adminPort, key, policy }: Settings,
  pods: readonly Pod[],
  canaryPods: readonly Pod[],
): Promise<Gateway> {
  const folder = join(root, "build/demo");
  mkdirSync(folder, { recursive: true });
  // Two demos on different ports may run from one checkout.
  const config = join(folder, `gateway-${port}-${adminPort}.json`);
  const log = join(folder, `envoy-${port}-${adminPort}.log`);
  writeFileSync(config, gatewayConfig({ port, adminPort, pods, canaryPods, policy }));

  const output = openSync(log, "w");
  const child = processes.fork(WATCHDOG, {
    // One worker has one wheel of round robin: without affinity no client meets a pod twice in a row.
    args: [envoy, "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"],
    env: { ...process.env, AFFINITY_KEY: key.toString("base64") },
    stdout: output,
    stderr: output,
  });
  closeSync(output);
  const { pid } = await firstMessage(child, "Envoy");
  child.once("exit", (_code, signal) => {
    if (signal) killLeftBehind(Number(pid));
  });
  return {
    pid: Number(pid),
    log,
    onEnd: (listener) =>
      child.once("exit", (code, signal) =>
        listener(`Envoy ended (${howEnded(code, signal)}); ${lastWords(log)}`),
      ),
  };
}

/** A watchdog that was killed outright could not end Envoy. */
function killLeftBehind(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone, as it should be.
  }
}

function lastWords(log: string): string {
  const lines = readFileSync(log, "utf8").trimEnd().split("\n").slice(-15);
  return `the end of its log ${log}:\n${lines.join("\n")}`;
}
