/** What makes the gateway keep its clients: the plugin, Envoy's stateful_session, and how a newcomer's pod is chosen. */
import type { EmitOptions, Manifest } from "./emit.ts";
import { earlyRemoval, sessionByHeader } from "./envoy-filters.ts";
import { typeUrl } from "./envoy-names.ts";
import { NAMESPACE, SELECTOR, hostOf } from "./istio-names.ts";
import { versionsOf, type Policies } from "./istio-policies.ts";
import type { Backend } from "./model.ts";
import { portOf } from "./names.ts";
import { CLUSTER_HEADER, HOST_HEADER, KEY_HEADER, policyOf } from "./policy.ts";

const NAME = "affinity";

/** One plugin for the whole gateway, as a WasmPlugin cannot be turned on for a route. */
export function wasmPlugin(policies: Policies, options: EmitOptions): Manifest {
  const { keyEnv, wasm } = options;
  return {
    file: "affinity.yaml",
    why: [
      `The filter, for the whole gateway: \`clusters\` says which requests a policy is for. All others are left alone, but for the`,
      `headers ${HOST_HEADER}, ${KEY_HEADER} and ${CLUSTER_HEADER}, which no client can send past it. Needs Istio 1.28 (FAIL_RELOAD), and`,
      `the key in the environment of the gateway's pods. With \`openssl rand -base64 32\` in a Secret affinity-key of ${NAMESPACE},`,
      `the values of Helm's chart istio/gateway are: envVarFrom: [{name: ${keyEnv}, valueFrom: {secretKeyRef: {name: affinity-key, key: key}}}]`,
    ].join("\n"),
    document: {
      apiVersion: "extensions.istio.io/v1alpha1",
      kind: "WasmPlugin",
      metadata: { name: NAME, namespace: NAMESPACE },
      spec: {
        selector: { matchLabels: SELECTOR },
        url: /^[a-z]+:\/\//.test(wasm) ? wasm : `oci://${wasm}`,
        imagePullPolicy: "IfNotPresent",
        // Any phase comes before the router, and so before stateful_session; this is the last.
        phase: "STATS",
        pluginName: NAME,
        failStrategy: "FAIL_RELOAD",
        vmConfig: { env: [{ name: keyEnv, valueFrom: "HOST" }] },
        pluginConfig: {
          services: policies.services.map((versions) => ({
            clusters: versionsOf(versions).map(({ cluster }) => cluster),
            ...policyOf(versions, options, true),
          })),
        },
      },
    },
  };
}

/** Envoy's own filter that pins by header, behind the plugin; and no such header from outside. */
export function envoyFilter(policies: Policies): Manifest {
  const services = [
    ...new Set(backendsOf(policies).map((backend) => `${backend.namespace} ${backend.service}`)),
  ];
  const manager = "envoy.filters.network.http_connection_manager";
  return {
    file: "affinity.yaml",
    why: [
      `Istio's API has neither of these. First, no client names a pod, a hash or a version, even if the plugin were away. Then`,
      `stateful_session in header mode, behind the plugin, for all routes of the gateway.`,
      `A pod that ends or is not ready keeps its clients only if Istio tells the gateway of it, which it does for Services with this`,
      `label (the one for headers does not do it). Set it, and leave PILOT_ENABLE_PERSISTENT_SESSION_FILTER of istiod off, as it is:`,
      ...services.map((service) => `kubectl label service -n ${service} istio.io/persistent-session=unused`),
    ].join("\n"),
    document: {
      apiVersion: "networking.istio.io/v1alpha3",
      kind: "EnvoyFilter",
      metadata: { name: NAME, namespace: NAMESPACE },
      spec: {
        workloadSelector: { labels: SELECTOR },
        configPatches: [
          {
            applyTo: "NETWORK_FILTER",
            match: { context: "GATEWAY", listener: { filterChain: { filter: { name: manager } } } },
            patch: {
              operation: "MERGE",
              value: {
                typed_config: {
                  "@type": typeUrl(
                    "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                  ),
                  early_header_mutation_extensions: [earlyRemoval()],
                },
              },
            },
          },
          {
            applyTo: "HTTP_FILTER",
            match: {
              context: "GATEWAY",
              listener: {
                filterChain: { filter: { name: manager, subFilter: { name: "envoy.filters.http.router" } } },
              },
            },
            patch: {
              operation: "INSERT_BEFORE",
              value: {
                // Another name than Istio's own, which the Services' label would turn to cookies of its own.
                name: "affinity.stateful_session",
                typed_config: sessionByHeader(),
              },
            },
          },
        ],
      },
    },
  };
}

/** For each Service of a policy: requests of one client whose pod is gone all pick the same new one, and soon. */
export function destinationRules(policies: Policies): Manifest[] {
  const services = new Map<string, Backend[]>();
  for (const backend of backendsOf(policies))
    services.set(hostOf(backend), [...(services.get(hostOf(backend)) ?? []), backend]);
  return [...services].map(([host, backends], index) => ({
    file: "affinity.yaml",
    why: [
      `${backends.map(({ name }) => name).join(", ")}: for this gateway alone, before a DestinationRule of the Service's own namespace.`,
      ...(index === 0
        ? [
            `No outlierDetection: answers of 500 are the application's, and a pod that refuses is left at once by a retry.`,
          ]
        : []),
    ].join("\n"),
    document: {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name: ruleName(backends), namespace: NAMESPACE },
      spec: {
        host,
        exportTo: ["."],
        trafficPolicy: {
          portLevelSettings: [...new Set(backends.map(portOf))].map((number) => ({
            port: { number },
            loadBalancer: {
              consistentHash: { httpHeaderName: KEY_HEADER, maglev: { tableSize: TABLE_SIZE } },
            },
            // Longer than the second after which a lost SYN is sent again: one lost packet moves nobody.
            connectionPool: { tcp: { connectTimeout: "2s" } },
          })),
        },
      },
    },
  }));
}

// A prime, as Maglev needs; Envoy's own default.
const TABLE_SIZE = 65537;

function ruleName([first]: readonly Backend[]): string {
  return `${first?.service}.${first?.namespace}`;
}

function backendsOf({ services }: Policies): Backend[] {
  return services.flatMap((versions) => versionsOf(versions).map(({ backend }) => backend));
}
