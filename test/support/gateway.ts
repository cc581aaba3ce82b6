import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { edsFile, gatewayConfig, podClusters, type EdsPod, type GatewayOptions } from "../../cli/gateway.ts";
import { root } from "../../cli/root.ts";
import { openToken, sealToken, type TokenFields, type TokenKey } from "../../cli/token.ts";
import { closeLater, until } from "./check.ts";
import type { Answer } from "./client.ts";
import { Envoy, type EnvoyOptions } from "./envoy.ts";
import type { PodLike } from "./pod.ts";
import { freePort } from "./ports.ts";
import type { Json } from "./shape.ts";

/** What envoy/gateway.yaml binds its tokens to. */
export const binding = { scope: "default/session-svc:9080", sessionName: "affinity" };
// How proxy-wasm-cpp-host reports a failed call, and AssemblyScript its abort.
export const TRAP = /RuntimeError|Function: proxy_on_\w+ failed|abort: /;
const WASM = join(root, "build/affinity.wasm");

/** Base64 of 32 bytes, as AFFINITY_KEY holds it. */
export const secret = randomBytes(32).toString("base64");
/** The key of `secret` under the id that envoy/gateway.yaml gives it. */
export const key = keyOf(1, secret);

interface GatewayTestOptions extends EnvoyOptions {
  /** Which of envoy/policies; envoy/gateway.yaml unless given. */
  policy?: string;
  canaryPods?: readonly PodLike[];
  /** Where the page is served. */
  pageAddress?: PodLike;
  filter?: GatewayOptions["filter"];
  eds?: Eds;
  /** Changes the derived configuration in place. */
  change?: (config: Json) => void;
}

/** Starts an Envoy on the shipped gateway with these pods. */
export async function startGateway(
  pods: readonly PodLike[],
  options: GatewayTestOptions = {},
): Promise<Envoy> {
  const ports = { port: await freePort(), adminPort: await freePort() };
  return Envoy.start(configFor(pods, ports, options), ports, { env: { AFFINITY_KEY: secret }, ...options });
}

/** The shipped gateway's configuration with these pods and ports, as startGateway() uses it. */
export function configFor(
  pods: readonly PodLike[],
  ports: { port: number; adminPort: number },
  options: GatewayTestOptions = {},
): string {
  if (!existsSync(WASM)) throw new Error(`${WASM}: not there; npm run build makes it`);
  const config = gatewayConfig({
    ...ports,
    pods,
    policy: options.policy,
    ...(options.canaryPods === undefined ? {} : { canaryPods: options.canaryPods }),
    ...(options.pageAddress === undefined ? {} : { pageAddress: options.pageAddress }),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    ...(options.eds === undefined ? {} : { edsFile: options.eds.path }),
  });
  if (options.change === undefined) return config;
  const changed: unknown = JSON.parse(config);
  options.change(changed);
  return JSON.stringify(changed);
}

/** A file of discovery that Envoy follows. */
export class Eds {
  readonly path: string;
  #folder = mkdtempSync(join(tmpdir(), "affinity-eds-"));

  constructor(pods: readonly EdsPod[]) {
    this.path = join(this.#folder, "pods.json");
    closeLater(this);
    this.#write(pods);
  }

  /** Replaces the endpoints and waits until Envoy's clusters have exactly these, in these states of health. */
  async set(envoy: Envoy, pods: readonly EdsPod[], milliseconds?: number): Promise<void> {
    this.#write(pods);
    const wanted = pods.map((pod) => `${pod.port} ${pod.health ?? "HEALTHY"}`).sort();
    const isTaken = async (): Promise<boolean> => {
      const now = await endpoints(envoy);
      return now.length === podClusters.length && now.every((has) => has.join() === wanted.join());
    };
    await until("Envoy takes the new endpoints", isTaken, milliseconds);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #write(pods: readonly EdsPod[]): void {
    writeFileSync(`${this.path}.next`, edsFile(pods));
    renameSync(`${this.path}.next`, this.path);
  }
}

interface ClusterStatuses {
  cluster_statuses: {
    name: string;
    host_statuses?: {
      address: { socket_address: { port_value: number } };
      health_status?: { eds_health_status?: string };
    }[];
  }[];
}

/** Port and health of every endpoint, a sorted list for each cluster. */
async function endpoints(envoy: Envoy): Promise<string[][]> {
  const statuses = JSON.parse(await envoy.admin("/clusters?format=json")) as ClusterStatuses;
  return statuses.cluster_statuses
    .filter(({ name }) => (podClusters as readonly string[]).includes(name))
    .map((cluster) =>
      (cluster.host_statuses ?? [])
        .map((host) => `${host.address.socket_address.port_value} ${host.health_status?.eds_health_status}`)
        .sort(),
    );
}

export function keyOf(id: number, base64: string): TokenKey {
  return { id, bytes: Buffer.from(base64, "base64") };
}

/** No VM of the gateway trapped, as far as Envoy's statistics and log tell. */
export async function assertNoTrap(envoy: Envoy): Promise<void> {
  const reloads = Object.entries(await envoy.stats()).filter(
    ([name, value]) => /^wasm\..*vm_reload/.test(name) && value > 0,
  );
  assert.deepEqual(reloads, []);
  assert.doesNotMatch(envoy.log, TRAP);
}

/**
 * The counter of an event of the shipped scope. The filter hands counters over about once a second, so this
 * waits until it is at least `expected`, and throws when that takes longer than until() waits. What it returns shows a
 * surplus only when that was handed over by then too: wait for a later event first.
 */
export async function eventCount(envoy: Envoy, event: string, expected: number): Promise<number> {
  const name = `wasmcustom.affinity.default_session-svc_9080.${event}`;
  await until(`${name} is ${expected}`, async () => (await envoy.stat(name)) >= expected);
  return envoy.stat(name);
}

/** The value of the only Set-Cookie of this answer, which has to be the affinity cookie. */
export function newCookie(answer: Answer, sessionName = binding.sessionName): string {
  const [line, ...more] = answer.setCookie;
  const match = line === undefined ? null : /^([^=]+)=([^;]*)/.exec(line);
  if (match === null || more.length > 0 || match[1] !== sessionName) {
    throw new Error(
      `expected one Set-Cookie of ${sessionName}; received ${answer.status} with ${JSON.stringify(answer.setCookie)}`,
    );
  }
  return match[2] ?? "";
}

/** The endpoint that a sealed value names under this key; throws when it does not open. */
export function pinOf(value: string, under: TokenKey = key, at = binding): string {
  const opened = openToken(value, [under], at);
  if (opened === null)
    throw new Error(`affinity=${value}: does not open under key ${under.id} for ${at.scope}`);
  return opened.endpoint;
}

/** A Cookie header that pins to this endpoint. */
export function cookieFor(pod: { endpoint: string }, under: TokenKey = key, at = binding): string {
  const now = Math.floor(Date.now() / 1000);
  const fields: TokenFields = { issued: now, seen: now, session: 1n, endpoint: pod.endpoint };
  return `${at.sessionName}=${sealToken(fields, under, at)}`;
}
