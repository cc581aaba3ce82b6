import assert from "node:assert/strict";
import {
  assertNewPin,
  assertPinned,
  CANARY,
  cookieFor,
  isCanary,
  setWeights,
  STABLE,
  Versions,
} from "../support/canary.ts";
import { test } from "../support/check.ts";
import { http1, http2, http2Session, many } from "../support/client.ts";
import { assertNoTrap, binding, eventCount, newCookie, startGateway } from "../support/gateway.ts";
import { connectionManager, virtualHost, type Json } from "../support/shape.ts";
import { opened, sealed } from "../support/tokens.ts";

const HEADER = "x-affinity-cluster";

test("the weights hold for new clients, and when they are changed for those who come then", async () => {
  const versions = await Versions.startPods();
  const envoy = await versions.gateway();
  for (const [stable, canary] of [
    [undefined, 10],
    [30, 70],
    [100, 0],
    [0, 100],
  ] as const) {
    if (stable !== undefined) await setWeights(envoy, stable, canary);
    const answers = await many(400, 20, () => http1(envoy.port));
    const met = answers.filter(isCanary).length;
    // 5.5 standard deviations: once in 25 million runs.
    const range = 5.5 * Math.sqrt(400 * (canary / 100) * (1 - canary / 100));
    assert.ok(Math.abs(met - 4 * canary) <= range, `${canary} %: ${met} of 400 met the canary`);
    for (const answer of answers)
      assertNewPin(
        answer,
        isCanary(answer) ? versions.canary : versions.stable,
        isCanary(answer) ? CANARY : STABLE,
      );
  }
  await assertNoTrap(envoy);
});

test("sessions stay with their version and their pod through weights from 0 to 100 and back, also at 0", async () => {
  const versions = await Versions.startPods();
  const envoy = await versions.gateway();
  await setWeights(envoy, 50, 50);
  const clients = await many(40, 10, async () => {
    const answer = await http1(envoy.port);
    return { cookie: `affinity=${newCookie(answer)}`, name: answer.body };
  });
  // By chance all are of one version in 1 of 10^12 runs.
  assert.deepEqual([...new Set(clients.map(({ name }) => isCanary({ body: name })))].sort(), [false, true]);
  const session = await http2Session(envoy.port);
  for (const canary of [0, 100, 0, 50]) {
    await setWeights(envoy, 100 - canary, canary);
    await many(clients.length, 10, async (index) => {
      const client = clients[index] ?? assert.fail();
      const { cookie } = client;
      for (const answer of [
        await http1(envoy.port, { cookie }),
        await http1(envoy.port, { cookie, method: "POST", body: "x" }),
        await http2(session, { cookie, method: "PATCH" }),
      ])
        assertPinned(answer, client, `canary at ${canary} %`);
    });
  }
  assert.equal(await eventCount(envoy, "resumed", 480), 480);
  assert.equal(await eventCount(envoy, "repinned", 0), 0);
});

const locks: Record<string, (config: Json) => void> = {
  "both locks on": () => {},
  "the first lock off": (config) => delete connectionManager(config).early_header_mutation_extensions,
};

for (const [lock, change] of Object.entries(locks)) {
  test(`a client's own x-affinity-cluster steers nothing, new or known, with ${lock}`, async () => {
    const versions = await Versions.startPods();
    const [pod = assert.fail()] = versions.stable;
    const [canary = assert.fail()] = versions.canary;
    const envoy = await versions.gateway({ change });
    const session = await http2Session(envoy.port);
    for (const [stable, weight] of [
      [100, 0],
      [0, 100],
    ] as const) {
      await setWeights(envoy, stable, weight);
      const before = await envoy.stat("cluster.session-svc-plain.upstream_rq_total");
      for (const name of [CANARY.cluster, STABLE.cluster, "session-svc-plain", "no-such-cluster", ""]) {
        for (const value of [name, [name, name]]) {
          const headers = { [HEADER]: value, "X-AFFINITY-CLUSTER": name };
          for (const client of [
            (cookie?: string) => http1(envoy.port, { headers, ...(cookie === undefined ? {} : { cookie }) }),
            (cookie?: string) =>
              http2(session, {
                headers: { [HEADER]: value },
                method: "POST",
                ...(cookie === undefined ? {} : { cookie }),
              }),
          ]) {
            for (const fresh of [await client(), await client("affinity=forged")])
              assertNewPin(
                fresh,
                weight === 0 ? versions.stable : versions.canary,
                weight === 0 ? STABLE : CANARY,
              );
            assertPinned(await client(cookieFor(pod, STABLE)), pod, `${name} with ${lock}`);
            assertPinned(await client(cookieFor(canary, CANARY)), canary, `${name} with ${lock}`);
          }
        }
      }
      assert.equal(await envoy.stat("cluster.session-svc-plain.upstream_rq_total"), before);
    }
    for (const { headers } of versions.all.flatMap(({ received }) => received))
      assert.equal(headers[HEADER], undefined);
  });
}

test("with both locks off x-affinity-cluster does steer, so the tests above can fail", async () => {
  const versions = await Versions.startPods();
  const envoy = await versions.gateway({
    change: (config) => {
      delete connectionManager(config).early_header_mutation_extensions;
      delete virtualHost(config).typed_per_filter_config.affinity;
    },
  });
  await setWeights(envoy, 100, 0);
  assert.ok(isCanary(await http1(envoy.port, { headers: { [HEADER]: CANARY.cluster } })));
  await http1(envoy.port, { headers: { [HEADER]: "session-svc-plain" } });
  assert.equal(await envoy.stat("cluster.session-svc-plain.upstream_rq_total"), 2);
});

test("no token that was altered or made elsewhere gets its client into a version", async () => {
  const versions = await Versions.startPods();
  const [pod = assert.fail()] = versions.stable;
  const [canary = assert.fail()] = versions.canary;
  const envoy = await versions.gateway();
  await setWeights(envoy, 100, 0);
  const foreign = sealed({ endpoint: canary.endpoint, cluster: CANARY.crc }, undefined, {
    ...binding,
    scope: "default/other:80",
  });
  assertNewPin(await http1(envoy.port, { cookie: `affinity=${foreign}` }), versions.stable, STABLE);
  const token = Buffer.from(sealed({ endpoint: pod.endpoint, cluster: STABLE.crc }), "base64url");
  // The CRC-32 stands before the tag of 16 bytes. This also turns the stable version's into the canary's.
  const masks = Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0);
  await many(33, 10, async (index) => {
    const altered = Buffer.from(token);
    const place = token.length - 16 - 4;
    const mask = masks[index] ?? (STABLE.crc ^ CANARY.crc) >>> 0;
    altered.writeUInt32BE((altered.readUInt32BE(place) ^ mask) >>> 0, place);
    const answer = await http1(envoy.port, { cookie: `affinity=${altered.toString("base64url")}` });
    assertNewPin(answer, versions.stable, STABLE);
  });
  assert.equal(await eventCount(envoy, "rejected", 34), 34);
});

test("a token from before `cluster` was configured goes to the first name and its pod, whatever the weights", async () => {
  const versions = await Versions.startPods();
  const [gone = assert.fail(), pod = assert.fail(), ...others] = versions.stable;
  const envoy = await versions.gateway();
  await gone.stop();
  for (const weight of [0, 100]) {
    await setWeights(envoy, 100 - weight, weight);
    for (const method of ["GET", "POST"]) {
      assertPinned(await http1(envoy.port, { method, cookie: cookieFor(pod, undefined) }), pod);
      const moved = await http1(envoy.port, { method, cookie: cookieFor(gone, undefined) });
      assertNewPin(moved, [pod, ...others], STABLE, 5n);
    }
  }
});

test("a token of a version opens where `cluster` is not configured any more, and leads to its pod", async () => {
  const versions = await Versions.startPods();
  const [gone = assert.fail(), pod = assert.fail()] = versions.stable;
  const [canary = assert.fail()] = versions.canary;
  const { port } = await startGateway(versions.stable);
  await gone.stop();
  assertPinned(await http1(port, { cookie: cookieFor(pod, STABLE) }), pod);
  for (const away of [cookieFor(gone, STABLE), cookieFor(canary, CANARY)]) {
    const answer = await http1(port, { cookie: away });
    const token = opened(newCookie(answer));
    assert.deepEqual([answer.status, token.session, token.cluster], [200, 5n, undefined]);
    assertPinned(await http1(port, { cookie: `affinity=${newCookie(answer)}` }), { name: answer.body });
  }
});
