import assert from "node:assert/strict";
import {
  assertNewPin,
  assertPinned,
  CANARY,
  ClusterEndpoints,
  cookieFor,
  isCanary,
  setWeights,
  STABLE,
  Versions,
  weighted,
} from "../support/canary.ts";
import { test } from "../support/check.ts";
import { http1, many, type Answer } from "../support/client.ts";
import { assertNoTrap, binding, eventCount, newCookie, startGateway } from "../support/gateway.ts";
import type { Pod } from "../support/pod.ts";
import { cluster, virtualHost, withoutPage, type Json } from "../support/shape.ts";
import { filterWith, opened, sealed } from "../support/tokens.ts";

test("a pod of the version that is gone: another of that version takes its clients, whatever the weights", async () => {
  const versions = await Versions.startPods();
  const [gone = assert.fail(), ...others] = versions.canary;
  const envoy = await versions.gateway();
  await gone.stop();
  for (const weight of [0, 100]) {
    await setWeights(envoy, 100 - weight, weight);
    for (const method of ["GET", "POST"]) {
      const old = cookieFor(gone, CANARY);
      const answers = await many(20, 20, () => http1(envoy.port, { method, cookie: old }));
      const [cookie = assert.fail()] = answers.map((answer) => assertNewPin(answer, others, CANARY, 5n));
      assert.equal(new Set(answers.map(({ body }) => body)).size, 1);
      assertPinned(await http1(envoy.port, { method, cookie }), { name: answers[0]?.body ?? "" });
    }
  }
});

/** A client of a version that is gone: one 503 at most, which lets go, then a new pin in the stable version for good. */
async function assertLetsGo(port: number, versions: Versions, gone: Pod, fails: boolean): Promise<void> {
  for (const [index, method] of ["GET", "POST"].entries()) {
    const session = BigInt(index + 10);
    let cookie = cookieFor(gone, CANARY, session);
    if (fails) {
      const answer = await http1(port, { cookie, method });
      assert.equal(answer.status, 503);
      const { endpoint, session: kept } = opened(newCookie(answer));
      assert.deepEqual([endpoint, kept], [gone.endpoint, session]);
      cookie = `affinity=${newCookie(answer)}`;
    }
    const served = await http1(port, { cookie, method });
    cookie = assertNewPin(served, versions.stable, STABLE, session);
    for (let round = 0; round < 3; round++)
      assertPinned(await http1(port, { cookie, method }), { name: served.body });
  }
}

test("a version taken out of `names` lets go: its clients are served by the weights at once, each with a new pin", async () => {
  const versions = await Versions.startPods();
  const [canary = assert.fail()] = versions.canary;
  const envoy = await versions.gateway({
    filter: filterWith({ cluster: { names: [STABLE.cluster] } }),
    change: (config) => weighted(config, { [STABLE.cluster]: 100 }),
  });
  await assertLetsGo(envoy.port, versions, canary, false);
});

test("a version that discovery leaves without a pod lets go: one 503, whose cookie is served by the weights", async () => {
  const versions = await Versions.startPods();
  const [canary = assert.fail()] = versions.canary;
  const endpoints = new ClusterEndpoints(CANARY.cluster, versions.canary);
  const envoy = await versions.gateway({ change: (config) => endpoints.follow(config) });
  await setWeights(envoy, 100, 0);
  assertPinned(await http1(envoy.port, { cookie: cookieFor(canary, CANARY) }), canary);
  await endpoints.set(envoy, []);
  await assertLetsGo(envoy.port, versions, canary, true);
  // Who did not come in the meantime finds its pod again.
  await endpoints.set(envoy, versions.canary);
  assertPinned(await http1(envoy.port, { cookie: cookieFor(canary, CANARY) }), canary);
  await assertNoTrap(envoy);
});

test("a version without pods for a moment: who came meanwhile is at its pod again when the weights say so", async () => {
  const versions = await Versions.startPods();
  const endpoints = new ClusterEndpoints(CANARY.cluster, versions.canary);
  const envoy = await versions.gateway({ change: (config) => endpoints.follow(config) });
  await setWeights(envoy, 0, 100);
  await endpoints.set(envoy, []);
  const clients = await many(20, 5, async (index) => {
    const pod = versions.canary[index % versions.canary.length] ?? assert.fail();
    const answer = await http1(envoy.port, { cookie: cookieFor(pod, CANARY, BigInt(index + 10)) });
    assert.equal(answer.status, 503);
    return { pod, cookie: `affinity=${newCookie(answer)}` };
  });
  await endpoints.set(envoy, versions.canary);
  for (const { pod, cookie } of clients) {
    const answer = await http1(envoy.port, { cookie });
    assert.deepEqual([answer.status, answer.body], [200, pod.name]);
    assertPinned(await http1(envoy.port, { cookie: `affinity=${newCookie(answer)}` }), pod);
  }
});

test("a version whose cluster Envoy no longer has lets go: one 503, whose cookie is served by the weights", async () => {
  const versions = await Versions.startPods();
  const [canary = assert.fail()] = versions.canary;
  const envoy = await versions.gateway({
    change: (config) => {
      config.static_resources.clusters.splice(
        config.static_resources.clusters.indexOf(cluster(config, CANARY.cluster)),
        1,
      );
      weighted(config, { [STABLE.cluster]: 100 });
      // Its paths lead to the same clusters.
      withoutPage(config);
    },
  });
  await assertLetsGo(envoy.port, versions, canary, true);
  assert.equal(await eventCount(envoy, "repinned", 4), 4);
  await assertNoTrap(envoy);
});

test("onHostChange keep: a client of a version without pods keeps its cookie, and goes back when there are some", async () => {
  const versions = await Versions.startPods();
  const [canary = assert.fail()] = versions.canary;
  const endpoints = new ClusterEndpoints(CANARY.cluster, versions.canary);
  const envoy = await versions.gateway({
    filter: filterWith({ onHostChange: "keep", cluster: { names: [STABLE.cluster, CANARY.cluster] } }),
    change: (config) => endpoints.follow(config),
  });
  const cookie = cookieFor(canary, CANARY);
  await endpoints.set(envoy, []);
  for (const method of ["GET", "POST", "GET"]) {
    const answer = await http1(envoy.port, { cookie, method });
    assert.deepEqual([answer.status, answer.setCookie], [503, []]);
  }
  await endpoints.set(envoy, versions.canary);
  assertPinned(await http1(envoy.port, { cookie }), canary);
});

test("with no pod in any version: 503, and a newcomer gets no cookie", async () => {
  const versions = await Versions.startPods(1);
  const envoy = await startGateway([], { policy: "canary", canaryPods: [] });
  const [pod = assert.fail()] = versions.stable;
  const newcomer = await http1(envoy.port);
  assert.deepEqual([newcomer.status, newcomer.setCookie], [503, []]);
  const known = await http1(envoy.port, { cookie: cookieFor(pod, STABLE) });
  assert.equal(known.status, 503);
  assert.deepEqual(opened(newCookie(known)).session, 5n);
});

test("type Header: the version stands in the header's token, and the 503 that lets go has one too", async () => {
  const versions = await Versions.startPods();
  const [canary = assert.fail()] = versions.canary;
  const endpoints = new ClusterEndpoints(CANARY.cluster, versions.canary);
  const at = { scope: binding.scope, sessionName: "x-session" };
  const envoy = await versions.gateway({
    filter: filterWith({
      type: "Header",
      sessionName: at.sessionName,
      cluster: { names: [STABLE.cluster, CANARY.cluster] },
    }),
    change: (config) => endpoints.follow(config),
  });
  const ask = (token?: string): Promise<Answer> =>
    http1(envoy.port, { headers: token === undefined ? {} : { "x-session": token } });
  const tokenOf = (answer: Answer): string => String(answer.headers["x-session"]);
  await setWeights(envoy, 0, 100);
  const first = await ask();
  assert.equal(opened(tokenOf(first), at).cluster, CANARY.crc);
  await setWeights(envoy, 100, 0);
  const next = await ask(tokenOf(first));
  assert.deepEqual([next.status, next.body, next.headers["x-session"]], [200, first.body, undefined]);
  assert.equal(isCanary(first), true);
  await endpoints.set(envoy, []);
  const refused = await ask(tokenOf(first));
  const letGo = opened(tokenOf(refused), at);
  assert.deepEqual(
    [refused.status, letGo.endpoint, letGo.session],
    [503, opened(tokenOf(first), at).endpoint, opened(tokenOf(first), at).session],
  );
  const served = await ask(tokenOf(refused));
  assert.deepEqual(
    [served.status, isCanary(served), opened(tokenOf(served), at).cluster],
    [200, false, STABLE.crc],
  );
  assert.deepEqual(
    [refused.setCookie, served.setCookie, canary.received.at(0)?.headers["x-affinity-cluster"]],
    [[], [], undefined],
  );
});

const BALANCED = filterWith({
  mode: "balanced",
  cluster: { names: [STABLE.cluster, CANARY.cluster] },
});

/** The routes of the policy canary hash the session instead of the cookie. */
function hashSession(config: Json): void {
  for (const { route } of virtualHost(config).routes)
    route.hash_policy = [{ header: { header_name: "x-affinity-key" } }];
}

test("mode balanced: sessions stay with their version and pod through all weights", async () => {
  const versions = await Versions.startPods();
  const envoy = await versions.gateway({ filter: BALANCED, change: hashSession });
  await setWeights(envoy, 50, 50);
  const clients = await many(40, 10, async () => {
    const answer = await http1(envoy.port);
    const { endpoint, cluster: crc } = opened(newCookie(answer));
    assert.deepEqual([endpoint, crc], ["", isCanary(answer) ? CANARY.crc : STABLE.crc]);
    return { cookie: `affinity=${newCookie(answer)}`, name: answer.body };
  });
  assert.deepEqual([...new Set(clients.map(({ name }) => isCanary({ body: name })))].sort(), [false, true]);
  for (const weight of [0, 100, 0]) {
    await setWeights(envoy, 100 - weight, weight);
    for (const client of clients)
      assertPinned(await http1(envoy.port, { cookie: client.cookie }), client, `canary at ${weight} %`);
  }
});

test("mode balanced: a version without pods lets go, and its clients belong to another from then on", async () => {
  const versions = await Versions.startPods();
  const endpoints = new ClusterEndpoints(CANARY.cluster, versions.canary);
  const envoy = await versions.gateway({
    filter: BALANCED,
    change: (config) => {
      hashSession(config);
      endpoints.follow(config);
    },
  });
  await setWeights(envoy, 100, 0);
  await endpoints.set(envoy, []);
  const refused = await http1(envoy.port, {
    cookie: `affinity=${sealed({ session: 7n, cluster: CANARY.crc })}`,
  });
  assert.equal(refused.status, 503);
  assert.equal(opened(newCookie(refused)).session, 7n);
  const served = await http1(envoy.port, { cookie: `affinity=${newCookie(refused)}` });
  const token = opened(newCookie(served));
  assert.deepEqual([served.status, token.session, token.endpoint, token.cluster], [200, 7n, "", STABLE.crc]);
  await endpoints.set(envoy, versions.canary);
  await setWeights(envoy, 0, 100);
  const cookie = `affinity=${newCookie(served)}`;
  assertPinned(await http1(envoy.port, { cookie }), { name: served.body });
});

test("mode balanced: a version taken out of `names` lets go, and its clients belong to another from then on", async () => {
  const versions = await Versions.startPods();
  const envoy = await versions.gateway({
    filter: filterWith({ mode: "balanced", cluster: { names: [STABLE.cluster, CANARY.cluster] } }),
    change: hashSession,
  });
  await setWeights(envoy, 50, 50);
  for (let session = 1n; session <= 20n; session++) {
    const cookie = `affinity=${sealed({ session, cluster: 0x12345678 })}`;
    const first = await http1(envoy.port, { cookie });
    const token = opened(newCookie(first));
    assert.deepEqual([token.session, token.cluster], [session, isCanary(first) ? CANARY.crc : STABLE.crc]);
    // By chance alone all 60 would stay in 1 of 10^18 runs.
    for (let round = 0; round < 3; round++)
      assertPinned(await http1(envoy.port, { cookie: `affinity=${newCookie(first)}` }), { name: first.body });
  }
});
