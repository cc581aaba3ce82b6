/** The routes of one path: who goes to which version, what is sent again, and which filters act. */
import type { Explain } from "./envoy-explain.ts";
import { typeUrl } from "./envoy-names.ts";
import { staysAtVersions, type Policies, type Policy } from "./envoy-policies.ts";
import type { Canary, Route } from "./model.ts";
import { CLUSTER_HEADER, KEY_HEADER } from "./policy.ts";
import { cookieRegex, literal } from "./regex.ts";

export const SESSION_FILTER = "stateful_session";

export interface Context {
  /** By the names of the backends. */
  readonly clusters: ReadonlyMap<string, string>;
  readonly policies: Policies;
  readonly explain: Explain;
}

export interface HeaderMatcher {
  readonly name: string;
  readonly present_match?: true;
  readonly invert_match?: true;
  readonly string_match?: { readonly exact: string } | { readonly safe_regex: { readonly regex: string } };
}

/** One route of Envoy's. */
export interface EnvoyRoute {
  readonly fields: {
    readonly name?: string;
    readonly match: { readonly headers?: readonly HeaderMatcher[] } & Readonly<Record<string, unknown>>;
    readonly route?: object;
    readonly direct_response?: object;
  };
  /** Its typed_per_filter_config, if any filter acts. */
  readonly filters?: object;
  /** What is written above it; "" for nothing. */
  readonly comment: string;
}

/** Of a path, in the order in which they are to be tried. */
export function routesOf(route: Route, context: Context): EnvoyRoute[] {
  const { policies, explain } = context;
  const policy = policies.get(route.backend.name);
  const path = pathMatch(route);
  return choicesOf(route, policy, context).flatMap((choice): EnvoyRoute[] => {
    const { name, headers, action, comment } = choice;
    const routed = (more: readonly HeaderMatcher[], retries: object, sends?: string): EnvoyRoute => {
      const all = [...headers, ...more];
      return {
        fields: {
          ...(name !== undefined && { name }),
          match: { ...path, ...(all.length > 0 && { headers: all }) },
          route: explain(
            { ...action, timeout: "0s", ...hashPolicy(policy), ...retries },
            { hash_policy: hashComment(policy) },
          ),
        },
        ...(policy && { filters: choice.filters ?? filtersOf(policy) }),
        comment: [comment, sends].filter((text) => text !== undefined).join("\n"),
      };
    };
    if (choice.once) return [routed([], {})];
    if (policy === undefined) return [routed([], retries(UNSEEN, explain))];
    return [
      routed([METHODS], retries(UNSEEN, explain), SENT_ONCE),
      routed([], retries("connect-failure,refused-stream,reset", explain)),
    ];
  });
}

/** Both filters, or for balanced sessions the first alone: the other one would show the pod's address in responses. */
export function filtersOf({ filter, balanced }: Policy): Readonly<Record<string, object>> {
  return { [filter]: ON, ...(!balanced && { [SESSION_FILTER]: ON }) };
}

const ON = { "@type": typeUrl("config.route.v3.FilterConfig"), config: {} };

// In the chain, so that it acts when the route is chosen again and is another one, but idle on this one.
const IDLE = {
  "@type": typeUrl("extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute"),
  disabled: true,
};

const METHODS: HeaderMatcher = {
  name: ":method",
  string_match: { safe_regex: { regex: "POST|LOCK|PATCH" } },
};
const SENT_ONCE =
  "POST, LOCK and PATCH may have had their effect before the connection broke: like nginx,\nthey are only sent again when the pod cannot have seen them.";
const UNSEEN = "connect-failure,refused-stream,reset-before-request";

function retries(on: string, explain: Explain): object {
  return {
    retry_policy: explain(
      {
        retry_on: on,
        num_retries: 5,
        retry_host_predicate: [
          {
            name: "envoy.retry_host_predicates.previous_hosts",
            typed_config: {
              "@type": typeUrl("extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
            },
          },
        ],
        host_selection_retry_max_attempts: 100,
      },
      {
        host_selection_retry_max_attempts:
          "Each pick may be a dead pod again, and Maglev's picks of one cookie are not independent of each\nother: with 30, clients of two dead pods of three now and then got a 503.",
      },
    ),
  };
}

function hashPolicy(policy: Policy | undefined): { hash_policy?: object[] } {
  if (policy === undefined) return {};
  const { balanced, cookie } = policy;
  return { hash_policy: [balanced ? { header: { header_name: KEY_HEADER } } : { cookie: { name: cookie } }] };
}

function hashComment(policy: Policy | undefined): string {
  return policy?.balanced
    ? "The filter names the session in this header, on the first request too."
    : "Parallel requests whose pod is gone all pick the same new one. (A cookie that does not\nopen is hashed too: it picks one pod of Envoy's choice, always the same.)";
}

function pathMatch({ path, match }: Route): Readonly<Record<string, unknown>> {
  switch (match) {
    case "exact":
      return { path };
    case "start":
      return { prefix: path };
    case "regex":
      return { safe_regex: { regex: `(?i)${path.includes("|") ? `(?:${path})` : path}.*` } };
    case "prefix":
      // Envoy takes no other path as one that ends where a slash, the query or the path does.
      return /^[^?#]+[^?#/]$/.test(path) ? { path_separated_prefix: path } : { prefix: path };
  }
}

/** Requests with all of these headers go where the action says. */
interface Choice {
  readonly name?: string;
  readonly headers: readonly HeaderMatcher[];
  readonly action: object;
  /** Whether the request is never sent again. */
  readonly once?: boolean;
  /** Other ones than all routes of the policy have. */
  readonly filters?: object;
  readonly comment?: string;
}

function choicesOf(route: Route, policy: Policy | undefined, context: Context): Choice[] {
  const { canary } = route;
  const cluster = clusterOf(context, route.backend.name);
  if (canary === undefined) return [...belonging(policy, cluster), { headers: [], action: { cluster } }];
  const second = clusterOf(context, canary.backend.name);
  const stays = policy !== undefined && staysAtVersions(policy, canary);
  // The second version neither pins nor sets a cookie where its clients do not stay.
  const idle = policy && !stays && !policy.balanced ? { [SESSION_FILTER]: IDLE } : undefined;
  const leaving = idle && policy ? { filters: { ...filtersOf(policy), ...idle } } : {};
  const to = (choice: "primary" | "canary"): Pick<Choice, "action" | "filters"> =>
    choice === "primary" ? { action: { cluster } } : { action: { cluster: second }, ...leaving };
  return [
    ...(policy ? staying(policy, stays, cluster) : []),
    ...asked(canary).map(({ version, ...choice }) => ({ ...choice, ...to(version) })),
    { name: "weights", headers: [], ...drawn(canary, to, [cluster, second], idle, policy !== undefined) },
  ];
}

function clusterOf({ clusters }: Context, backend: string): string {
  const name = clusters.get(backend);
  if (name === undefined) throw new Error(`${backend}: a route leads to it, and the model does not list it`);
  return name;
}

const TOLD: HeaderMatcher = { name: CLUSTER_HEADER, present_match: true };

/** Without a canary: who has a pod, where such clients are not sent to another one while it refuses. */
function belonging(policy: Policy | undefined, cluster: string): Choice[] {
  if (!policy?.keepsFailed) return [];
  const comment =
    'session-cookie-change-on-failure is "false": whose token opened is sent to its pod once, and gets 503 and keeps the cookie if\n' +
    "that refuses. The filter sets this header for such a client, and has the route chosen again. Newcomers are sent again.";
  return [{ name: "has-a-pod", headers: [TOLD], action: { cluster }, once: true, comment }];
}

/** Who belongs to a version, which comes before all else. */
function staying(policy: Policy, stays: boolean, cluster: string): Choice[] {
  const comment =
    "Who belongs to a version: the filter says which, and has the route chosen again. It alone can: a client's own\nheader of this name does not get past the first lock. Then, as in ingress-nginx, header, cookie and weights.";
  return [
    {
      name: "belongs",
      headers: [stays ? TOLD : { name: CLUSTER_HEADER, string_match: { exact: cluster } }],
      action: stays ? { cluster_header: CLUSTER_HEADER } : { cluster },
      once: policy.keepsFailed,
      comment,
    },
  ];
}

interface Asked {
  readonly name: string;
  readonly headers: readonly HeaderMatcher[];
  readonly version: "primary" | "canary";
}

/** Who asks for a version, by header before cookie. */
function asked({ header, cookie }: Canary): Asked[] {
  const choices: Asked[] = [];
  const exact = (name: string, value: string): HeaderMatcher[] => [{ name, string_match: { exact: value } }];
  const regex = (name: string, text: string): HeaderMatcher[] => [
    { name, string_match: { safe_regex: { regex: text } } },
  ];
  if (header?.value !== undefined)
    choices.push({ name: "header", headers: exact(header.name, header.value), version: "canary" });
  else if (header?.pattern !== undefined)
    choices.push({
      name: "header",
      headers: regex(header.name, `.*(?:${header.pattern}).*`),
      version: "canary",
    });
  else if (header !== undefined)
    choices.push(
      { name: "header-always", headers: exact(header.name, "always"), version: "canary" },
      { name: "header-never", headers: exact(header.name, "never"), version: "primary" },
    );
  if (cookie !== undefined) {
    // nginx's $cookie_ heeds no case in names.
    const by = (value: string) => regex("cookie", cookieRegex(`(?i:${literal(cookie)})`, value));
    choices.push(
      { name: "cookie-always", headers: by("always"), version: "canary" },
      { name: "cookie-never", headers: by("never"), version: "primary" },
    );
  }
  return choices;
}

function drawn(
  { weight, total }: Canary,
  to: (version: "primary" | "canary") => Pick<Choice, "action" | "filters">,
  [first, second]: readonly [string, string],
  idle: object | undefined,
  hashed: boolean,
): Pick<Choice, "action" | "filters"> {
  if (weight === 0) return to("primary");
  if (weight === total) return to("canary");
  const weighted_clusters = {
    clusters: [
      { name: first, weight: total - weight },
      { name: second, weight, ...(idle && { typed_per_filter_config: idle }) },
    ],
    // All parallel requests of a client whose version is gone go to one version. Without the cookie Envoy draws.
    ...(hashed && { use_hash_policy: true }),
  };
  return { action: { weighted_clusters } };
}
