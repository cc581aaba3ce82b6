/** The VirtualServices: which path of a host goes where, and to which version. */
import type { EmitOptions, Manifest } from "./emit.ts";
import { GATEWAY, NAMESPACE, hostOf } from "./istio-names.ts";
import { staysAtVersions, versionsOf, type Policies } from "./istio-policies.ts";
import type { Backend, Canary, Host, Route } from "./model.ts";
import { portOf } from "./names.ts";
import { CLUSTER_HEADER, HOST_HEADER, sessionName } from "./policy.ts";
import { cookieRegex, formerValue, literal } from "./regex.ts";

interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

interface RequestMatch {
  readonly uri: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
}

/** One VirtualService for a host; `name` is its own. Every backend has a port that is known. */
export function virtualService(host: Host, name: string, policies: Policies, options: EmitOptions): Manifest {
  const canary = host.routes.some((route) => route.canary !== undefined);
  return {
    file: "routes.yaml",
    why: [
      `${host.name}: ${[...new Set(host.routes.map(({ source }) => source.object))].join(", ")}.`,
      ...(canary
        ? [
            "For each path of a canary the first match wins, in ingress-nginx's order: who belongs to a version, header, cookie, weights.",
          ]
        : []),
    ].join("\n"),
    document: {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name, namespace: NAMESPACE },
      spec: {
        hosts: [host.name],
        gateways: [GATEWAY],
        http: host.routes.flatMap((route) => httpRoutes(route, policies, options)),
      },
    },
  };
}

function httpRoutes(route: Route, policies: Policies, options: EmitOptions): object[] {
  const paths = pathMatches(route);
  const common = {
    // What runs behind the filters: the pod does not see them, and cannot answer in the gateway's name. Without
    // x-affinity-key the gateway could not hash by it any more.
    headers: {
      request: { remove: [HOST_HEADER, CLUSTER_HEADER] },
      response: { remove: [HOST_HEADER] },
    },
    ...(policies.of.has(route.backend.name) && { retries: RETRIES }),
  };
  const { canary } = route;
  if (canary === undefined) return [{ match: paths, route: [destination(route.backend)], ...common }];
  const choices = [...belonging(route, canary, policies, options), ...asked(route.backend, canary)];
  return [
    ...choices.map(({ name, headers, backend }) => ({
      name,
      match: headers.flatMap((header) => paths.map((path) => ({ ...path, headers: header }))),
      route: [destination(backend)],
      ...common,
    })),
    { name: "weights", match: paths, route: weighted(route.backend, canary), ...common },
  ];
}

// Where connecting fails, or the pod cannot have seen the request: another pod, and never one that was tried. Istio
// leaves tried pods in with consistent hashing unless it is told.
const RETRIES = {
  attempts: 5,
  retryOn: "connect-failure,refused-stream,reset-before-request",
  retryIgnorePreviousHosts: true,
};

function destination(backend: Backend): object {
  return { destination: { host: hostOf(backend), port: { number: portOf(backend) } } };
}

function weighted(primary: Backend, { backend, weight, total }: Canary): object[] {
  if (weight === 0) return [destination(primary)];
  if (weight === total) return [destination(backend)];
  return [
    { ...destination(primary), weight: total - weight },
    { ...destination(backend), weight },
  ];
}

/** Any one of them. */
function pathMatches({ path, match }: Route): RequestMatch[] {
  switch (match) {
    case "exact":
      return [{ uri: { exact: path } }];
    case "start":
      return [{ uri: { prefix: path } }];
    case "regex":
      return [{ uri: { regex: `(?i)${path.includes("|") ? `(?:${path})` : path}.*` } }];
    case "prefix":
      // A prefix of Istio's is one of characters: `/a` alone would take `/ab`.
      return path.endsWith("/")
        ? [{ uri: { prefix: path } }]
        : [{ uri: { exact: path } }, { uri: { prefix: `${path}/` } }];
  }
}

/** Requests with any one of these headers go to the backend. */
interface Choice {
  readonly name: string;
  readonly headers: readonly Readonly<Record<string, StringMatch>>[];
  readonly backend: Backend;
}

/** Who belongs to a version, which comes before all else. */
function belonging(route: Route, canary: Canary, policies: Policies, options: EmitOptions): Choice[] {
  const versions = policies.of.get(route.backend.name);
  const affinity = versions?.primary.backend.affinity;
  if (versions === undefined || affinity === undefined) return [];
  if (staysAtVersions(route, canary, policies)) {
    // The filter sets this header, takes a client's own away, and has the route chosen again.
    return versionsOf(versions).map(({ backend, cluster }, index) => ({
      name: index === 0 ? "belongs-to-primary" : "belongs-to-canary",
      headers: [{ [CLUSTER_HEADER]: { exact: cluster } }],
      backend,
    }));
  }
  // The second version sets no cookie: who has one is of the first.
  const { name, suffix } = affinity.cookie;
  const headers = [{ cookie: { regex: cookieRegex(literal(sessionName(name, options.sameName, suffix))) } }];
  if (route.backend.endpoints?.length && !(options.keepBalanced && affinity.mode === "balanced"))
    headers.push({ cookie: { regex: cookieRegex(literal(name), formerValue(route.backend)) } });
  return [{ name: "belongs-to-primary", headers, backend: route.backend }];
}

/** Who asks for a version, by header before cookie. */
function asked(primary: Backend, { backend: canary, header, cookie }: Canary): Choice[] {
  const choices: Choice[] = [];
  if (header !== undefined) {
    // Istio wants the names of headers in lower case.
    const by = (value: StringMatch) => [{ [header.name.toLowerCase()]: value }];
    if (header.value !== undefined)
      choices.push({ name: "header", headers: by({ exact: header.value }), backend: canary });
    else if (header.pattern !== undefined)
      choices.push({ name: "header", headers: by({ regex: `.*(?:${header.pattern}).*` }), backend: canary });
    else
      choices.push(
        { name: "header-always", headers: by({ exact: "always" }), backend: canary },
        { name: "header-never", headers: by({ exact: "never" }), backend: primary },
      );
  }
  if (cookie !== undefined) {
    // nginx's $cookie_ heeds no case in names.
    const by = (value: string) => [{ cookie: { regex: cookieRegex(`(?i:${literal(cookie)})`, value) } }];
    choices.push(
      { name: "cookie-always", headers: by("always"), backend: canary },
      { name: "cookie-never", headers: by("never"), backend: primary },
    );
  }
  return choices;
}
