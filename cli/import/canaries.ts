/** Canary Ingresses: which backend is the second version of which, and who goes there. */
import { shown } from "../commands/text.ts";
import type { Name } from "./annotations.ts";
import type { Change, Changes } from "./cookie.ts";
import type { Report } from "./emit.ts";
import type { Reader } from "./fields.ts";
import type { Ingress, Reference } from "./ingress-object.ts";
import type { Location, Servers } from "./locations.ts";
import type { Canary } from "./model.ts";
import { backendName } from "./services.ts";

export interface Alternative {
  readonly backend: Reference;
  /** The Ingress that made it the second version. */
  readonly ingress: Ingress;
  /** The Ingress that says who goes there: the oldest that names the backend. */
  readonly policy: Ingress;
}

export interface Canaries {
  /** By the name of the first version. */
  readonly of: ReadonlyMap<string, Alternative>;
  /** Those whose annotations have an effect. */
  readonly effective: ReadonlySet<Ingress>;
}

/** mergeAlternativeBackends in controller.go: a second version is one of a backend, at all of its paths. */
export function canariesOf(canaries: readonly Ingress[], servers: Servers, reader: Reader): Canaries {
  const { report, budget } = reader;
  const of = new Map<string, Alternative>();
  const policies = new Map<string, Ingress>();
  const effective = new Set<Ingress>();
  for (const ingress of canaries) {
    for (const { backend } of wanted(ingress))
      if (!policies.has(backendName(backend))) policies.set(backendName(backend), ingress);
  }
  for (const ingress of canaries) {
    for (const { backend, place, locations } of wanted(ingress)) {
      const name = backendName(backend);
      const there = locations(servers);
      budget.spend(ingress.source.file, there.length + 1);
      const primaries = new Set(
        there.map((location) => backendName(location.backend)).filter((primary) => primary !== name),
      );
      if (primaries.size === 0) noteAlone(ingress, name, place, there.length > 0, report);
      for (const primary of primaries) {
        const first = of.get(primary);
        const policy = policies.get(name) ?? ingress;
        if (first === undefined) of.set(primary, { backend, ingress, policy });
        else if (backendName(first.backend) !== name) noteSecond(ingress, name, primary, first, report);
        if (first === undefined || backendName(first.backend) === name) {
          effective.add(policy);
          if (policy !== ingress) notePolicy(ingress, name, policy, report);
        }
      }
    }
  }
  return { of, effective };
}

interface Wanted {
  readonly backend: Reference;
  readonly place: string;
  locations(servers: Servers): Location[];
}

function wanted(ingress: Ingress): Wanted[] {
  const { defaultBackend, rules } = ingress;
  const all: Wanted[] = rules.flatMap(({ host, paths }) =>
    paths.map(({ path, type, backend }) => ({
      backend,
      place: `${host}${path}`,
      locations: (servers) => {
        const location = servers.get(host)?.locations.get(`${type} ${path}`);
        return location === undefined ? [] : [location];
      },
    })),
  );
  if (defaultBackend === undefined) return all;
  const locations = (servers: Servers) => [...(servers.get("*")?.locations.values() ?? [])];
  return [{ backend: defaultBackend, place: "spec.defaultBackend", locations }, ...all];
}

function noteAlone({ source }: Ingress, name: string, place: string, itself: boolean, report: Report): void {
  report.note({
    outcome: "invalid",
    ...source,
    subject: "canary",
    value: name,
    text: itself
      ? `${shown(place)} is ${name}'s already, which is no second version of itself; of no effect, as in ingress-nginx.`
      : `No other Ingress has ${shown(place)}, in this pathType, for it to be the second version of; of no effect, as in ingress-nginx.`,
  });
}

function noteSecond(
  { source }: Ingress,
  name: string,
  primary: string,
  first: Alternative,
  report: Report,
): void {
  report.note({
    outcome: "invalid",
    ...source,
    subject: "canary",
    value: name,
    text: `${primary} has a second version already, ${backendName(first.backend)} of ${first.ingress.source.object}, and ingress-nginx looks at the first alone; of no effect, as there.`,
  });
}

function notePolicy({ source }: Ingress, name: string, policy: Ingress, report: Report): void {
  report.note({
    outcome: "invalid",
    ...source,
    subject: "canary",
    value: name,
    text: `Who goes to ${name} is said by ${policy.source.object}, the oldest Ingress that names it, as in ingress-nginx.`,
  });
}

/** Who goes to the canary: balancer.lua, route_to_alternative_balancer. */
export function shareOf({ given: { settings } }: Ingress): {
  share: Omit<Canary, "backend" | "sticky">;
  changes: Changes;
} {
  const changes = new Map<Name, Change>();
  const total = Math.max(100, settings["canary-weight-total"] ?? 100);
  const given = settings["canary-weight"] ?? 0;
  const weight = Math.min(Math.max(given, 0), total);
  if (weight !== given)
    changes.set("canary-weight", { outcome: "converted", text: `it counts as ${weight}, of ${total}` });
  const header = headerOf(settings["canary-by-header"], changes);
  const { "canary-by-header-value": value, "canary-by-header-pattern": pattern } = settings;
  for (const name of ["canary-by-header-value", "canary-by-header-pattern"] as const)
    if (header === undefined) changes.set(name, ofNoEffect("without canary-by-header"));
  if (value !== undefined && pattern !== undefined)
    changes.set("canary-by-header-pattern", ofNoEffect("beside canary-by-header-value"));
  const cookie = cookieOf(settings["canary-by-cookie"], changes);
  return {
    share: {
      weight,
      total,
      ...(header !== undefined && {
        header: {
          name: header,
          ...(value !== undefined ? { value } : pattern !== undefined && { pattern }),
        },
      }),
      ...(cookie !== undefined && { cookie }),
    },
    changes,
  };
}

export function ofNoEffect(why: string): Change {
  return { outcome: "invalid", text: `of no effect ${why}, as in ingress-nginx` };
}

/** nginx's $http_ takes hyphens for underscores, and drops headers whose names have more than letters, digits and these. */
function headerOf(given: string | undefined, changes: Map<Name, Change>): string | undefined {
  if (given === undefined) return undefined;
  if (!/^[A-Za-z0-9_-]+$/.test(given)) {
    changes.set("canary-by-header", ofNoEffect("as no header that nginx looks at has such a name"));
    return undefined;
  }
  const name = given.replaceAll("_", "-");
  if (name !== given)
    changes.set("canary-by-header", {
      outcome: "converted",
      text: `it stands for the header ${name}, as in ingress-nginx`,
    });
  return name;
}

/** nginx's $cookie_ ends a name at what no variable has. */
function cookieOf(given: string | undefined, changes: Map<Name, Change>): string | undefined {
  if (given === undefined || !/[/: ]/.test(given)) return given;
  changes.set("canary-by-cookie", ofNoEffect("as no cookie has such a name"));
  return undefined;
}
