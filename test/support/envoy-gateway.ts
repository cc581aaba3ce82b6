/**
 * What Envoy Gateway 1.9.1 makes of the objects that `import --to envoy-gateway` writes: an Envoy configuration by the
 * rules of its translator (internal/xds/translator: route.go, session_persistence.go, wasm.go, cluster.go), as far as
 * these objects use them. One listener stands for all.
 */
import { join } from "node:path";
import type { Manifest } from "../../cli/import/emit.ts";
import { root } from "../../cli/root.ts";
import type { PodLike } from "./pod.ts";
import type { Json } from "./shape.ts";

const URL = "type.googleapis.com/";
const EXTENSIONS = `${URL}envoy.extensions`;
const SESSION = "envoy.filters.http.stateful_session";

/** Pods by the name of their Service. */
export type ServicePods = Readonly<Record<string, readonly PodLike[]>>;

interface Context {
  readonly services: ServicePods;
  /** EnvoyExtensionPolicies and BackendTrafficPolicies, with their names in Envoy. */
  readonly filters: readonly Json[];
  readonly traffic: readonly Json[];
}

export function envoyGatewayConfig(
  manifests: readonly Manifest[],
  services: ServicePods,
  ports: { port: number; adminPort: number },
): string {
  const ofKind = (kind: string): Json[] =>
    manifests.flatMap(({ document }: { document: Json }) => (document.kind === kind ? [document] : []));
  const context = {
    services,
    filters: ofKind("EnvoyExtensionPolicy"),
    traffic: ofKind("BackendTrafficPolicy"),
  };
  const rules = ofKind("HTTPRoute").flatMap((route) =>
    route.spec.rules.map((rule: Json, index: number) => new Rule(route, rule, index, context)),
  );
  const { headers } = ofKind("ClientTrafficPolicy")[0].spec;
  const pinned = rules.find(({ rule }) => rule.sessionPersistence);
  const manager = {
    "@type": `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "http",
    use_remote_address: true,
    normalize_path: true,
    early_header_mutation_extensions: [
      {
        name: "envoy.http.early_header_mutation.header_mutation",
        typed_config: {
          "@type": `${EXTENSIONS}.http.early_header_mutation.header_mutation.v3.HeaderMutation`,
          mutations: headers.earlyRequestHeaders.remove.map((remove: string) => ({ remove })),
        },
      },
    ],
    http_filters: [
      {
        name: "envoy.filters.http.header_mutation",
        typed_config: {
          "@type": `${EXTENSIONS}.filters.http.header_mutation.v3.HeaderMutation`,
          mutations: {
            response_mutations: headers.lateResponseHeaders.remove.map((remove: string) => ({ remove })),
          },
        },
      },
      // By the EnvoyProxy's filterOrder.
      ...context.filters.map(wasmFilter),
      ...(pinned
        ? [{ name: SESSION, disabled: true, typed_config: session(pinned.rule.sessionPersistence) }]
        : []),
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${EXTENSIONS}.filters.http.router.v3.Router` },
      },
    ],
    route_config: { name: "http", virtual_hosts: virtualHosts(rules) },
  };
  return JSON.stringify({
    admin: { address: address("127.0.0.1", ports.adminPort) },
    static_resources: {
      listeners: [
        {
          name: "envoy-gateway-system/affinity/http",
          address: address("127.0.0.1", ports.port),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
          ],
        },
      ],
      clusters: rules.flatMap((rule) => rule.clusters()),
    },
  });
}

/** With preserveRouteOrder: HTTPRoutes by name, and their rules as they stand. */
function virtualHosts(rules: readonly Rule[]): Json[] {
  const hosts = new Map<string, Json[]>();
  for (const rule of rules)
    for (const host of rule.hostnames) hosts.set(host, [...(hosts.get(host) ?? []), ...rule.routes()]);
  return [...hosts].map(([host, routes]) => ({ name: host, domains: [host], routes }));
}

class Rule {
  readonly hostnames: readonly string[];
  readonly rule: Json;
  private readonly context: Context;
  private readonly name: string;
  private readonly apart: boolean;
  private readonly filters: readonly Json[];
  private readonly traffic: Json | undefined;

  constructor(route: Json, rule: Json, index: number, context: Context) {
    this.rule = rule;
    this.context = context;
    const { name, namespace } = route.metadata;
    this.hostnames = route.spec.hostnames ?? ["*"];
    this.name = `httproute/${namespace}/${name}/rule/${index}`;
    // DestinationSettings.HasFiltersInSettings
    this.apart = rule.backendRefs.some(({ filters }: Json) => filters);
    const targets = ({ metadata, spec }: Json): boolean =>
      metadata.namespace === namespace &&
      spec.targetRefs.some((each: Json) => each.name === name && each.sectionName === rule.name);
    this.filters = context.filters.filter(targets);
    this.traffic = context.traffic.find(targets)?.spec;
  }

  private clusterName(index: number): string {
    return this.apart ? `${this.name}/backend/${index}` : this.name;
  }

  routes(): Json[] {
    const { rule, traffic } = this;
    const removed = (type: string, field: string): string[] =>
      (rule.filters ?? []).flatMap((each: Json) => (each.type === type ? each[field].remove : []));
    return rule.matches.map(({ path, headers = [] }: Json) => ({
      match: {
        ...pathOf(path),
        headers: headers.map(({ name, type, value }: Json) => ({
          name,
          string_match: type === "Exact" ? { exact: value } : { safe_regex: { regex: value } },
        })),
      },
      route: {
        ...(this.apart ? this.weighted() : { cluster: this.name }),
        timeout: "0s",
        ...(traffic && {
          hash_policy: traffic.loadBalancer.consistentHash.headers.map(({ name }: Json) => ({
            header: { header_name: name },
          })),
          retry_policy: retryPolicy(traffic.retry),
        }),
      },
      request_headers_to_remove: removed("RequestHeaderModifier", "requestHeaderModifier"),
      response_headers_to_remove: removed("ResponseHeaderModifier", "responseHeaderModifier"),
      typed_per_filter_config: {
        ...Object.fromEntries(
          this.filters.map((each) => [
            wasmName(each),
            { "@type": `${URL}envoy.config.route.v3.FilterConfig`, config: {} },
          ]),
        ),
        ...(rule.sessionPersistence && {
          [SESSION]: {
            "@type": `${EXTENSIONS}.filters.http.stateful_session.v3.StatefulSessionPerRoute`,
            stateful_session: { session_state: session(rule.sessionPersistence).session_state },
          },
        }),
      },
    }));
  }

  private weighted(): Json {
    const clusters = this.rule.backendRefs.flatMap(({ weight, filters }: Json, index: number) =>
      weight === 0
        ? []
        : [
            {
              name: this.clusterName(index),
              weight,
              request_headers_to_remove: filters[0].requestHeaderModifier.remove,
            },
          ],
    );
    return { weighted_clusters: { clusters } };
  }

  /** One for each backend, or one whose localities are the backends. */
  clusters(): Json[] {
    const refs: Json[] = this.rule.backendRefs;
    const parts = this.apart ? refs.map((ref) => [ref]) : [refs];
    return parts.flatMap((part, index) => {
      if (this.apart && part[0].weight === 0) return [];
      const name = this.clusterName(index);
      return {
        name,
        type: "STATIC",
        connect_timeout: this.traffic?.timeout.tcp.connectTimeout ?? "10s",
        ...(this.traffic && {
          lb_policy: "MAGLEV",
          maglev_lb_config: { table_size: this.traffic.loadBalancer.consistentHash.tableSize },
        }),
        common_lb_config: {
          healthy_panic_threshold: { value: this.traffic?.healthCheck.panicThreshold ?? 50 },
        },
        circuit_breakers: { thresholds: [{ max_retries: 1024 }] },
        load_assignment: {
          cluster_name: name,
          endpoints: part.map((ref, region) => ({
            locality: { region: `${name}/backend/${region}` },
            load_balancing_weight: ref.weight ?? 1,
            lb_endpoints: (this.context.services[ref.name] ?? []).map((pod) => ({
              endpoint: { address: address(pod.address, pod.port) },
            })),
          })),
        },
      };
    });
  }
}

function wasmName({ metadata }: Json): string {
  return `envoy.filters.http.wasm/envoyextensionpolicy/${metadata.namespace}/${metadata.name}/wasm/0`;
}

function wasmFilter(policy: Json): Json {
  const [wasm] = policy.spec.wasm;
  const { namespace, name } = policy.metadata;
  return {
    name: wasmName(policy),
    disabled: true,
    typed_config: {
      "@type": `${EXTENSIONS}.filters.http.wasm.v3.Wasm`,
      config: {
        name: wasm.name,
        root_id: wasm.rootID,
        // Instead of fail_open: a trap is to be seen.
        failure_policy: "FAIL_CLOSED",
        configuration: { "@type": `${URL}google.protobuf.StringValue`, value: JSON.stringify(wasm.config) },
        vm_config: {
          vm_id: `envoyextensionpolicy/${namespace}/${name}/wasm/0`,
          runtime: "envoy.wasm.runtime.v8",
          code: { local: { filename: join(root, "build/affinity.wasm") } },
          environment_variables: { host_env_keys: wasm.env.hostKeys },
        },
      },
    },
  };
}

function session({ sessionName }: Json): Json {
  return {
    "@type": `${EXTENSIONS}.filters.http.stateful_session.v3.StatefulSession`,
    session_state: {
      name: "envoy.http.stateful_session.header",
      typed_config: {
        "@type": `${EXTENSIONS}.http.stateful_session.header.v3.HeaderBasedSessionState`,
        name: sessionName,
      },
    },
  };
}

function pathOf({ type, value }: Json): Json {
  if (type === "Exact") return { path: value };
  if (type === "RegularExpression") return { safe_regex: { regex: value } };
  return value === "/" ? { prefix: value } : { path_separated_prefix: value.replace(/\/$/, "") };
}

function retryPolicy({ numRetries, retryOn, perRetry }: Json): Json {
  const predicate = {
    name: "envoy.retry_host_predicates.previous_hosts",
    typed_config: { "@type": `${EXTENSIONS}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
  };
  const interval = (text: string): string => `${Number.parseInt(text) / 1000}s`;
  return {
    num_retries: numRetries,
    retry_on: retryOn.triggers.join(","),
    retry_back_off: {
      base_interval: interval(perRetry.backOff.baseInterval),
      max_interval: interval(perRetry.backOff.maxInterval),
    },
    host_selection_retry_max_attempts: 5,
    retry_host_predicate: [predicate],
  };
}

function address(host: string, port: number): Json {
  return { socket_address: { address: host, port_value: port } };
}
