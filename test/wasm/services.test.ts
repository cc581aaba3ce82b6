import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm, type Root } from "./host.ts";
import { base64, KEY, opened, OTHER_POD, POD, sampleKey, sampleToken } from "./sample.ts";
import { cookieValue, HOST_HEADER, hostValue, visit } from "./visit.ts";

const ISTIO = (service: string): string => `outbound|9080||${service}.default.svc.cluster.local`;
const [A, B, CANARY, NONE] = ["a", "b", "b-canary", "none"].map(ISTIO) as [string, string, string, string];

function policy(scope: string, clusters: readonly string[], more: object = {}): object {
  return { clusters, scope, keys: [{ id: KEY.id, secret: base64(KEY) }], ...more };
}

function rootOf(...services: object[]): Root {
  const root = new Vm().root({ configuration: { services } });
  assert.ok(root.accepted, root.logs.map(({ text }) => text).join("\n"));
  return root;
}

const twoServices = (): Root =>
  rootOf(
    policy("default/a:80", [A]),
    policy("default/b:80", [B, CANARY], { sessionName: "route", onHostChange: "keep" }),
  );

test("the request's cluster chooses the policy", () => {
  const root = twoServices();
  const a = visit(root, { host: POD, cluster: A });
  assert.match(a.setCookie[0]!, /^affinity=/);
  const tokenA = cookieValue(a.setCookie[0]);
  assert.equal(opened(tokenA, { scope: "default/a:80" }).endpoint, POD);
  for (const cluster of [B, CANARY]) {
    const b = visit(root, { host: OTHER_POD, cluster, cookie: `affinity=${tokenA}` });
    assert.equal(b.asked, null);
    const tokenB = cookieValue(b.setCookie[0]);
    assert.match(b.setCookie[0]!, /^route=/);
    assert.equal(opened(tokenB, { scope: "default/b:80", sessionName: "route" }).endpoint, OTHER_POD);
    const both = { cookie: `affinity=${tokenA}; route=${tokenB}` };
    assert.equal(visit(root, { ...both, host: POD, cluster: A }).asked, POD);
    assert.equal(visit(root, { ...both, host: OTHER_POD, cluster }).asked, OTHER_POD);
  }
});

test("a cluster of no policy is left alone, and its headers are clean both ways", () => {
  const root = rootOf(
    policy("a", [A], { keyHeader: "x-affinity-key" }),
    policy("b", [B], { hostHeader: "x-b-host", cluster: { names: [B, CANARY] } }),
  );
  const request = [
    [HOST_HEADER, hostValue(POD)],
    ["X-Affinity-Key", "0123456789abcdef"],
    ["x-b-host", hostValue(POD)],
    ["x-affinity-cluster", B],
    ["x-other", "stays"],
  ] as const;
  const cookie = `affinity=${sampleToken(POD, { scope: "a" })}`;
  for (const cluster of [NONE, "", `${A}x`, A.slice(1)]) {
    const seen = visit(root, { cluster, request, cookie, host: POD, response: [["x-b-host", "of the pod"]] });
    for (const [name] of request.slice(0, 4)) assert.deepEqual(seen.requestHeaders.all(name), [], name);
    assert.deepEqual(seen.requestHeaders.all("x-other"), ["stays"]);
    assert.deepEqual(seen.requestHeaders.all("cookie"), [cookie]);
    for (const name of [HOST_HEADER, "x-b-host"]) assert.deepEqual(seen.responseHeaders.all(name), [], name);
    assert.deepEqual(seen.setCookie, []);
  }
  const unknown = visit(root, { request, cookie, host: POD });
  assert.deepEqual(unknown.setCookie, []);
  assert.deepEqual(unknown.requestHeaders.all(HOST_HEADER), []);
});

test("a response whose request never came is none of any service", () => {
  const root = twoServices();
  const stream = root.stream();
  stream.properties["response.code_details"] = "via_upstream";
  const headers = stream.respond([[HOST_HEADER, hostValue(POD)]]);
  assert.deepEqual(headers.all("set-cookie"), []);
  assert.deepEqual(headers.all(HOST_HEADER), []);
});

test("streams of several services under way at once keep apart", () => {
  const root = twoServices();
  const streams = Array.from({ length: 300 }, (_, index) => {
    const stream = root.stream();
    const cluster = [A, B, NONE][index % 3]!;
    stream.properties["xds.cluster_name"] = cluster;
    stream.request([[":path", "/"]]);
    return { stream, cluster };
  });
  for (const { stream, cluster } of streams.reverse()) {
    stream.properties["response.code_details"] = "via_upstream";
    const lines = stream.respond([[HOST_HEADER, hostValue(POD)]]).all("set-cookie");
    const names = lines.map((line) => line.split("=")[0]);
    assert.deepEqual(names, cluster === A ? ["affinity"] : cluster === B ? ["route"] : []);
    stream.close();
  }
});

test("each service has counters of its own", () => {
  const root = twoServices();
  for (let i = 0; i < 3; i++) visit(root, { host: POD, cluster: A });
  visit(root, { host: POD, cluster: B });
  visit(root, { host: POD, cluster: NONE });
  root.tick();
  const { metrics } = root.vm;
  assert.equal(metrics.value("affinity.default_a_80.created"), 3);
  assert.equal(metrics.value("affinity.default_b_80.created"), 1);
  const all = metrics.names.reduce((sum, name) => sum + (metrics.value(name) ?? 0), 0);
  assert.equal(all, 4);
});

test("a response of a balanced service names no pod, though stateful_session is on for it", () => {
  const root = rootOf(policy("a", [A], { mode: "balanced" }));
  const seen = visit(root, { host: POD, cluster: A });
  assert.deepEqual(seen.responseHeaders.all(HOST_HEADER), []);
  assert.equal(seen.setCookie.length, 1);
});

test("the one-policy form never asks for the cluster", () => {
  const vm = new Vm();
  const configuration = { scope: "one", keys: [{ id: KEY.id, secret: base64(KEY) }] };
  const seen = visit(vm.root({ configuration }), {
    cookie: `affinity=${sampleToken(POD, { scope: "one" })}`,
    host: POD,
    cluster: A,
  });
  assert.equal(seen.asked, POD);
  assert.ok(!seen.calls.some((call) => call.includes("property")), seen.calls.join(" "));
});

test("a thousand services: each cluster finds its own", () => {
  const root = rootOf(
    ...Array.from({ length: 1000 }, (_, i) =>
      policy(`scope-${i}`, [ISTIO(`s${i}`)], { sessionName: `c${i}` }),
    ),
  );
  for (const i of [0, 1, 499, 998, 999]) {
    const seen = visit(root, { host: POD, cluster: ISTIO(`s${i}`) });
    assert.match(seen.setCookie[0]!, new RegExp(`^c${i}=`));
  }
});

const otherKey = [{ id: 1, secret: base64(sampleKey(1, "other")) }];

for (const [it, configuration, problem] of [
  ["an empty list", { services: [] }, /^\$\.services = \[\]: not an array of 1 to 1024 policies/],
  ["an object", { services: {} }, /^\$\.services = \{\}: not an array/],
  ["a service that is none", { services: [7] }, /^\$\.services\[0\]: not an object/],
  [
    "a policy beside them",
    { services: [policy("a", [A])], scope: "b" },
    /^\$\.scope: unknown field; known here: services$/,
  ],
  ["no clusters", { services: [{ scope: "a", keys: otherKey }] }, /^\$\.services\[0\]\.clusters: missing/],
  [
    "a cluster twice",
    { services: [policy("a", [A, A])] },
    /^\$\.services\[0\]\.clusters = \[\.\.\.\]: not 1 to 16/,
  ],
  [
    "a cluster of two services",
    { services: [policy("a", [A]), policy("b", [A])] },
    /^\$\.services\[1\]\.clusters = \[\.\.\.\]: one of these is another service's/,
  ],
  [
    "a scope of two services",
    { services: [policy("a", [A]), policy("a", [B])] },
    /^\$\.services\[1\]\.scope = "a": another service's scope/,
  ],
  ["no scope", { services: [{ clusters: [A], keys: otherKey }] }, /^\$\.services\[0\]\.scope: missing/],
  [
    "a service within a service",
    { services: [policy("a", [A], { services: [] })] },
    /^\$\.services\[0\]\.services: unknown field/,
  ],
  ["clusters of the one policy", policy("a", [A]), /^\$\.clusters: unknown field/],
] as const) {
  test(`refused: ${it}`, () => {
    const root = new Vm().root({ configuration, name: "plugin" });
    assert.equal(root.accepted, false);
    const lines = root.logs.map(({ text }) => text.replace("affinity: configuration refused: ", ""));
    assert.ok(
      lines.some((line) => problem.test(line)),
      lines.join("\n"),
    );
  });
}
