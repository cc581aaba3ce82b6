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
  /** Where the application answers with sessions in Redis; undefined without Redis. */
  cachePort?: number;
  pid: number;
  /** Called once when the pod ends. */
  onEnd(listener: (code: number | null, signal: NodeJS.Signals | null) => void): void;
  /** Ends the pod, and returns when it is gone. */
  stop(): Promise<void>;
}

export interface PodOptions {
  /** Sessions in Redis: where it is, and the secret that all pods sign these sessions with. */
  cache?: { redisUrl: string; secret: string } | undefined;
  /** The ports that the pod is to have; any free ones unless given. */
  ports?: { port: number; cachePort?: number };
}

/** Distinct names like those of the tutorial's pods, or of another Deployment's, and none of those `taken`. */
export function podNames(
  count: number,
  replicaSet = REPLICA_SET,
  taken: ReadonlySet<string> = new Set(),
): string[] {
  const names = new Set<string>();
  while (names.size < count) {
    const suffix = Array.from({ length: 5 }, () => SAFE_CHARACTERS[randomInt(SAFE_CHARACTERS.length)]);
    const name = `${replicaSet}-${suffix.join("")}`;
    if (!taken.has(name)) names.add(name);
  }
  return [...names];
}

/** Starts the session application as a process on 127.0.0.1; it listens when this returns. */
export async function startPod(
  processes: Processes,
  name: string,
  { cache, ports }: PodOptions = {},
): Promise<Pod> {
  const address = "127.0.0.1";
  // A pod has no business with the gateway's key.
  const { AFFINITY_KEY: _, REDIS_URL: _ours, ...env } = process.env;
  const child = processes.fork(PROGRAM, {
    env: {
      ...env,
      POD_NAME: name,
      HOST: address,
      PORT: String(ports?.port ?? 0),
      ...(cache && {
        REDIS_URL: cache.redisUrl,
        SESSION_SECRET: cache.secret,
        CACHE_PORT: String(ports?.cachePort ?? 0),
      }),
    },
    stdout: "ignore",
    stderr: "inherit",
  });
  const { port, cachePort } = await firstMessage(child, name);
  return {
    name,
    address,
    port: Number(port),
    ...(cachePort === undefined ? {} : { cachePort: Number(cachePort) }),
    pid: child.pid!,
    onEnd: (listener) => child.once("exit", listener),
    stop: () => processes.end(child),
  };
}
