/** From the model to Istio's own objects for an ingress gateway. */
import type { EmitOptions, Manifest, Report } from "./emit.ts";
import { destinationRules, envoyFilter, wasmPlugin } from "./istio-affinity.ts";
import { gateway } from "./istio-gateway.ts";
import { policiesOf, staysAtVersions, type Policies } from "./istio-policies.ts";
import { virtualService } from "./istio-routes.ts";
import type { Backend, Host, Model } from "./model.ts";
import { nameOfHost } from "./names.ts";
import { noteRetries, noteWildcard } from "./notes.ts";
import { writable } from "./writable.ts";

/** Gateway, VirtualServices and, where there is affinity, WasmPlugin, EnvoyFilter and DestinationRules, in this order. */
export function toIstio(model: Model, options: EmitOptions, report: Report): Manifest[] {
  const hosts = model.hosts.flatMap((host) => writable(host, "Istio", report));
  if (hosts.length === 0) return [];
  const policies = policiesOf({ hosts, backends: model.backends }, report);
  const balanced = ({ affinity }: Backend): boolean => options.keepBalanced && affinity?.mode === "balanced";
  const pinned = policies.services.map(({ primary }) => primary.backend).filter((each) => !balanced(each));
  noteRetries(pinned, "Istio", report);
  const names = new Set<string>();
  const services = hosts.map((host) => {
    noteDifferences(host, policies, report);
    const name = nameOfHost(host.name, names);
    names.add(name);
    return virtualService(host, name, policies, options);
  });
  return [
    gateway(hosts, report),
    ...services,
    ...(policies.services.length > 0
      ? [wasmPlugin(policies, options), envoyFilter(policies), ...destinationRules(policies)]
      : []),
  ];
}

function noteDifferences(host: Host, policies: Policies, report: Report): void {
  noteWildcard(host, "Istio's", report);
  for (const route of host.routes) {
    const { canary, backend, source } = route;
    if (canary?.sticky && policies.of.has(backend.name) && !staysAtVersions(route, canary, policies))
      report.note({
        outcome: "lost",
        ...source,
        subject: "canary",
        value: canary.backend.name,
        text: `${canary.backend.name} is a version of another backend already, and a gateway of Istio has one policy for each Service: its clients do not stay there.`,
      });
  }
}
