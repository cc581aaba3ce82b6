/** Every kind of request there is, each with what has to come of it. */
import { persistentCookie } from "../support/nginx.ts";
import type { HeaderLines } from "../wasm/headers.ts";
import { base64, crc32, NOW, OTHER_POD, POD, sampleKey, sampleToken, SESSION } from "../wasm/sample.ts";
import { HOST_HEADER, hostValue } from "../wasm/visit.ts";
import type { Properties } from "./host.ts";

/** A request and its response, under the policy of that name. */
export interface Kind {
  readonly name: string;
  readonly policy: keyof typeof policies;
  /** How many of a hundred or so requests. */
  readonly share: number;
  /** Null: the client was answered before the filter saw the request. */
  readonly request: HeaderLines | null;
  /** Null: the client goes away before. */
  readonly response: HeaderLines | null;
  readonly properties: Properties;
  /** Headers of the request as it goes on to Envoy: null for none; a pattern for a value that is drawn. */
  readonly asks: Readonly<Record<string, string | RegExp | null>>;
  /** The endpoint of the token that the response sets; null for no token. */
  readonly sets: string | null;
  /** CRC-32 of the cluster in that token. */
  readonly cluster?: number;
  /** Lines of Set-Cookie beside the token's: old cookies that are expired. */
  readonly expires?: number;
  /** Lines in Envoy's log. */
  readonly logs?: number;
  readonly events: readonly string[];
}

const OLD_KEY = sampleKey(1);
export const KEY = sampleKey(2);
const keys = [KEY, OLD_KEY].map((key) => ({ id: key.id, secret: base64(key) }));
const SESSION_TEXT = SESSION.toString(16).padStart(16, "0");
const BACKEND = "default-session-svc-9080";
const CLUSTERS = ["session-svc", "session-svc-canary"] as const;
const DEBUG_SECRET = "only-operators-know";
const IPV6_POD = "[2001:db8::7]:9080";
const SOCKET_POD = `/run/${"pod".repeat(80)}`;

/** The filter's configurations, without scope (which is the policy's name) and keys. */
export const policies = {
  plain: { absoluteTimeout: "12h", idleTimeout: "30m" },
  keep: { onHostChange: "keep", absoluteTimeout: "1h", cookie: { lifetimeType: "Permanent" } },
  balanced: { mode: "balanced" },
  header: { type: "Header", sessionName: "x-session" },
  strip: {
    stripFromRequest: true,
    preventCaching: true,
    keyHeader: "x-affinity-key",
    debug: { secret: DEBUG_SECRET },
  },
  cluster: { cluster: { names: CLUSTERS } },
  accept: {
    accept: {
      until: new Date((NOW + 3600) * 1000).toISOString(),
      expireOld: true,
      formats: [
        { type: "ingress-nginx", backend: BACKEND, mode: "persistent", endpoints: [POD, OTHER_POD] },
        { type: "envoy", sessionName: "old" },
      ],
    },
  },
  services: {},
} as const satisfies Record<string, object>;

/** The whole configuration of a policy; that of `services` has two of them, one for each cluster. */
export function configurationOf(policy: keyof typeof policies): object {
  if (policy !== "services") return { scope: policy, keys, ...policies[policy] };
  return {
    services: [
      { clusters: ["shop"], scope: "services", keys },
      { clusters: ["blog"], scope: "blog", sessionName: "blog", keys },
    ],
  };
}

export function sessionNameOf(policy: keyof typeof policies): string {
  return policy === "header" ? policies.header.sessionName : "affinity";
}

interface TokenOf {
  readonly age?: number;
  readonly unseen?: number;
  readonly old?: boolean;
  readonly cluster?: string;
}

/** A cookie or header value, as the gateway sealed it so many seconds ago. */
function token(policy: keyof typeof policies, endpoint: string, of: TokenOf = {}): string {
  const { age = 60, unseen = Math.min(age, 60), old = false, cluster } = of;
  return sampleToken(endpoint, {
    key: old ? OLD_KEY : KEY,
    scope: policy,
    sessionName: sessionNameOf(policy),
    issued: NOW - age,
    seen: NOW - unseen,
    ...(cluster === undefined ? {} : { cluster }),
  });
}

function cookie(value: string): HeaderLines {
  return [["cookie", `theme=dark; affinity=${value}; lang=en`]];
}

const FIRST: HeaderLines = [
  [":path", "/"],
  ["x-forwarded-proto", "https"],
];
const OK: HeaderLines = [[":status", "200"]];

/** Envoy's stateful_session names the pod that answered when it is another than the one that was asked for. */
function from(pod: string): HeaderLines {
  return [...OK, [HOST_HEADER, hostValue(pod)]];
}

function kind(
  name: string,
  policy: keyof typeof policies,
  share: number,
  request: HeaderLines | null,
  more: Partial<Kind> = {},
): Kind {
  return {
    name: `${policy}: ${name}`,
    policy,
    share,
    request: request === null ? null : [...FIRST, ...request],
    response: OK,
    properties: { "response\0code_details": "via_upstream", "upstream\0address": POD },
    asks: { [HOST_HEADER]: null },
    sets: null,
    events: [],
    ...more,
  };
}

const pinned = (pod: string): Partial<Kind> => ({
  asks: { [HOST_HEADER]: hostValue(pod) },
  events: ["resumed"],
});
const created = (pod: string, events: readonly string[] = []): Partial<Kind> => ({
  response: from(pod),
  sets: pod,
  events: [...events, "created"],
});
const FORGED = `${token("plain", POD).slice(0, -3)}AAA`;
const GONE = { "response\0code_details": "no_healthy_upstream" };
const of = (cluster: string): Properties => ({
  "response\0code_details": "via_upstream",
  "upstream\0address": POD,
  "xds\0cluster_name": cluster,
});
const envoyCookie = Buffer.from(POD).toString("base64");

export const kinds: readonly Kind[] = [
  kind("pinned", "plain", 30, cookie(token("plain", POD)), pinned(POD)),
  kind("pinned by IPv6", "plain", 2, cookie(token("plain", IPV6_POD)), pinned(IPV6_POD)),
  kind("new", "plain", 6, [], created(POD)),
  kind("new, at a pod of 245 characters", "plain", 1, [], created(SOCKET_POD)),
  kind("new, and names a pod itself", "plain", 2, [[HOST_HEADER, hostValue(OTHER_POD)]], created(POD)),
  kind("moved", "plain", 4, cookie(token("plain", OTHER_POD)), {
    ...pinned(OTHER_POD),
    response: from(POD),
    sets: POD,
    events: ["resumed", "repinned"],
  }),
  ...[{ old: true }, { age: 3600, unseen: 200 }].map((age, index) =>
    kind(
      index === 0 ? "of an old key" : "not seen for a while",
      "plain",
      2,
      cookie(token("plain", POD, age)),
      {
        ...pinned(POD),
        sets: POD,
        events: ["resumed", "renewed"],
      },
    ),
  ),
  kind(
    "idle for too long",
    "plain",
    2,
    cookie(token("plain", POD, { age: 9000, unseen: 1800 })),
    created(POD, ["expired"]),
  ),
  kind(
    "begun too long ago",
    "plain",
    2,
    cookie(token("plain", POD, { age: 43_200 })),
    created(POD, ["expired"]),
  ),
  kind("forged", "plain", 3, cookie(FORGED), created(POD, ["rejected"])),
  kind(
    "forged four times",
    "plain",
    1,
    [["cookie", Array.from({ length: 4 }, () => `affinity=${FORGED}`).join("; ")]],
    created(POD, ["rejected"]),
  ),
  kind("of another service", "plain", 1, cookie(token("keep", POD)), created(POD, ["rejected"])),
  kind(
    "in a second Cookie line",
    "plain",
    2,
    [["cookie", "theme=dark"], ...cookie(token("plain", POD))],
    pinned(POD),
  ),
  kind(
    "behind 40 kB of cookies",
    "plain",
    0.2,
    [["cookie", `x=${"y".repeat(40_000)}; affinity=${token("plain", POD)}`]],
    pinned(POD),
  ),
  kind("reset", "plain", 2, cookie(token("plain", POD)), { ...pinned(POD), response: null }),
  kind("reset before the filter saw it", "plain", 1, null, { asks: {}, response: null }),
  kind("a local reply", "plain", 1, [], { properties: GONE }),
  kind("pinned", "keep", 2, cookie(token("keep", POD)), pinned(POD)),
  kind("another pod stands in", "keep", 2, cookie(token("keep", OTHER_POD)), {
    ...pinned(OTHER_POD),
    response: from(POD),
  }),
  kind("new", "keep", 1, [], created(POD)),
  kind("resumed", "balanced", 4, cookie(token("balanced", "")), {
    asks: { [HOST_HEADER]: null, "x-affinity-key": SESSION_TEXT },
    events: ["resumed"],
  }),
  kind("new", "balanced", 2, [["x-affinity-key", SESSION_TEXT]], {
    asks: { [HOST_HEADER]: null, "x-affinity-key": /^(?!0123456789abcdef)[0-9a-f]{16}$/ },
    sets: "",
    events: ["created"],
  }),
  kind("pinned", "header", 4, [["x-session", token("header", POD)]], pinned(POD)),
  kind("new", "header", 2, [], created(POD)),
  kind("pinned", "strip", 4, cookie(token("strip", POD)), {
    asks: { [HOST_HEADER]: hostValue(POD), cookie: "theme=dark; lang=en", "x-affinity-key": SESSION_TEXT },
    events: ["resumed"],
  }),
  kind("new, and explained", "strip", 1, [["x-affinity-debug", DEBUG_SECRET]], {
    ...created(POD),
    asks: { [HOST_HEADER]: null, "x-affinity-key": null, "x-affinity-debug": null },
    logs: 2,
  }),
  kind("pinned", "cluster", 3, cookie(token("cluster", POD, { cluster: CLUSTERS[1] })), {
    asks: { [HOST_HEADER]: hostValue(POD), "x-affinity-cluster": CLUSTERS[1] },
    properties: of(CLUSTERS[1]),
    events: ["resumed"],
  }),
  kind("new", "cluster", 1, [["x-affinity-cluster", CLUSTERS[1]]], {
    ...created(POD),
    asks: { [HOST_HEADER]: null, "x-affinity-cluster": null },
    properties: of(CLUSTERS[0]),
    cluster: crc32(CLUSTERS[0]),
  }),
  kind("its version is gone", "cluster", 1, cookie(token("cluster", POD, { cluster: CLUSTERS[1] })), {
    asks: { [HOST_HEADER]: hostValue(POD), "x-affinity-cluster": CLUSTERS[1] },
    properties: GONE,
    sets: POD,
    cluster: 0,
    events: ["resumed", "repinned"],
  }),
  kind("of no version there is", "cluster", 1, cookie(token("cluster", POD, { cluster: "gone" })), {
    asks: { [HOST_HEADER]: hostValue(POD), "x-affinity-cluster": null },
    properties: of(CLUSTERS[0]),
    sets: POD,
    cluster: crc32(CLUSTERS[0]),
    events: ["resumed", "renewed"],
  }),
  kind(
    "a cookie of ingress-nginx",
    "accept",
    2,
    [["cookie", `INGRESSCOOKIE=${persistentCookie(BACKEND, OTHER_POD)}`]],
    {
      asks: { [HOST_HEADER]: hostValue(OTHER_POD) },
      properties: { ...of("any"), "upstream\0address": OTHER_POD },
      sets: OTHER_POD,
      expires: 2,
      events: ["accepted"],
    },
  ),
  kind("a cookie of nobody", "accept", 1, [["cookie", `INGRESSCOOKIE=${"0".repeat(32)}|${"0".repeat(32)}`]], {
    ...created(POD),
    expires: 2,
  }),
  kind("a cookie of Envoy's without a port", "accept", 1, [["cookie", `old=${envoyCookie.slice(0, 8)}`]], {
    ...created(POD),
    expires: 2,
  }),
  kind("pinned", "accept", 1, cookie(token("accept", POD)), pinned(POD)),
  kind("pinned", "services", 2, cookie(token("services", POD)), { ...pinned(POD), properties: of("shop") }),
  kind(
    "of no service, and names a pod itself",
    "services",
    1,
    [...cookie(token("services", POD)), [HOST_HEADER, hostValue(OTHER_POD)]],
    { properties: of("none"), response: from(POD) },
  ),
];
