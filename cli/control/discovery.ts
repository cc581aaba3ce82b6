import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CACHE_CLUSTER, cachePods, edsFile, podClusters, type EdsPod } from "../gateway.ts";

// Envoy sees the new file at once; a machine that starts twenty pods is slow all the same.
const PATIENCE_MS = 10_000;
const RETRY_MS = 20;

/** The files of discovery that the demo's Envoy follows. */
export class Discovery {
  readonly edsFile: string;
  readonly cacheEdsFile: string;
  readonly #folder: string;
  readonly #adminPort: number;

  /** @param folder of its own: Envoy reads anew at whatever is moved into it */
  constructor(folder: string, adminPort: number) {
    this.#folder = folder;
    this.#adminPort = adminPort;
    this.edsFile = join(folder, "pods.json");
    this.cacheEdsFile = join(folder, "cache-pods.json");
  }

  /** Writes the pods down, for an Envoy that starts later. */
  write(pods: readonly EdsPod[]): void {
    mkdirSync(this.#folder, { recursive: true });
    replace(this.edsFile, edsFile(pods));
    replace(this.cacheEdsFile, edsFile(cachePods(pods)));
  }

  /**
   * Has the running Envoy send to these pods from now on.
   *
   * @throws Error with one sentence when it does not take them up in time
   */
  async follow(pods: readonly EdsPod[]): Promise<void> {
    this.write(pods);
    const wanted = new Map<string, string>(podClusters.map((cluster) => [cluster, hosts(pods)]));
    wanted.set(CACHE_CLUSTER, hosts(cachePods(pods)));
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const known = await this.#known();
      if (Array.from(wanted).every(([cluster, text]) => known.get(cluster) === text)) return;
      if (Date.now() > deadline)
        throw new Error(`the gateway has not taken up the change of pods within ${PATIENCE_MS / 1000} s`);
      await delay(RETRY_MS);
    }
  }

  /** Removes the files. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What Envoy has for each cluster, in the form of hosts(). */
  async #known(): Promise<Map<string, string>> {
    const url = `http://127.0.0.1:${this.#adminPort}/clusters?format=json`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    if (answer?.status !== 200) return new Map();
    const { cluster_statuses: clusters = [] } = (await answer.json()) as ClustersAnswer;
    return new Map(
      clusters.map(({ name, host_statuses: statuses = [] }) => {
        const lines = statuses.map(
          ({ address, health_status: health }) =>
            `${address.socket_address.port_value} ${health.eds_health_status === "DRAINING" ? "DRAINING" : ""}`,
        );
        return [name, lines.sort().join("\n")];
      }),
    );
  }
}

interface ClustersAnswer {
  cluster_statuses?: {
    name: string;
    host_statuses?: {
      address: { socket_address: { port_value: number } };
      health_status: { eds_health_status?: string };
    }[];
  }[];
}

/** Port and health of each; all of them are on one address. */
function hosts(pods: readonly EdsPod[]): string {
  return pods
    .map(({ port, health }) => `${port} ${health ?? ""}`)
    .sort()
    .join("\n");
}

/** Envoy follows a file that is renamed, and never sees half of one. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}
