/** From what an Ingress said of affinity to the filter's configuration, the same for every target. */
import type { EmitOptions } from "./emit.ts";
import type { Affinity, Backend } from "./model.ts";

export const HOST_HEADER = "x-affinity-host";
export const KEY_HEADER = "x-affinity-key";
export const CLUSTER_HEADER = "x-affinity-cluster";

/** The clusters of a service as Envoy names them: the first version, and the canary whose clients stay, if it has one. */
export interface Versions {
  readonly primary: { readonly backend: Backend; readonly cluster: string };
  readonly canary?: { readonly backend: Backend; readonly cluster: string };
}

/** The JSON object for the filter; README.md has its fields. */
export type FilterConfiguration = Readonly<Record<string, unknown>>;

/**
 * The policy of a backend with affinity. The header x-affinity-key is written when `keyHeader` asks for it, which Envoy
 * Gateway and Istio need to hash by.
 * @throws Error when the backend has no affinity
 */
export function policyOf(
  { primary, canary }: Versions,
  options: EmitOptions,
  keyHeader: boolean,
): FilterConfiguration {
  const { backend } = primary;
  const { affinity } = backend;
  if (affinity === undefined) throw new Error(`${backend.name}: no affinity`);
  const { cookie } = affinity;
  const balanced = options.keepBalanced && affinity.mode === "balanced";
  const accept = balanced ? undefined : acceptOf({ primary, ...(canary && { canary }) }, affinity, options);
  return {
    ...(balanced && { mode: "balanced" }),
    sessionName: sessionName(cookie.name, options.sameName, cookie.suffix),
    scope: scopeOf(backend),
    keys: [{ id: 1, env: options.keyEnv }],
    ...(cookie.lifetime !== undefined && { absoluteTimeout: duration(cookie.lifetime) }),
    cookie: {
      path: cookie.path,
      ...(cookie.domain !== undefined && { domain: cookie.domain }),
      ...(cookie.secure && { secure: true }),
      sameSite: cookie.sameSite ?? "",
      ...(cookie.conditionalSameSiteNone && { conditionalSameSiteNone: true }),
      ...(cookie.partitioned && { partitioned: true }),
      ...(cookie.lifetime !== undefined && { lifetimeType: "Permanent" }),
    },
    ...(keyHeader && !balanced && { keyHeader: KEY_HEADER }),
    ...(canary && { cluster: { names: [primary.cluster, canary.cluster] } }),
    ...(accept && { accept }),
  };
}

/** What the tokens of a backend are bound to. */
export function scopeOf({ namespace, service, port }: Backend): string {
  return `${namespace}/${service}:${port}`;
}

// What ingress-nginx calls its cookie when nothing else is said.
export const DEFAULT_NAME = "INGRESSCOOKIE";

/**
 * The name of the new cookie: another one than the old cookie's, so that ingress-nginx and the new gateway can serve the
 * same browsers side by side, and ingress-nginx again after a rollback. Prefixes such as `__Host-` stay in front.
 * @param suffix that of the cookie, if it has one
 */
export function sessionName(old: string, same: boolean, suffix?: string): string {
  const name = same ? old : old === DEFAULT_NAME ? "affinity" : `${old}-affinity`;
  return suffix === undefined ? name : `${name}-${suffix}`;
}

// Envoy and browsers keep no cookie for longer (rfc6265bis, section 5.5: 400 days); GEP-2257 has 5 digits for hours.
const MOST_SECONDS = 99_999 * 3600;

/** Seconds as a duration of GEP-2257, such as `48h` or `1h30m`. */
export function duration(seconds: number): string {
  const rest = Math.min(seconds, MOST_SECONDS);
  const parts = [
    [Math.floor(rest / 3600), "h"],
    [Math.floor((rest % 3600) / 60), "m"],
    [rest % 60, "s"],
  ] as const;
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join("");
}

function acceptOf(
  { primary, canary }: Versions,
  affinity: Affinity,
  { accept }: EmitOptions,
): object | undefined {
  const formats = [primary, ...(canary ? [canary] : [])].flatMap(({ backend, cluster }) => {
    if (backend.endpoints === undefined || backend.endpoints.length === 0) return [];
    const { name, formerPaths, domain } = affinity.cookie;
    return [
      {
        type: "ingress-nginx",
        sessionName: name,
        backend: backend.name,
        mode: affinity.mode,
        endpoints: backend.endpoints,
        paths: formerPaths,
        ...(domain !== undefined && { domain }),
        ...(canary && { cluster }),
      },
    ];
  });
  if (formats.length === 0) return undefined;
  return { until: accept.until, expireOld: accept.expireOld, formats };
}
