/**
 * What istiod makes of the objects that `import --to istio` writes: an Envoy configuration by the rules of Istio's
 * pilot (networking/core/route, model/extensions.go, networking/core/envoyfilter), as far as these objects use them.
 */
import { join } from "node:path";
import type { Manifest } from "../../cli/import/emit.ts";
import { root } from "../../cli/root.ts";
import type { PodLike } from "./pod.ts";
import type { Json } from "./shape.ts";

const URL = "type.googleapis.com/";
const EXTENSIONS = `${URL}envoy.extensions`;

/** Pods by the host of their Service, such as `app.shop.svc.cluster.local`. */
export type ServicePods = Readonly<Record<string, readonly PodLike[]>>;

export function istiodConfig(
  manifests: readonly Manifest[],
  services: ServicePods,
  ports: { port: number; adminPort: number },
): string {
  const specs = (kind: string): Json[] =>
    manifests.flatMap(({ document }: { document: Json }) => (document.kind === kind ? [document.spec] : []));
  const settings = portSettings(specs("DestinationRule"));
  const patches: Json[] = specs("EnvoyFilter").flatMap((spec) => spec.configPatches);
  const patch = (operation: string): Json[] =>
    patches.flatMap((each) => (each.patch.operation === operation ? [each.patch.value] : []));
  const manager = {
    "@type": `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "outbound",
    use_remote_address: true,
    normalize_path: true,
    http_filters: [
      ...specs("WasmPlugin").map(wasmFilter),
      ...patch("INSERT_BEFORE"),
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${EXTENSIONS}.filters.http.router.v3.Router` },
      },
    ],
    route_config: {
      name: "http.80",
      virtual_hosts: specs("VirtualService").map((spec) => ({
        name: spec.hosts[0],
        domains: spec.hosts,
        routes: spec.http.flatMap((rule: Json) =>
          rule.match.map((match: Json) => route(rule, match, settings)),
        ),
      })),
    },
    ...Object.assign({}, ...patch("MERGE").map(({ typed_config }) => typed_config)),
  };
  return JSON.stringify({
    admin: { address: address("127.0.0.1", ports.adminPort) },
    static_resources: {
      listeners: [
        {
          name: "0.0.0.0_80",
          address: address("127.0.0.1", ports.port),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
          ],
        },
      ],
      clusters: Object.entries(services).map(([host, pods]) => cluster(host, pods, settings)),
    },
  });
}

const SERVICE_PORT = 80;

const clusterName = (host: string, port: number): string => `outbound|${port}||${host}`;

/** The settings of a DestinationRule by the cluster that they are for. */
function portSettings(rules: readonly Json[]): Map<string, Json> {
  return new Map(
    rules.flatMap(({ host, trafficPolicy }) =>
      trafficPolicy.portLevelSettings.map((each: Json) => [clusterName(host, each.port.number), each]),
    ),
  );
}

function wasmFilter(spec: Json): Json {
  return {
    name: "istio-ingress.affinity",
    typed_config: {
      "@type": `${EXTENSIONS}.filters.http.wasm.v3.Wasm`,
      config: {
        name: "istio-ingress.affinity",
        root_id: spec.pluginName,
        failure_policy: spec.failStrategy,
        configuration: {
          "@type": `${URL}google.protobuf.StringValue`,
          value: JSON.stringify(spec.pluginConfig),
        },
        vm_config: {
          runtime: "envoy.wasm.runtime.v8",
          code: { local: { filename: join(root, "build/affinity.wasm") } },
          environment_variables: { host_env_keys: spec.vmConfig.env.map(({ name }: Json) => name) },
        },
      },
    },
  };
}

function route(rule: Json, match: Json, settings: Map<string, Json>): Json {
  const destinations = rule.route.filter(({ weight }: Json) => weight !== 0);
  const names = destinations.map(({ destination }: Json) =>
    clusterName(destination.host, destination.port.number),
  );
  const hashes = names.flatMap((name: string) => settings.get(name)?.loadBalancer.consistentHash ?? []);
  return {
    match: {
      ...pathOf(match.uri),
      headers: Object.entries(match.headers ?? {}).map(([name, value]) => ({
        name,
        string_match: stringOf(value),
      })),
    },
    route: {
      timeout: "0s",
      ...(names.length === 1
        ? { cluster: names[0] }
        : {
            weighted_clusters: {
              clusters: destinations.map(({ weight }: Json, index: number) => ({
                name: names[index],
                weight,
              })),
            },
          }),
      hash_policy: hashes.map(({ httpHeaderName }: Json) => ({ header: { header_name: httpHeaderName } })),
      ...(rule.retries && {
        retry_policy: retryPolicy(rule.retries, names.length === 1 && hashes.length > 0),
      }),
    },
    request_headers_to_remove: rule.headers.request.remove,
    response_headers_to_remove: rule.headers.response.remove,
  };
}

function pathOf(uri: Json): Json {
  if (uri.exact !== undefined) return { path: uri.exact };
  return uri.prefix === undefined ? { safe_regex: { regex: uri.regex } } : { prefix: uri.prefix };
}

function stringOf(value: Json): Json {
  return value.regex === undefined ? value : { safe_regex: { regex: value.regex } };
}

function retryPolicy({ attempts, retryOn, retryIgnorePreviousHosts }: Json, hashed: boolean): Json {
  const predicate = {
    name: "envoy.retry_host_predicates.previous_hosts",
    typed_config: { "@type": `${EXTENSIONS}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
  };
  return {
    num_retries: attempts,
    retry_on: retryOn,
    host_selection_retry_max_attempts: 5,
    ...((retryIgnorePreviousHosts ?? !hashed) && { retry_host_predicate: [predicate] }),
  };
}

function cluster(host: string, pods: readonly PodLike[], settings: Map<string, Json>): Json {
  const name = clusterName(host, SERVICE_PORT);
  const setting = settings.get(name);
  return {
    name,
    type: "STATIC",
    connect_timeout: setting?.connectionPool.tcp.connectTimeout ?? "10s",
    ...(setting && {
      lb_policy: "MAGLEV",
      maglev_lb_config: { table_size: setting.loadBalancer.consistentHash.maglev.tableSize },
    }),
    common_lb_config: {
      healthy_panic_threshold: {},
      // With the Service's label istio.io/persistent-session.
      override_host_status: { statuses: ["HEALTHY", "DRAINING", "UNKNOWN", "DEGRADED"] },
    },
    circuit_breakers: { thresholds: [{ max_retries: 4294967295 }] },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        { lb_endpoints: pods.map((pod) => ({ endpoint: { address: address(pod.address, pod.port) } })) },
      ],
    },
  };
}

function address(host: string, port: number): Json {
  return { socket_address: { address: host, port_value: port } };
}
