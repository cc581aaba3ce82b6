/** What Envoy Gateway has no field for; each patch by itself, as each can be left out. */
import type { EmitOptions, Manifest } from "./emit.ts";
import { isPinned, type Policy } from "./envoy-gateway-layout.ts";
import { GATEWAY, HTTP_LISTENER, NAMESPACE, wasmFilterOf, xdsListenerOf } from "./envoy-gateway-names.ts";
import type { Host } from "./model.ts";

const NEEDS = [
  "Optional. Needs extensionApis.enableEnvoyPatchPolicy: true in Envoy Gateway's own configuration. It names what Envoy Gateway makes of",
  "HTTPRoutes by their rules' places: whoever moves a rule writes this anew.",
];

/** The EnvoyPatchPolicies, in a file of their own. */
export function patchPolicies(
  policies: readonly Policy[],
  listeners: ReadonlyMap<Host, string>,
  options: EmitOptions,
): Manifest[] {
  const clusters = policies.filter((policy) => isPinned(policy, options)).flatMap(existing);
  return [
    ...(clusters.length > 0
      ? [
          patchPolicy(
            "affinity-draining",
            "Why: without it a pod that is ending, or is not ready for a while, loses its clients at once. With it they stay until it is gone.",
            clusters.map((name) => ({
              type: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
              name,
              operation: {
                op: "add",
                path: "/common_lb_config/override_host_status",
                value: { statuses: ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"] },
              },
            })),
          ),
        ]
      : []),
    patchPolicy(
      "affinity-reload",
      "Why: Envoy starts a filter that cannot go on anew with this, after a second of 503. Without it affinity stays off until Envoy starts anew.",
      policies.flatMap((policy) =>
        xdsListenersOf(policy, listeners).flatMap((name) => reloads(name, policy)),
      ),
    ),
  ];
}

function patchPolicy(name: string, why: string, jsonPatches: readonly object[]): Manifest {
  return {
    file: "patches.yaml",
    why: [...NEEDS, why].join("\n"),
    document: {
      apiVersion: "gateway.envoyproxy.io/v1alpha1",
      kind: "EnvoyPatchPolicy",
      metadata: { name, namespace: NAMESPACE },
      spec: {
        targetRef: { group: "gateway.networking.k8s.io", kind: "Gateway", name: GATEWAY },
        type: "JSONPatch",
        jsonPatches,
      },
    },
  };
}

/** The listeners of Envoy that have the policy's filter. */
function xdsListenersOf({ targets }: Policy, listeners: ReadonlyMap<Host, string>): string[] {
  const [secure] = listeners.values();
  const isSecure = targets.some(({ route }) => route.hosts.some((host) => listeners.has(host)));
  return [HTTP_LISTENER, ...(isSecure && secure !== undefined ? [secure] : [])].map(xdsListenerOf);
}

/** Either fail_open or failure_policy: both are refused by Envoy. */
function reloads(listener: string, policy: Policy): object[] {
  const jsonPath = `$..http_filters[?(@.name=="${wasmFilterOf(policy)}")].typed_config.config`;
  const patch = (operation: object): object => ({
    type: "type.googleapis.com/envoy.config.listener.v3.Listener",
    name: listener,
    operation: { ...operation, jsonPath },
  });
  return [
    patch({ op: "remove", path: "fail_open" }),
    patch({ op: "add", path: "failure_policy", value: "FAIL_RELOAD" }),
  ];
}

/** Envoy Gateway makes no cluster of what has weight 0, and would refuse to patch it. */
function existing({ targets }: Policy): string[] {
  return targets.flatMap(({ rule: { backends, clusters } }) =>
    clusters.filter((_cluster, index) => backends[index]?.weight !== 0),
  );
}
