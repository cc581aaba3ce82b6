/** What Envoy cannot be told, and what is another thing there than in ingress-nginx. */
import type { Report } from "./emit.ts";
import { dnsPort } from "./envoy-names.ts";
import { staysAtVersions, type Policies, type Policy } from "./envoy-policies.ts";
import type { Backend, Canary, Host, Route, Source } from "./model.ts";
import { foreignToRe2 } from "./regex.ts";

/** The host with what can be written of it: pods need a number of a port, and Envoy's regular expressions are RE2's. */
export function writable(host: Host, report: Report): Host[] {
  const routes = host.routes.flatMap((route): Route[] => {
    const { canary, ...first } = route;
    const { backend, path, match, source } = route;
    const place = `${host.name}${path}`;
    if (!isReachable(backend)) {
      notePort(source, backend, `${place} is left out`, report);
      return [];
    }
    const subject = "spec.rules.http.paths.path";
    if (match === "regex" && isForeign(path, source, subject, `${place} is left out`, report)) return [];
    const second = canary && writableCanary(canary, source, place, report);
    return [{ ...first, ...(second && { canary: second }) }];
  });
  return routes.length === 0 ? [] : [{ ...host, routes }];
}

function isReachable(backend: Backend): boolean {
  return backend.endpoints !== undefined || dnsPort(backend) !== undefined;
}

function writableCanary(canary: Canary, source: Source, place: string, report: Report): Canary | undefined {
  if (!isReachable(canary.backend)) {
    notePort(source, canary.backend, `${place} has no canary`, report);
    return undefined;
  }
  const { header, ...rest } = canary;
  const pattern = header?.pattern;
  if (pattern === undefined || header?.value !== undefined) return canary;
  const lost = "the header chooses no version";
  return isForeign(pattern, source, "canary-by-header-pattern", lost, report) ? rest : canary;
}

function isForeign(pattern: string, source: Source, subject: string, lost: string, report: Report): boolean {
  const foreign = foreignToRe2(pattern);
  if (foreign === undefined && isBalanced(pattern)) return false;
  const why =
    foreign === undefined
      ? "this is no regular expression"
      : `Envoy's regular expressions (RE2) know no ${foreign}`;
  report.note({ outcome: "lost", ...source, subject, value: pattern, text: `${lost}: ${why}.` });
  return true;
}

/** Flags in front, which JavaScript does not know, are neither here nor there for brackets. */
function isBalanced(pattern: string): boolean {
  try {
    new RegExp(pattern.replace(/\(\?[imsU-]+(?=[:)])/g, "(?:").replace(/\(\?P</g, "(?<"));
    return true;
  } catch {
    return false;
  }
}

function notePort(source: Source, { namespace, service, port }: Backend, lost: string, report: Report): void {
  report.note({
    outcome: "lost",
    ...source,
    subject: "service.port.name",
    value: String(port),
    text: `${lost}: nothing here says which number port ${port} of ${namespace}/${service} has; give the Service or its EndpointSlices too.`,
  });
}

/** Notes for what is written: hosts with certificates, Services that are not headless, canaries, failing pods. */
export function noteDifferences(
  hosts: readonly Host[],
  backends: readonly Backend[],
  policies: Policies,
  report: Report,
): void {
  for (const host of hosts) {
    noteTls(host, report);
    for (const route of host.routes) noteCanary(route, policies.get(route.backend.name), report);
  }
  for (const backend of backends) {
    const policy = policies.get(backend.name);
    if (policy !== undefined) notePolicy(backend, policy, report);
  }
}

function noteTls({ name, tls, routes }: Host, report: Report): void {
  const [route] = routes;
  if (tls === undefined || route === undefined) return;
  report.note({
    outcome: "lost",
    ...route.source,
    subject: "spec.tls",
    value: `${tls.namespace}/${tls.name}`,
    text: `${name} is served over plain http alone: end TLS in front of it (and set xff_num_trusted_hops: 1), or give the listener a filter chain with this certificate.`,
  });
}

function noteCanary({ backend, canary, source }: Route, policy: Policy | undefined, report: Report): void {
  if (!canary?.sticky || policy === undefined || staysAtVersions(policy, canary)) return;
  report.note({
    outcome: "lost",
    ...source,
    subject: "canary",
    value: canary.backend.name,
    text: `${backend.name} has ${policy.versions.canary?.backend.name} as its second version elsewhere, and one filter knows two: clients of ${canary.backend.name} do not stay there.`,
  });
}

function notePolicy(backend: Backend, policy: Policy, report: Report): void {
  const { affinity, namespace, service } = backend;
  if (affinity === undefined) return;
  const note = (outcome: "different" | "lost", subject: string, value: string, text: string): void =>
    report.note({ outcome, ...affinity.source, subject, value, text });
  if (policy.balanced && !affinity.changeOnFailure)
    note(
      "different",
      "session-cookie-change-on-failure",
      "false",
      "a client whose pod refuses is served by another one until its own answers again, and keeps its cookie: in mode balanced no cookie names a pod.",
    );
  if (backend.endpoints !== undefined) return;
  const how = `make it headless (clusterIP: None), or give its EndpointSlices by --endpoints`;
  if (backend.headless === false)
    note(
      "lost",
      "affinity",
      "cookie",
      `${namespace}/${service} has a cluster IP, so that its DNS name is one address behind which no pod can be chosen: ${how}.`,
    );
  else if (backend.headless === undefined)
    note(
      "different",
      "affinity",
      "cookie",
      `${namespace}/${service} has to be a headless Service whose pods listen on port ${dnsPort(backend)}: Envoy finds the pods by its DNS name. If it is not, ${how}.`,
    );
}
