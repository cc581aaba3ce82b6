import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { edsFile } from "../../cli/gateway.ts";
import { closeLater, until } from "./check.ts";
import { http1, PLAIN_HOST, type Answer } from "./client.ts";
import type { Envoy } from "./envoy.ts";
import { newCookie, startGateway } from "./gateway.ts";
import { Pod } from "./pod.ts";
import { cluster, virtualHost, type Json } from "./shape.ts";
import { opened, sealed } from "./tokens.ts";

/** The clusters of the policy canary, and the CRC-32 of their names as `python3 -c 'import zlib; ...'` has them. */
export const STABLE = { cluster: "session-svc", crc: 0xb8c711a4 };
export const CANARY = { cluster: "session-svc-canary", crc: 0x4795231d };

/** The policy canary with pods of both versions, named pod-0 and so on, and canary-0 and so on. */
export class Versions {
  readonly stable: readonly Pod[];
  readonly canary: readonly Pod[];

  private constructor(stable: readonly Pod[], canary: readonly Pod[]) {
    this.stable = stable;
    this.canary = canary;
  }

  static async startPods(count = 3): Promise<Versions> {
    const names = Array.from({ length: count }, (_, index) => `canary-${index}`);
    const canary = Promise.all(names.map((name) => Pod.start(name)));
    return new Versions(await Pod.startMany(count), await canary);
  }

  get all(): Pod[] {
    return [...this.stable, ...this.canary];
  }

  gateway(options: Parameters<typeof startGateway>[1] = {}): Promise<Envoy> {
    return startGateway(this.stable, { policy: "canary", canaryPods: this.canary, ...options });
  }
}

/** Changes the weights of the two versions for the requests from now on; needs an Envoy with one worker. */
export async function setWeights(envoy: Envoy, stable: number, canary: number): Promise<void> {
  const weights = `canary.${STABLE.cluster}=${stable}&canary.${CANARY.cluster}=${canary}`;
  const url = `http://127.0.0.1:${envoy.adminPort}/runtime_modify?${weights}`;
  const response = await fetch(url, { method: "POST" });
  assert.equal(response.status, 200, await response.text());
  // The worker takes up what the main thread has sent it before it answers what comes later.
  await http1(envoy.port, { host: PLAIN_HOST });
}

/** The route's own weights, which the runtime's would override. */
export function weighted(config: Json, weights: Readonly<Record<string, number>>): void {
  for (const { route } of virtualHost(config).routes) {
    if (route.weighted_clusters === undefined) continue;
    route.weighted_clusters.clusters = Object.entries(weights).map(([name, weight]) => ({ name, weight }));
  }
}

/** The endpoints of one cluster, in a file that Envoy follows. */
export class ClusterEndpoints {
  readonly #cluster: string;
  readonly #path = join(mkdtempSync(join(tmpdir(), "affinity-cluster-")), "endpoints.json");

  constructor(name: string, pods: readonly Pod[]) {
    this.#cluster = name;
    closeLater(this);
    this.#write(pods);
  }

  /** Has the cluster follow this file. */
  follow(config: Json): void {
    config.node ??= { id: "gateway", cluster: "gateway" };
    const own = cluster(config, this.#cluster);
    delete own.load_assignment;
    own.type = "EDS";
    const source = { path: this.#path, watched_directory: { path: dirname(this.#path) } };
    own.eds_cluster_config = {
      service_name: "pods",
      eds_config: { resource_api_version: "V3", path_config_source: source },
    };
  }

  /** Replaces the endpoints and waits until Envoy has them. */
  async set(envoy: Envoy, pods: readonly Pod[]): Promise<void> {
    this.#write(pods);
    await until(`${this.#cluster} has ${pods.length} endpoints`, async () => {
      return (await envoy.stat(`cluster.${this.#cluster}.membership_total`)) === pods.length;
    });
    // The worker has them too before it answers what comes later.
    await http1(envoy.port, { host: PLAIN_HOST });
  }

  close(): void {
    rmSync(dirname(this.#path), { recursive: true, force: true });
  }

  #write(pods: readonly Pod[]): void {
    writeFileSync(`${this.#path}.next`, edsFile(pods));
    renameSync(`${this.#path}.next`, this.#path);
  }
}

/** A Cookie header that pins to this pod of a version. */
export function cookieFor(pod: Pod, version: { crc: number } | undefined, session = 5n): string {
  const belongs = version === undefined ? {} : { cluster: version.crc };
  return `affinity=${sealed({ session, endpoint: pod.endpoint, ...belongs })}`;
}

/** This pod answered, and set no cookie. */
export function assertPinned(answer: Answer, pod: { name: string }, message?: string): void {
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []], message);
}

/** 200 from one of these pods, and a cookie that says so; returns it. */
export function assertNewPin(
  answer: Answer,
  pods: readonly Pod[],
  version: { crc: number },
  session?: bigint,
): string {
  assert.equal(answer.status, 200);
  const value = newCookie(answer);
  const token = opened(value);
  const pod = pods.find(({ name }) => name === answer.body) ?? assert.fail(`${answer.body} answered`);
  assert.deepEqual([token.endpoint, token.cluster], [pod.endpoint, version.crc]);
  if (session !== undefined) assert.equal(token.session, session);
  return `affinity=${value}`;
}

/** Whether a pod of the second version answered. */
export function isCanary({ body }: { body: string }): boolean {
  return body.startsWith("canary-");
}
