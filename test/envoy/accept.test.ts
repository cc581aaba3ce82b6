import assert from "node:assert/strict";
import { test } from "../support/check.ts";
import { http1, keepAlive, many } from "../support/client.ts";
import { assertNoTrap, eventCount, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { balancedCookie, formerVectors, NginxRing, persistentCookie, weighted } from "../support/nginx.ts";
import { Pod } from "../support/pod.ts";
import { connectionManager, type Json } from "../support/shape.ts";

const BACKEND = "default-session-svc-9080";
const KEYS = [{ id: 1, env: "AFFINITY_KEY" }];
const SCOPE = "default/session-svc:9080";
const HOUR = 3_600_000;

const later = (milliseconds: number): string => new Date(Date.now() + milliseconds).toISOString();

function accepting(formats: readonly object[], more: object = {}): object {
  return { scope: SCOPE, keys: KEYS, accept: { until: later(HOUR), formats, ...more } };
}

/** The pod sees the header by which Envoy pins. */
function showHost(config: Json): void {
  connectionManager(config).route_config.request_headers_to_remove = [];
}

interface Vector {
  readonly format: object;
  readonly value: string;
  readonly node: string;
}

const vectors: Vector[] = [
  ...formerVectors.balanced.flatMap(({ nodes, key, node }) => {
    const value = Buffer.from(key, "hex").toString("latin1");
    const isCookie = value !== "" && !/[|;\s]/.test(value) && /^[\x21-\x7e]+$/.test(value);
    return isCookie ? [{ format: { backend: BACKEND, endpoints: nodes.map(weighted) }, value, node }] : [];
  }),
  ...formerVectors.balancedCookies.map(({ backend, endpoints, cookie, node }) => ({
    format: { backend, endpoints },
    value: cookie,
    node,
  })),
  ...formerVectors.persistent.map(({ backend, endpoint, cookie }) => ({
    format: { backend, mode: "persistent", endpoints: [...new Set(["127.0.0.1:1", endpoint])] },
    value: cookie,
    node: endpoint,
  })),
];

// As many as one policy takes.
const AT_ONCE = 16;

test("Envoy is asked for the pod that ingress-nginx would have chosen, for each of the vectors", async () => {
  assert.ok(vectors.length > 70, `${vectors.length} vectors`);
  // Their addresses are nobody's here: the only pod answers, and tells whom the filter asked for.
  const pod = await Pod.start("pod-0");
  for (let from = 0; from < vectors.length; from += AT_ONCE) {
    const some = vectors.slice(from, from + AT_ONCE);
    const formats = some.map(({ format }, index) => ({
      type: "ingress-nginx",
      sessionName: `old${index}`,
      ...format,
    }));
    const envoy = await startGateway([pod], { filter: accepting(formats), change: showHost });
    for (const [index, { value, node }] of some.entries()) {
      pod.received.length = 0;
      const answer = await http1(envoy.port, { cookie: `old${index}=${value}` });
      const asked = Buffer.from(String(pod.received[0]?.headers["x-affinity-host"]), "base64").toString();
      assert.equal(asked, node, value);
      assert.equal(pinOf(newCookie(answer)), pod.endpoint);
    }
    await assertNoTrap(envoy);
    await envoy.stop();
  }
});

for (const mode of ["balanced", "persistent"] as const) {
  test(`1,000 cookies of mode ${mode}: each meets the pod that ingress-nginx had chosen, then by our cookie`, async () => {
    const pods = await Pod.startMany(10);
    const endpoints = pods.map(({ endpoint }) => endpoint);
    const format = { type: "ingress-nginx", backend: BACKEND, mode, endpoints };
    const envoy = await startGateway(pods, { filter: accepting([format]) });
    const ring = new NginxRing(endpoints);
    const clients = Array.from({ length: 1000 }, (_, seed) => {
      const persistent = endpoints[seed % endpoints.length]!;
      const old = mode === "balanced" ? balancedCookie(BACKEND, seed) : persistentCookie(BACKEND, persistent);
      return { old: `INGRESSCOOKIE=${old}`, pod: mode === "balanced" ? ring.nodeOf(old) : persistent };
    });
    const agent = keepAlive(8);
    const nameOf = (endpoint: string): string => pods.find((pod) => pod.endpoint === endpoint)!.name;
    await many(clients.length, 8, async (index) => {
      const { old, pod } = clients[index]!;
      const first = await http1(envoy.port, { cookie: old, agent });
      assert.deepEqual([first.status, first.body], [200, nameOf(pod)], old);
      const token = newCookie(first);
      assert.equal(pinOf(token), pod);
      const second = await http1(envoy.port, { cookie: `${old}; affinity=${token}`, agent });
      assert.deepEqual([second.status, second.body, second.setCookie], [200, nameOf(pod), []], old);
    });
    assert.equal(new Set(clients.map(({ pod }) => pod)).size, 10);
    assert.equal(await eventCount(envoy, "accepted", 1000), 1000);
    assert.equal(await envoy.stat("wasmcustom.affinity.default_session-svc_9080.created"), 0);
    await assertNoTrap(envoy);
  });
}

test("an old cookie is expired by the response that sets ours, and is worth nothing after the date", async () => {
  const pods = await Pod.startMany(3);
  const endpoints = pods.map(({ endpoint }) => endpoint);
  const format = { type: "ingress-nginx", mode: "persistent", backend: BACKEND, endpoints, paths: ["/shop"] };
  const old = `INGRESSCOOKIE=${persistentCookie(BACKEND, endpoints[1]!)}`;
  const envoy = await startGateway(pods, { filter: accepting([format], { expireOld: true }) });
  const answer = await http1(envoy.port, { cookie: old });
  assert.equal(answer.body, "pod-1");
  assert.match(answer.setCookie[0]!, /^affinity=/);
  assert.deepEqual(answer.setCookie.slice(1), [
    "INGRESSCOOKIE=; Path=/shop; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
  ]);

  const over = await startGateway(pods, { filter: accepting([format], { until: later(-1000) }) });
  const met = new Set<string>();
  await many(30, 4, async () => {
    const one = await http1(over.port, { cookie: old });
    assert.equal(one.setCookie.length, 1);
    met.add(one.body);
  });
  assert.equal(met.size, 3);
});

test("cookies that Envoy's own filter set keep their pods, and name no host outside the cluster", async () => {
  const pods = await Pod.startMany(4);
  const native = await startGateway(pods, { change: useNativeCookies });
  const envoy = await startGateway(pods, { filter: accepting([{ type: "envoy", sessionName: "route" }]) });
  for (let i = 0; i < 20; i++) {
    const first = await http1(native.port);
    const [line = assert.fail(`no cookie: ${JSON.stringify(first)}`)] = first.setCookie;
    const old = line.split(";")[0]!;
    const answer = await http1(envoy.port, { cookie: old });
    assert.deepEqual([answer.status, answer.body], [200, first.body]);
    assert.equal(pinOf(newCookie(answer)), pods.find(({ name }) => name === first.body)!.endpoint);
  }
  const stranger = await Pod.start("stranger");
  const forged = Buffer.from(stranger.endpoint).toString("base64");
  const answer = await http1(envoy.port, { cookie: `route="${forged}"` });
  assert.match(answer.body, /^pod-/);
  assert.deepEqual(stranger.received, []);
});

/** Envoy's stateful_session in cookie mode, without the filter. */
function useNativeCookies(config: Json): void {
  const manager = connectionManager(config);
  manager.http_filters = manager.http_filters.filter((filter: Json) => filter.name !== "affinity");
  const filter = manager.http_filters.find((one: Json) => one.name === "stateful_session");
  filter.typed_config.session_state = {
    name: "envoy.http.stateful_session.cookie",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
      cookie: { name: "route", path: "/", ttl: "3600s" },
    },
  };
  const text = JSON.stringify(config, (name, value) => (name === "affinity" ? undefined : value));
  Object.assign(config, JSON.parse(text));
}
