/** Which policies the one plugin of a gateway holds: one for each backend with affinity, by its clusters. */
import type { Report } from "./emit.ts";
import { clusterOf } from "./istio-names.ts";
import type { Backend, Canary, Model, Route } from "./model.ts";
import { portOf } from "./names.ts";
import type { Versions } from "./policy.ts";

export interface Policies {
  /** In the model's order. No cluster is in two of them. */
  readonly services: readonly Versions[];
  /** By the name of every backend with affinity that a route leads to. */
  readonly of: ReadonlyMap<string, Versions>;
}

/** The policies of all backends that a route leads to. */
export function policiesOf(model: Model, report: Report): Policies {
  // Once for all: a cluster may have thousands of either.
  const led = new Set<string>();
  const sticky = new Map<string, Canary>();
  for (const { backend, canary } of model.hosts.flatMap((host) => host.routes)) {
    led.add(backend.name);
    if (canary?.sticky && !sticky.has(backend.name)) sticky.set(backend.name, canary);
  }
  const backends = model.backends.filter(({ affinity, name }) => affinity && led.has(name));
  const byCluster = new Map<string, Versions>();

  // Those with a second version first: that version's cluster is theirs, whoever else may ask for it.
  for (const backend of backends) {
    const canary = sticky.get(backend.name);
    const [primary, second] = [version(backend), canary && version(canary.backend)];
    if (primary === undefined || second === undefined) continue;
    if (byCluster.has(primary.cluster) || byCluster.has(second.cluster)) continue;
    const versions = { primary, canary: second };
    for (const { cluster } of versionsOf(versions)) byCluster.set(cluster, versions);
  }
  const of = new Map<string, Versions>();
  for (const backend of backends) {
    const primary = version(backend);
    if (primary === undefined) continue;
    const versions = byCluster.get(primary.cluster) ?? { primary };
    byCluster.set(primary.cluster, versions);
    of.set(backend.name, versions);
    if (versions.primary.backend.name !== backend.name) noteShared(backend, versions.primary.backend, report);
  }
  return { services: [...new Set(of.values())], of };
}

/** Whether those who have been at one version of this route stay there. */
export function staysAtVersions(route: Route, canary: Canary, policies: Policies): boolean {
  return canary.sticky && policies.of.get(route.backend.name)?.canary?.backend.name === canary.backend.name;
}

/** The first version, then the second if its clients stay too. */
export function versionsOf({ primary, canary }: Versions): Versions["primary"][] {
  return [primary, ...(canary ? [canary] : [])];
}

function version(backend: Backend): Versions["primary"] | undefined {
  const port = portOf(backend);
  return port === undefined ? undefined : { backend, cluster: clusterOf(backend, port) };
}

function noteShared({ name, affinity }: Backend, owner: Backend, report: Report): void {
  if (affinity === undefined) return;
  report.note({
    outcome: "different",
    ...affinity.source,
    subject: "affinity",
    value: "cookie",
    text: `${name} is the same port of a Service as a version of ${owner.name}, and a gateway of Istio has one policy for it: the cookie is that of ${owner.name}.`,
  });
}
