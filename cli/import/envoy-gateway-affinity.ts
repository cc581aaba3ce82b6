/** What makes the gateway keep its clients: the filter on the rules with affinity, and how a pod is chosen for a newcomer. */
import type { EmitOptions, Manifest, Report } from "./emit.ts";
import { versionsOf, type Policy } from "./envoy-gateway-layout.ts";
import { FILTER, GATEWAY, NAMESPACE } from "./envoy-gateway-names.ts";
import { CLUSTER_HEADER, HOST_HEADER, KEY_HEADER, policyOf, type FilterConfiguration } from "./policy.ts";

const FILE = "affinity.yaml";
const API = "gateway.envoyproxy.io/v1alpha1";

/** One EnvoyExtensionPolicy for each policy. */
export function extensionPolicies(
  policies: readonly Policy[],
  options: EmitOptions,
  report: Report,
): Manifest[] {
  return policies.map((policy, index) => ({
    file: FILE,
    why: [
      ...(index === 0
        ? [
            "The filter, for the rules with affinity alone. Envoy Gateway fetches it and hands it to its Envoys. If it could not go on, these",
            "rules would be served without affinity (patches.yaml has it started again instead).",
          ]
        : []),
      `${policy.backend.name}.`,
    ].join("\n"),
    document: {
      apiVersion: API,
      kind: "EnvoyExtensionPolicy",
      metadata: { name: policy.name, namespace: policy.namespace },
      spec: {
        targetRefs: policy.targets.map(targetOf),
        wasm: [
          {
            name: FILTER,
            rootID: FILTER,
            code: codeOf(options.wasm),
            failOpen: true,
            env: { hostKeys: [options.keyEnv] },
            config: configurationOf(policy, options, report),
          },
        ],
      },
    },
  }));
}

function targetOf({ route, rule }: Policy["targets"][number]): object {
  return {
    group: "gateway.networking.k8s.io",
    kind: "HTTPRoute",
    name: route.name,
    sectionName: rule.name,
  };
}

/** Envoy Gateway knows images without a scheme, and files by http. */
function codeOf(wasm: string): object {
  if (/^https?:\/\//.test(wasm)) return { type: "HTTP", http: { url: wasm } };
  return {
    type: "Image",
    image: { url: wasm.replace(/^oci:\/\//, "") },
    pullPolicy: "IfNotPresent",
  };
}

// Of the filter, for `clusters` and for `cluster.names`.
const MOST_CLUSTERS = 16;

function configurationOf(policy: Policy, options: EmitOptions, report: Report): FilterConfiguration {
  const { backend, targets } = policy;
  const versions = versionsOf(policy);
  const [own, others] = [true, false].map((first) =>
    versions.filter((version) => (version.backend.name === backend.name) === first),
  ) as [typeof versions, typeof versions];
  const sticky = targets.flatMap(({ rule }) => rule.belongsTo ?? []);
  const sticking = others.filter((version) => sticky.some(({ name }) => name === version.backend.name));
  const [primary] = own;
  const [canary] = sticking;
  const single = (): FilterConfiguration =>
    policyOf({ primary: primary ?? { backend, cluster: "" } }, options, true);
  const clusters = [...own, ...sticking].map(({ cluster }) => cluster);
  const legacy = targets.some(({ rule }) => rule.legacy);
  if (clusters.length > MOST_CLUSTERS && (legacy || canary !== undefined)) {
    noteTooMany(policy, clusters.length, report);
    return single();
  }
  const configuration =
    primary === undefined || canary === undefined
      ? single()
      : { ...policyOf({ primary, canary }, options, true), cluster: { names: clusters } };
  // What the second version serves is left alone.
  return legacy ? { services: [{ clusters, ...configuration }] } : configuration;
}

function noteTooMany({ backend }: Policy, count: number, report: Report): void {
  const { affinity } = backend;
  if (affinity === undefined) return;
  report.note({
    outcome: "lost",
    ...affinity.source,
    subject: "canary",
    value: backend.name,
    text: `Its versions have ${count} clusters in Envoy, one for each rule, and the filter tells ${MOST_CLUSTERS} apart: sessions do not stay at a version.`,
  });
}

/** One BackendTrafficPolicy for each namespace. */
export function trafficPolicies(policies: readonly Policy[]): Manifest[] {
  return [...new Set(policies.map(({ namespace }) => namespace))].map((namespace) => ({
    file: FILE,
    why: [
      `For the rules with affinity of ${namespace}: requests of one client whose pod is gone all pick the same new one, and soon. A newcomer has`,
      "no such header, and a pod by chance. 2s is longer than the second after which a lost SYN is sent again: one lost packet moves nobody.",
      "panicThreshold: pods that are ending count as unhealthy, and newcomers would meet them if they were many.",
    ].join("\n"),
    document: {
      apiVersion: API,
      kind: "BackendTrafficPolicy",
      metadata: { name: GATEWAY, namespace },
      spec: {
        targetRefs: policies
          .filter((policy) => policy.namespace === namespace)
          .flatMap(({ targets }) => targets.map(targetOf)),
        loadBalancer: {
          type: "ConsistentHash",
          // A prime, as Maglev needs; Envoy's own default.
          consistentHash: { type: "Headers", headers: [{ name: KEY_HEADER }], tableSize: 65537 },
        },
        // Where connecting fails, or the pod cannot have seen the request: another pod, and never one that was tried.
        retry: {
          numRetries: 5,
          retryOn: { triggers: ["connect-failure", "refused-stream", "reset-before-request"] },
          perRetry: { backOff: { baseInterval: "25ms", maxInterval: "250ms" } },
        },
        timeout: { tcp: { connectTimeout: "2s" } },
        healthCheck: { panicThreshold: 0 },
      },
    },
  }));
}

/** The ClientTrafficPolicy of the Gateway. */
export function clientPolicy(): Manifest {
  return {
    file: FILE,
    why: [
      "No client names a pod, a hash or a version, even if the filter were away; and no client is told a pod's address, as the filter",
      "takes it away before this does.",
    ].join("\n"),
    document: {
      apiVersion: API,
      kind: "ClientTrafficPolicy",
      metadata: { name: GATEWAY, namespace: NAMESPACE },
      spec: {
        targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: GATEWAY }],
        headers: {
          earlyRequestHeaders: { remove: [HOST_HEADER, KEY_HEADER, CLUSTER_HEADER] },
          lateResponseHeaders: { remove: [HOST_HEADER] },
        },
      },
    },
  };
}
