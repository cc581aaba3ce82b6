/** From the model to objects of Gateway API and of Envoy Gateway. */
import type { EmitOptions, Manifest, Report } from "./emit.ts";
import { clientPolicy, extensionPolicies, trafficPolicies } from "./envoy-gateway-affinity.ts";
import { gateway, gatewayClass, listenersOf } from "./envoy-gateway-class.ts";
import { isPinned, layOut, policiesOf, type Policy } from "./envoy-gateway-layout.ts";
import { pathMatch } from "./envoy-gateway-matches.ts";
import { patchPolicies } from "./envoy-gateway-patches.ts";
import { httpRoutes } from "./envoy-gateway-routes.ts";
import type { Host, Model, Route } from "./model.ts";
import { noteRetries, noteWildcard } from "./notes.ts";
import { writable } from "./writable.ts";

/**
 * GatewayClass, EnvoyProxy, Gateway, HTTPRoutes and their ReferenceGrants; where there is affinity EnvoyExtensionPolicies,
 * BackendTrafficPolicies and ClientTrafficPolicy; EnvoyPatchPolicies last.
 */
export function toEnvoyGateway(model: Model, options: EmitOptions, report: Report): Manifest[] {
  const hosts = model.hosts.flatMap((host) => nameable(host, report));
  if (hosts.length === 0) return [];
  const listeners = listenersOf(hosts, report);
  const routes = layOut(hosts, options);
  const policies = policiesOf(routes);
  const affinity = policies.length > 0;
  for (const host of hosts) noteWildcard(host, "Gateway API's", report);
  notePolicies(policies, options, report);
  return [
    ...gatewayClass(options, affinity),
    ...gateway(listeners),
    ...httpRoutes(routes, policies, listeners, options),
    ...(affinity
      ? [
          ...extensionPolicies(policies, options, report),
          ...trafficPolicies(policies),
          clientPolicy(),
          ...patchPolicies(policies, listeners, options),
        ]
      : []),
  ];
}

// Of Gateway API, for a hostname and for the value of a path.
const HOST = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const MOST_PATH = 1024;

/** The host with what can be written of it; none when nothing can. */
function nameable(host: Host, report: Report): Host[] {
  const { name } = host;
  const [first] = host.routes;
  if (first !== undefined && name !== "*" && !HOST.test(name)) {
    const text = `${name} is left out: it is no name of a host for Gateway API.`;
    report.note({ outcome: "lost", ...first.source, subject: "spec.rules.host", value: name, text });
    return [];
  }
  const routes = host.routes.filter((route) => isShort(route, name, report));
  return writable({ ...host, routes }, "Gateway API", report);
}

function isShort(route: Route, host: string, report: Report): boolean {
  if (pathMatch(route).value.length <= MOST_PATH) return true;
  const { path, source } = route;
  report.note({
    outcome: "lost",
    ...source,
    subject: "spec.rules.http.paths.path",
    value: path,
    text: `A path of ${host} is left out: it is longer than Gateway API lets one be.`,
  });
  return false;
}

function notePolicies(policies: readonly Policy[], options: EmitOptions, report: Report): void {
  const pinned = policies.filter((policy) => isPinned(policy, options));
  const backends = new Map(pinned.map(({ backend }) => [backend.name, backend]));
  noteRetries([...backends.values()], "Envoy Gateway", report);
}
