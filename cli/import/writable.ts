/** What gateways under Kubernetes cannot be told: ports by name alone, and regular expressions that are not RE2's. */
import type { Report } from "./emit.ts";
import type { Backend, Canary, Host, Route, Source } from "./model.ts";
import { portOf } from "./names.ts";
import { foreignToRe2 } from "./regex.ts";

/** The host with what can be written of it for a gateway of this name; none when nothing can. */
export function writable(host: Host, gateway: string, report: Report): Host[] {
  const routes = host.routes.flatMap((route): Route[] => {
    const { canary, ...first } = route;
    const place = `${host.name}${route.path}`;
    const { backend, path, source } = route;
    if (portOf(backend) === undefined) {
      notePort(source, backend, `${place} is left out: ${gateway}`, report);
      return [];
    }
    if (
      route.match === "regex" &&
      isForeign(path, source, "spec.rules.http.paths.path", "the path is left out", report)
    )
      return [];
    const second = canary && writableCanary(canary, source, place, gateway, report);
    return [{ ...first, ...(second && { canary: second }) }];
  });
  return routes.length === 0 ? [] : [{ ...host, routes }];
}

function writableCanary(
  canary: Canary,
  source: Source,
  place: string,
  gateway: string,
  report: Report,
): Canary | undefined {
  if (portOf(canary.backend) === undefined) {
    notePort(source, canary.backend, `${place} has no canary: ${gateway}`, report);
    return undefined;
  }
  const { header, ...rest } = canary;
  const pattern = header?.pattern;
  if (pattern === undefined) return canary;
  const subject = "canary-by-header-pattern";
  return isForeign(pattern, source, subject, "the header chooses no version", report) ? rest : canary;
}

function isForeign(pattern: string, source: Source, subject: string, lost: string, report: Report): boolean {
  const foreign = foreignToRe2(pattern);
  if (foreign === undefined) return false;
  const text = `${lost}: Envoy's regular expressions (RE2) know no ${foreign}.`;
  report.note({ outcome: "lost", ...source, subject, value: pattern, text });
  return true;
}

function notePort(source: Source, { namespace, service, port }: Backend, lost: string, report: Report): void {
  report.note({
    outcome: "lost",
    ...source,
    subject: "service.port.name",
    value: String(port),
    text: `${lost} knows ports by number, and nothing here says which number of ${namespace}/${service} this is; give the Service too.`,
  });
}
