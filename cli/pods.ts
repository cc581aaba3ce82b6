import { randomInt } from "node:crypto";
import { join } from "node:path";
import { REPLICA_SET, SAFE_CHARACTERS } from "../demo/app/pod-name.ts";
import { firstMessage, type Processes } from "./processes.ts";
import { root } from "./root.ts";

const PROGRAM = join(root, "build/ts/demo/app/main.js");

export interface Pod {
  name: string;
  address: string;
  port: number;
  pid: number;
  /** Called once when the pod ends. */
  onEnd(listener: (code: number | null, signal: NodeJS.Signals | null) => void): void;
}

/** Distinct names like those of the tutorial's pods, or of another Deployment's. */
export function podNames(count: number, replicaSet = REPLICA_SET): string[] {
  const names = new Set<string>();
  while (names.size < count) {
    const suffix = Array.from({ length: 5 }, () => SAFE_CHARACTERS[randomInt(SAFE_CHARACTERS.length)]);
    names.add(`${replicaSet}-${suffix.join("")}`);
  }
  return [...names];
}

/** Starts the session application as a process on a free port of 127.0.0.1; it listens when this returns. */
export async function startPod(processes: Processes, name: string): Promise<Pod> {
  const address = "127.0.0.1";
  // A pod has no business with the gateway's key.
  const { AFFINITY_KEY: _, ...env } = process.env;
  const child = processes.fork(PROGRAM, {
    env: { ...env, POD_NAME: name, HOST: address, PORT: "0" },
    stdout: "ignore",
    stderr: "inherit",
  });
  const { port } = await firstMessage(child, name);
  return {
    name,
    address,
    port: Number(port),
    pid: child.pid!,
    onEnd: (listener) => child.once("exit", listener),
  };
}
