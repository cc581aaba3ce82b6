/** One filter for each backend with affinity that a route leads to. */
import type { EmitOptions } from "./emit.ts";
import type { Backend, Canary, Model, Route } from "./model.ts";
import { policyOf, type FilterConfiguration, type Versions } from "./policy.ts";

export interface Policy {
  /** The name of its filter in the chain. */
  readonly filter: string;
  readonly versions: Versions;
  /** The name of the new cookie. */
  readonly cookie: string;
  readonly balanced: boolean;
  /** Whether a pod that refuses keeps its clients, who get 503 (session-cookie-change-on-failure is "false"). */
  readonly keepsFailed: boolean;
  /** Whether the filter tells routes by x-affinity-cluster who has a pod, and at which version. */
  readonly tellsCluster: boolean;
}

/** By the name of the backend. */
export type Policies = ReadonlyMap<string, Policy>;

/** The policies of all backends with affinity that a route leads to, in the model's order. */
export function policiesOf(
  model: Model,
  clusters: ReadonlyMap<string, string>,
  options: EmitOptions,
): Policies {
  const routes = model.hosts.flatMap((host) => host.routes);
  const leadingTo = ({ name }: Backend): Route[] => routes.filter((route) => route.backend.name === name);
  const backends = model.backends.filter((backend) => backend.affinity && leadingTo(backend).length > 0);
  const version = (backend: Backend) => ({ backend, cluster: clusters.get(backend.name) ?? backend.name });
  return new Map(
    backends.map((backend): [string, Policy] => {
      const { affinity } = backend;
      if (affinity === undefined) throw new Error(`${backend.name}: no affinity`);
      const canaries = leadingTo(backend).flatMap(({ canary }) => canary ?? []);
      const sticky = canaries.find((canary) => canary.sticky)?.backend;
      const versions = { primary: version(backend), ...(sticky && { canary: version(sticky) }) };
      const balanced = options.keepBalanced && affinity.mode === "balanced";
      // Where the table chooses the pod, who is served by another one only once would never meet that one again.
      const keepsFailed = !affinity.changeOnFailure && !balanced;
      const policy = {
        filter: backends.length === 1 ? "affinity" : `affinity/${versions.primary.cluster}`,
        versions,
        cookie: String(policyOf(versions, options, false)["sessionName"]),
        balanced,
        keepsFailed,
        tellsCluster: keepsFailed || canaries.length > 0,
      };
      return [backend.name, policy];
    }),
  );
}

/** The filter's JSON. */
export function configurationOf(
  { versions, tellsCluster }: Policy,
  options: EmitOptions,
): FilterConfiguration {
  const configuration = policyOf(versions, options, false);
  if (!tellsCluster || versions.canary !== undefined) return configuration;
  return { ...configuration, cluster: { names: [versions.primary.cluster] } };
}

/** Whether those who have been at one version of this canary stay there. */
export function staysAtVersions(policy: Policy, canary: Canary): boolean {
  return canary.sticky && policy.versions.canary?.backend.name === canary.backend.name;
}

/** By the name of each backend whose pods are chosen for clients that stay: of first versions, and of second ones that keep theirs. */
export function policyOfBackends(policies: Policies): ReadonlyMap<string, Policy> {
  const found = new Map<string, Policy>();
  for (const policy of policies.values()) {
    const { primary, canary } = policy.versions;
    for (const { backend } of canary ? [primary, canary] : [primary])
      found.set(backend.name, found.get(backend.name) ?? policy);
  }
  return found;
}
