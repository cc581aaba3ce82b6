import assert from "node:assert/strict";
import type { EdsPod } from "../../cli/gateway.ts";
import { test, until } from "../support/check.ts";
import { http1, many } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { cookieFor, Eds, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";

interface Discovered {
  pods: Pod[];
  eds: Eds;
  envoy: Envoy;
  /** The pods, the first of them in this state of health. */
  withFirst(health: EdsPod["health"]): EdsPod[];
}

async function startDiscovered(): Promise<Discovered> {
  const pods = await Pod.startMany(4);
  const all: EdsPod[] = pods.map(({ address, port }) => ({ address, port, health: "HEALTHY" }));
  const eds = new Eds(all);
  const envoy = await startGateway(pods, { eds });
  return {
    pods,
    eds,
    envoy,
    withFirst: (health = "HEALTHY") => all.map((pod, index) => (index === 0 ? { ...pod, health } : pod)),
  };
}

/** How many of 60 new clients each pod got. */
async function newClients(port: number): Promise<Map<string, number>> {
  const met = new Map<string, number>();
  for (const answer of await many(60, 10, () => http1(port))) {
    assert.equal(answer.status, 200);
    newCookie(answer);
    met.set(answer.body, (met.get(answer.body) ?? 0) + 1);
  }
  return met;
}

test("a draining pod keeps its clients and gets no new ones", async () => {
  const { pods, eds, envoy, withFirst } = await startDiscovered();
  const [draining = assert.fail()] = pods;
  assert.ok(
    (await newClients(envoy.port)).has(draining.name),
    "not even before it drains does it get new clients",
  );
  await eds.set(envoy, withFirst("DRAINING"));
  for (const answer of await many(100, 20, () => http1(envoy.port, { cookie: cookieFor(draining) }))) {
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, draining.name, []]);
  }
  assert.equal((await newClients(envoy.port)).has(draining.name), false);
});

test("with most pods draining, new clients still go only to the others", async () => {
  const { pods, eds, envoy } = await startDiscovered();
  const drained = pods.slice(1);
  await eds.set(
    envoy,
    pods.map(({ address, port }, index) => ({ address, port, health: index === 0 ? "HEALTHY" : "DRAINING" })),
  );
  assert.deepEqual([...(await newClients(envoy.port)).keys()], [pods[0]?.name]);
  for (const pod of drained) {
    const answer = await http1(envoy.port, { cookie: cookieFor(pod) });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []]);
  }
});

test("the clients of an unhealthy pod move, all to the same one for the same cookie", async () => {
  const { pods, eds, envoy, withFirst } = await startDiscovered();
  const [unhealthy = assert.fail()] = pods;
  await eds.set(envoy, withFirst("UNHEALTHY"));
  const cookie = cookieFor(unhealthy);
  const answers = await many(100, 50, () => http1(envoy.port, { cookie }));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const pins = new Set(answers.map((answer) => pinOf(newCookie(answer))));
  assert.equal(pins.size, 1);
  assert.equal(pins.has(unhealthy.endpoint), false);
  assert.equal(unhealthy.received.length, 0);
});

test("the clients of a degraded pod stay", async () => {
  const { pods, eds, envoy, withFirst } = await startDiscovered();
  const [degraded = assert.fail()] = pods;
  await eds.set(envoy, withFirst("DEGRADED"));
  const answer = await http1(envoy.port, { cookie: cookieFor(degraded) });
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, degraded.name, []]);
});

test("the clients of a pod that is taken out of discovery move, though it still answers", async () => {
  const { pods, eds, envoy, withFirst } = await startDiscovered();
  const [removed = assert.fail()] = pods;
  await eds.set(envoy, withFirst("HEALTHY").slice(1));
  const cookie = cookieFor(removed);
  const answers = await many(100, 50, () => http1(envoy.port, { cookie }));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(new Set(answers.map((answer) => pinOf(newCookie(answer)))).size, 1);
  assert.equal(removed.received.length, 0);
});

test("a pod that joins takes nobody from another pod, and gets new clients", async () => {
  const { pods, eds, envoy, withFirst } = await startDiscovered();
  const joining = await Pod.start("joining");
  await eds.set(envoy, [
    ...withFirst("HEALTHY"),
    { address: joining.address, port: joining.port, health: "HEALTHY" },
  ]);
  for (const pod of pods) {
    for (const answer of await many(25, 5, () => http1(envoy.port, { cookie: cookieFor(pod) }))) {
      assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []]);
    }
  }
  assert.ok((await newClients(envoy.port)).has(joining.name));
});

test("with discovery empty: 503 without a cookie; with the pods back, pinned as before", async () => {
  const { pods, eds, envoy, withFirst } = await startDiscovered();
  const [mine = assert.fail()] = pods;
  await eds.set(envoy, []);
  for (const cookie of [cookieFor(mine), "affinity=forged", "other=1"]) {
    const answer = await http1(envoy.port, { cookie });
    assert.deepEqual([answer.status, answer.setCookie], [503, []]);
  }
  await eds.set(envoy, withFirst("HEALTHY"));
  const answer = await http1(envoy.port, { cookie: cookieFor(mine) });
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, mine.name, []]);
});

test("a pod that only fails is left out of the choice for new clients after some seconds", async () => {
  const { pods, envoy } = await startDiscovered();
  const [gone = assert.fail()] = pods;
  await gone.stop();
  await until("Envoy ejects the pod that refuses", async () => {
    await newClients(envoy.port);
    return (await envoy.stat("cluster.session-svc.outlier_detection.ejections_active")) === 1;
  });
  const retries = await envoy.stat("cluster.session-svc.upstream_rq_retry");
  await newClients(envoy.port);
  assert.equal(await envoy.stat("cluster.session-svc.upstream_rq_retry"), retries);
});
