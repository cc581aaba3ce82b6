/** The HTTPRoutes, and the leave to refer to Services of other namespaces. */
import type { EmitOptions, Manifest } from "./emit.ts";
import { isPinned, versionsOf, type HttpRoute, type NamedRule, type Policy } from "./envoy-gateway-layout.ts";
import { oneOf, type HeaderMatch } from "./envoy-gateway-matches.ts";
import { GATEWAY, HTTP_LISTENER, NAMESPACE } from "./envoy-gateway-names.ts";
import { grants, type Reference } from "./envoy-gateway-grants.ts";
import type { Backend, Host } from "./model.ts";
import { portOf } from "./names.ts";
import { CLUSTER_HEADER, HOST_HEADER } from "./policy.ts";

/** `listeners` has those for https by host. */
export function httpRoutes(
  routes: readonly HttpRoute[],
  policies: readonly Policy[],
  listeners: ReadonlyMap<Host, string>,
  options: EmitOptions,
): Manifest[] {
  const file = "routes.yaml";
  const references = routes.flatMap(foreignServices);
  const policyOf = new Map(
    policies.flatMap((policy) => policy.targets.map(({ rule }) => [rule, policy] as const)),
  );
  return [
    ...routes.map((route) => {
      const { namespace, name, hosts, rules } = route;
      const hostnames = hosts.map((host) => host.name).filter((host) => host !== "*");
      return {
        file,
        why: whyOf(route).join("\n"),
        document: {
          apiVersion: "gateway.networking.k8s.io/v1",
          kind: "HTTPRoute",
          metadata: { name, namespace },
          spec: {
            parentRefs: [HTTP_LISTENER, ...hosts.flatMap((host) => listeners.get(host) ?? [])].map(
              (sectionName) => ({ name: GATEWAY, namespace: NAMESPACE, sectionName }),
            ),
            ...(hostnames.length > 0 && { hostnames }),
            rules: rules.map((rule) => ruleOf(rule, namespace, policyOf.get(rule), options)),
          },
        },
      };
    }),
    ...grants(references, file),
  ];
}

function whyOf({ hosts, rules, isOneOfSeveral }: HttpRoute): string[] {
  const objects = new Set(hosts.flatMap(({ routes }) => routes.map(({ source }) => source.object)));
  return [
    `${hosts.map(({ name }) => name).join(", ")}: ${[...objects].join(", ")}.`,
    ...(rules.some(({ label }) => label === "weights")
      ? [
          "For each path of a canary the first match wins, in ingress-nginx's order: who belongs to a version, header, cookie, weights.",
          "Sessions know their version by the places of these rules: put no other in front of them while a canary is out.",
        ]
      : []),
    ...(isOneOfSeveral
      ? [
          "One of several, as an HTTPRoute has 16 rules. They are tried by their age, then by their name: replace them all or none.",
        ]
      : []),
  ];
}

function ruleOf(
  rule: NamedRule,
  namespace: string,
  policy: Policy | undefined,
  options: EmitOptions,
): object {
  const { name, paths, backends } = rule;
  const headers = rule.belongsTo && policy ? [belongsTo(rule.belongsTo, policy)] : rule.headers;
  // A filter of a backend's own makes Envoy Gateway keep the backends apart: otherwise they were one cluster, of which the
  // filter could not tell which version served, and where the hash overrules the weights.
  const apart = policy !== undefined && backends.length > 1;
  return {
    name,
    matches: paths.flatMap((path) =>
      headers.length === 0 ? [{ path }] : headers.map((header) => ({ path, headers: [header] })),
    ),
    ...(policy && {
      filters: [
        // Both run behind the filters: the pod does not see these, and cannot answer in the gateway's name. Without
        // x-affinity-key the gateway could not hash by it any more.
        {
          type: "RequestHeaderModifier",
          requestHeaderModifier: { remove: [HOST_HEADER, CLUSTER_HEADER] },
        },
        { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: [HOST_HEADER] } },
      ],
    }),
    ...(policy &&
      isPinned(policy, options) && { sessionPersistence: { type: "Header", sessionName: HOST_HEADER } }),
    backendRefs: backends.map(({ backend, weight }) => ({
      name: backend.service,
      ...(backend.namespace !== namespace && { namespace: backend.namespace }),
      port: portOf(backend),
      ...(weight !== undefined && { weight }),
      ...(apart && {
        filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { remove: [CLUSTER_HEADER] } }],
      }),
    })),
  };
}

/** Whose sessions are of this version: the filter sets this header, takes a client's own away, and has the route chosen again. */
function belongsTo({ name }: Backend, policy: Policy): HeaderMatch {
  const own = versionsOf(policy).filter(({ backend }) => backend.name === name);
  return oneOf(
    CLUSTER_HEADER,
    own.map(({ cluster }) => cluster),
  );
}

function foreignServices({ namespace, rules }: HttpRoute): Reference[] {
  const backends = rules.flatMap((rule) => rule.backends.map(({ backend }) => backend));
  return backends
    .filter((backend) => backend.namespace !== namespace)
    .map((backend) => ({
      from: { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace },
      to: { kind: "Service", namespace: backend.namespace, name: backend.service },
    }));
}
