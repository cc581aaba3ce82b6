import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { policyFile } from "./policies.ts";
import { root } from "./root.ts";

interface Address {
  /** An IP address. */
  address: string;
  port: number;
}

interface PodAddress extends Address {
  /** Where the pod serves with its sessions in Redis, if it does. */
  cachePort?: number;
}

export interface GatewayOptions {
  /** Where the gateway listens. */
  port: number;
  /** Where Envoy's admin interface listens, always on 127.0.0.1. */
  adminPort: number;
  pods: readonly PodAddress[];
  /** The pods of the second version, where the policy has one. */
  canaryPods?: readonly PodAddress[];
  /** Which of envoy/policies; envoy/gateway.yaml unless given. */
  policy?: string | undefined;
  /** The listener's IP address. Default 127.0.0.1. */
  address?: string;
  /** A file of discovery (see edsFile()) to follow instead of `pods`. */
  edsFile?: string;
  /** The same for the pods' ports with sessions in Redis: edsFile(cachePods(pods)). */
  cacheEdsFile?: string;
  /** Where the demo's page is served; the gateway answers 503 in its place unless given. */
  pageAddress?: Address;
  /** Path of the filter. Default build/affinity.wasm of this checkout. */
  wasm?: string;
  /** Takes the place of the filter's JSON configuration; a string goes in as it is. */
  filter?: object | string;
}

/** The clusters of envoy/gateway.yaml whose endpoints are the pods, and of the policy canary the second version. */
export const podClusters = ["session-svc", "session-svc-plain"] as const;
/** The cluster whose endpoints are the pods' ports with sessions in Redis. */
export const CACHE_CLUSTER = "session-svc-cache";
const CANARY = "session-svc-canary";
const PAGE = "demo-page";

// Of a file Envoy takes one list of endpoints, so all clusters that follow it name the same one.
const EDS_SERVICE = "pods";

/** One endpoint in a file of discovery; health as Envoy's HealthStatus names it. */
export interface EdsPod extends PodAddress {
  health?: "UNKNOWN" | "HEALTHY" | "UNHEALTHY" | "DRAINING" | "TIMEOUT" | "DEGRADED";
}

interface SocketAddress {
  socket_address: { address: string; port_value: number };
}

interface Cluster {
  name: string;
  [field: string]: unknown;
}

interface HttpFilter {
  typed_config: {
    "@type": string;
    config?: {
      vm_config: { code: { local: { filename: string } } };
      configuration: { "@type": string; value: string };
    };
  };
}

interface Bootstrap {
  node?: { id: string; cluster: string };
  admin: { address: SocketAddress };
  static_resources: {
    listeners: {
      name: string;
      address: SocketAddress;
      enable_reuse_port?: boolean;
      filter_chains: { filters: { typed_config: { http_filters: HttpFilter[] } }[] }[];
    }[];
    clusters: Cluster[];
  };
}

/**
 * The shipped envoy/gateway.yaml with other ports, addresses and endpoints, as JSON (which Envoy reads as .json
 * and as .yaml). Everything that is not an option stays as shipped.
 */
export function gatewayConfig(options: GatewayOptions): string {
  const config = shippedConfig(options.policy);
  config.admin.address = socketAddress({ address: "127.0.0.1", port: options.adminPort });

  // Envoy follows a file of discovery only when it has a name of its own.
  if (options.edsFile !== undefined || options.cacheEdsFile !== undefined)
    config.node ??= { id: "gateway", cluster: "gateway" };

  const listener = named(config.static_resources.listeners, "http", "listener");
  listener.address = socketAddress({ address: options.address ?? "127.0.0.1", port: options.port });
  // Or two gateways could listen on one port, and share its clients without a word.
  listener.enable_reuse_port = false;
  for (const chain of listener.filter_chains) {
    for (const network of chain.filters)
      network.typed_config.http_filters.forEach((f) => setFilter(f, options));
  }
  const { clusters } = config.static_resources;
  for (const name of podClusters)
    setEndpoints(named(clusters, name, "cluster"), options.pods, options.edsFile);
  setEndpoints(named(clusters, CACHE_CLUSTER, "cluster"), cachePods(options.pods), options.cacheEdsFile);
  const { pageAddress } = options;
  setEndpoints(named(clusters, PAGE, "cluster"), pageAddress === undefined ? [] : [pageAddress], undefined);
  const canary = clusters.find((cluster) => cluster.name === CANARY);
  if (canary !== undefined) setEndpoints(canary, options.canaryPods ?? [], undefined);
  return JSON.stringify(config, null, 2);
}

/** What a shipped filter seals under, and how: the id of its first key, and what its tokens are bound to. */
export function shippedBinding(policy?: string): ShippedBinding {
  const [listener] = shippedConfig(policy).static_resources.listeners;
  const filters = listener?.filter_chains[0]?.filters[0]?.typed_config.http_filters ?? [];
  const text = filters.find(isWasm)?.typed_config.config?.configuration.value;
  if (text === undefined) throw new Error("envoy/gateway.yaml: no filter with a configuration");
  const {
    keys,
    scope,
    sessionName = "affinity",
    mode = "persistent",
    type = "Cookie",
  } = JSON.parse(text) as FilterConfiguration;
  return { keyId: keys[0].id, scope, sessionName, mode, type };
}

export interface ShippedBinding {
  keyId: number;
  scope: string;
  sessionName: string;
  mode: "persistent" | "balanced";
  type: "Cookie" | "Header";
}

interface FilterConfiguration {
  scope: string;
  sessionName?: string;
  mode?: ShippedBinding["mode"];
  type?: ShippedBinding["type"];
  keys: [{ id: number }];
}

function shippedConfig(policy: string | undefined): Bootstrap {
  const file = policy === undefined ? "envoy/gateway.yaml" : policyFile(policy);
  const text = readFileSync(join(root, file), "utf8");
  // Anchors become copies here, so that a change in one place stays there.
  return JSON.parse(JSON.stringify(parse(text))) as Bootstrap;
}

function isWasm(filter: HttpFilter): boolean {
  return filter.typed_config["@type"].endsWith(".wasm.v3.Wasm");
}

/** A file of discovery for gatewayConfig's edsFile. Envoy follows it when it is replaced by a rename. */
export function edsFile(pods: readonly EdsPod[]): string {
  const type = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
  return JSON.stringify({ resources: [{ "@type": type, ...loadAssignment(EDS_SERVICE, pods) }] }, null, 2);
}

/** The same pods at the ports behind which sessions live in Redis; without those that have none. */
export function cachePods(pods: readonly EdsPod[]): EdsPod[] {
  return pods.flatMap(({ cachePort, ...pod }) =>
    cachePort === undefined ? [] : [{ ...pod, port: cachePort }],
  );
}

function setFilter(filter: HttpFilter, options: GatewayOptions): void {
  const config = filter.typed_config.config;
  if (!isWasm(filter) || config === undefined) return;
  config.vm_config.code.local.filename = options.wasm ?? join(root, "build/affinity.wasm");
  if (options.filter === undefined) return;
  config.configuration = {
    "@type": "type.googleapis.com/google.protobuf.StringValue",
    value: typeof options.filter === "string" ? options.filter : JSON.stringify(options.filter),
  };
}

function setEndpoints(cluster: Cluster, pods: readonly PodAddress[], eds: string | undefined): void {
  for (const field of Object.keys(cluster)) {
    if (/^(type|cluster_type|dns_.*|eds_cluster_config|load_assignment)$/.test(field)) delete cluster[field];
  }
  if (eds === undefined) {
    cluster.type = "STATIC";
    cluster.load_assignment = loadAssignment(cluster.name, pods);
    return;
  }
  cluster.type = "EDS";
  cluster.eds_cluster_config = {
    service_name: EDS_SERVICE,
    eds_config: {
      resource_api_version: "V3",
      path_config_source: {
        path: eds,
        watched_directory: { path: join(eds, "..") },
      },
    },
  };
}

function loadAssignment(cluster: string, pods: readonly EdsPod[]): object {
  const endpoints = pods.map((pod) => ({
    endpoint: { address: socketAddress(pod) },
    ...(pod.health === undefined ? {} : { health_status: pod.health }),
  }));
  return { cluster_name: cluster, endpoints: [{ lb_endpoints: endpoints }] };
}

function socketAddress(at: Address): SocketAddress {
  return { socket_address: { address: at.address, port_value: at.port } };
}

function named<T extends { name: string }>(items: readonly T[], name: string, kind: string): T {
  const found = items.find((item) => item.name === name);
  if (found === undefined) throw new Error(`envoy/gateway.yaml: no ${kind} named "${name}"`);
  return found;
}
