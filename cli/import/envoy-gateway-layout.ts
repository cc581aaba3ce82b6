/** Which HTTPRoutes there are and what rules each has; the names of their clusters follow from that. */
import type { EmitOptions } from "./emit.ts";
import { chunks, clustersOf, numbered, unique } from "./envoy-gateway-names.ts";
import { rulesOf, type Rule } from "./envoy-gateway-rules.ts";
import type { Backend, Host } from "./model.ts";
import { nameOfHost } from "./names.ts";

export interface HttpRoute {
  readonly namespace: string;
  readonly name: string;
  /** Hosts with the same routes; `*` is alone. */
  readonly hosts: readonly Host[];
  readonly rules: readonly NamedRule[];
  /** Whether others go on where this one has no room left. */
  readonly isOneOfSeveral: boolean;
}

export interface NamedRule extends Rule {
  readonly name: string;
  /** One, or one for each backend, in their order. */
  readonly clusters: readonly string[];
}

// Of Gateway API, for an HTTPRoute.
const MOST_HOSTS = 16;
const MOST_RULES = 16;
const MOST_MATCHES = 127;

/** The HTTPRoutes of all hosts, each in the namespace of its first Ingress. */
export function layOut(hosts: readonly Host[], options: EmitOptions): HttpRoute[] {
  const names = new Set<string>();
  return alike(hosts).flatMap((group) => {
    const [first] = group;
    const [route] = first?.routes ?? [];
    if (first === undefined || route === undefined) return [];
    const name = nameOfHost(first.name, names);
    names.add(name);
    const { namespace } = route.backend;
    const parts = divided(rulesOf(first, options));
    return parts.map((rules, index) => {
      const part = { namespace, name: numbered(name, index) };
      return { ...part, hosts: group, rules: named(rules, part), isOneOfSeveral: parts.length > 1 };
    });
  });
}

/** Hosts with the same routes together, as many as one HTTPRoute may name. */
function alike(hosts: readonly Host[]): Host[][] {
  const groups = new Map<string, Host[]>();
  for (const host of hosts) {
    const routes = host.routes.map(({ source: _source, ...route }) => route);
    const key = JSON.stringify([host.name === "*", routes]);
    groups.set(key, [...(groups.get(key) ?? []), host]);
  }
  return [...groups.values()].flatMap((group) => chunks(group, MOST_HOSTS));
}

function divided(rules: readonly Rule[]): Rule[][] {
  const parts: Rule[][] = [];
  let matches = 0;
  for (const rule of rules) {
    const count = rule.paths.length * Math.max(rule.headers.length, 1);
    const last = parts.at(-1);
    if (last === undefined || last.length === MOST_RULES || matches + count > MOST_MATCHES) {
      parts.push([rule]);
      matches = count;
    } else {
      last.push(rule);
      matches += count;
    }
  }
  return parts;
}

function named(rules: readonly Rule[], route: { namespace: string; name: string }): NamedRule[] {
  const taken = new Set<string>();
  return rules.map((rule, index) => {
    const { label, backends, policy } = rule;
    const backend = label === "weights" && policy !== undefined ? policy : backends[0]?.backend;
    const words = [backend?.service, backend?.port, ...(label === "" ? [] : [label])];
    return {
      ...rule,
      name: unique(words.join("-"), taken),
      // Versions are told apart by their clusters.
      clusters: clustersOf(
        route,
        index,
        policy !== undefined && backends.length > 1 ? backends.length : "together",
      ),
    };
  });
}

/** What one EnvoyExtensionPolicy is for: the rules of a namespace with the policy of one backend. */
export interface Policy {
  readonly namespace: string;
  readonly name: string;
  readonly backend: Backend;
  readonly targets: readonly { readonly route: HttpRoute; readonly rule: NamedRule }[];
}

/** The policies of all rules, each once for a namespace. */
export function policiesOf(routes: readonly HttpRoute[]): Policy[] {
  const found = new Map<
    string,
    { namespace: string; backend: Backend; targets: Policy["targets"][number][] }
  >();
  for (const route of routes)
    for (const rule of route.rules) {
      if (rule.policy === undefined) continue;
      const { namespace } = route;
      const key = `${namespace} ${rule.policy.name}`;
      const policy = found.get(key) ?? { namespace, backend: rule.policy, targets: [] };
      policy.targets.push({ route, rule });
      found.set(key, policy);
    }
  const taken = new Set<string>();
  return [...found.values()].map((policy) => {
    const { service, port } = policy.backend;
    return { ...policy, name: unique(`affinity-${service}-${port}`, taken) };
  });
}

/** The clusters of a policy's rules, with the backend that each is of. */
export function versionsOf({ targets }: Policy): { cluster: string; backend: Backend }[] {
  return targets.flatMap(({ rule }) =>
    rule.clusters.flatMap((cluster, index) => {
      const backend = rule.backends[index]?.backend;
      return backend === undefined ? [] : [{ cluster, backend }];
    }),
  );
}

/** Whether its sessions stay at a pod; otherwise they are hashed. */
export function isPinned({ backend }: Policy, { keepBalanced }: EmitOptions): boolean {
  return !(keepBalanced && backend.affinity?.mode === "balanced");
}
