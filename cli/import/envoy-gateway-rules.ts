/** From paths and canaries to the rules of HTTPRoutes. */
import type { EmitOptions } from "./emit.ts";
import { asked, inCookie, pathMatch, type HeaderMatch, type PathMatch } from "./envoy-gateway-matches.ts";
import { chunks } from "./envoy-gateway-names.ts";
import type { Affinity, Backend, Canary, Host, Route } from "./model.ts";
import { sessionName } from "./policy.ts";
import { formerValue, literal } from "./regex.ts";

export interface Rule {
  /** What distinguishes it from other rules for the same backend, for its name. */
  readonly label: string;
  /** Any one of them. */
  readonly paths: readonly PathMatch[];
  /** Any one of them; none for all requests. */
  readonly headers: readonly HeaderMatch[];
  /** For the sessions of this version alone, whose header the filter writes. */
  readonly belongsTo?: Backend;
  readonly backends: readonly Weighted[];
  /** The backend whose policy the rule has. */
  readonly policy?: Backend;
  /** For a policy: whether what the second version serves is left alone. */
  readonly legacy?: boolean;
}

export interface Weighted {
  readonly backend: Backend;
  readonly weight?: number;
}

// Of Gateway API, for a rule.
const MOST_MATCHES = 64;

/** The rules of a host in the order in which they are to be tried. */
export function rulesOf({ routes }: Host, options: EmitOptions): Rule[] {
  const rules: Rule[] = [];
  for (const rule of routes.flatMap((route) => ofRoute(route, options))) {
    const last = rules.at(-1);
    if (last !== undefined && isAlike(last, rule))
      rules[rules.length - 1] = { ...last, paths: [...last.paths, ...rule.paths] };
    else rules.push(rule);
  }
  return rules.flatMap((rule) => {
    const most = Math.floor(MOST_MATCHES / Math.max(rule.headers.length, 1));
    return chunks(rule.paths, most).map((paths) => ({ ...rule, paths }));
  });
}

function isAlike(one: Rule, other: Rule): boolean {
  return [one, other].every(({ label }) => label === "") && nameOf(one) === nameOf(other);
}

function nameOf({ backends }: Rule): string | undefined {
  return backends[0]?.backend.name;
}

function ofRoute(route: Route, options: EmitOptions): Rule[] {
  const { backend, canary } = route;
  const paths = [pathMatch(route)];
  const policy = backend.affinity && { policy: backend };
  if (canary === undefined) return [{ label: "", paths, headers: [], backends: [{ backend }], ...policy }];
  // Only the first version's answers set a cookie then.
  const legacy = !canary.sticky;
  const choices = asked(backend, canary).map(({ label, header, backend: to }) => ({
    label,
    paths,
    headers: [header],
    backends: [{ backend: to }],
    ...((to === backend || !legacy) && policy),
  }));
  const weights = { label: "weights", paths, headers: [] };
  return [
    ...(backend.affinity ? belonging(backend, backend.affinity, canary, paths, options) : []),
    ...choices,
    backend.affinity
      ? { ...weights, backends: weighted(backend, canary), ...policy, ...(legacy && { legacy }) }
      : { ...weights, backends: weighted(backend, canary).filter(({ weight }) => weight > 0) },
  ];
}

/** Who belongs to a version, which comes before all else. */
function belonging(
  primary: Backend,
  affinity: Affinity,
  canary: Canary,
  paths: readonly PathMatch[],
  options: EmitOptions,
): Rule[] {
  if (canary.sticky)
    return [primary, canary.backend].map((backend, index) => ({
      label: index === 0 ? "belongs" : "belongs-canary",
      paths,
      headers: [],
      belongsTo: backend,
      backends: [{ backend }],
      policy: primary,
    }));
  // The second version sets no cookie: who has one is of the first.
  const { name, suffix } = affinity.cookie;
  const headers = [inCookie(literal(sessionName(name, options.sameName, suffix)))];
  if (primary.endpoints?.length && !(options.keepBalanced && affinity.mode === "balanced"))
    headers.push(inCookie(literal(name), formerValue(primary)));
  return [{ label: "belongs", paths, headers, backends: [{ backend: primary }], policy: primary }];
}

// Of Gateway API, for a backend.
const MOST_WEIGHT = 1_000_000;

/** With affinity a backend of weight 0 stays: a version's cluster has its name by its place. */
function weighted(primary: Backend, { backend, weight, total }: Canary): Required<Weighted>[] {
  const scale = Math.min(1, MOST_WEIGHT / total);
  const scaled = (value: number): number => (value <= 0 ? 0 : Math.max(1, Math.round(value * scale)));
  return [
    { backend: primary, weight: scaled(total - weight) },
    { backend, weight: scaled(weight) },
  ];
}
