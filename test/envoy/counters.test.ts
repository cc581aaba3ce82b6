import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { test, until } from "../support/check.ts";
import { http1, many, PLAIN_HOST } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { cookieFor, key, keyOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { filterWith, nowSeconds, sealed } from "../support/tokens.ts";

const PREFIX = "wasmcustom.affinity.default_session-svc_9080.";

/** The counters of the shipped scope that are not 0. */
async function counters(envoy: Envoy): Promise<Record<string, number>> {
  const stats = Object.entries(await envoy.stats());
  return Object.fromEntries(
    stats.flatMap(([name, value]) =>
      name.startsWith(PREFIX) && value > 0 ? [[name.slice(PREFIX.length), value]] : [],
    ),
  );
}

for (const concurrency of [1, 2]) {
  test(`what happens to clients is counted once each, with --concurrency ${concurrency}`, async () => {
    const pods = await Pod.startMany(4);
    const [gone = assert.fail(), alive = assert.fail()] = pods;
    const envoy = await startGateway(pods, { concurrency });
    await gone.stop();
    await many(30, 10, () => http1(envoy.port));
    await many(200, 20, () => http1(envoy.port, { cookie: cookieFor(alive) }));
    await many(7, 7, () => http1(envoy.port, { cookie: cookieFor(gone) }));
    await many(11, 11, () => http1(envoy.port, { cookie: "affinity=forged" }));
    await many(50, 10, () => http1(envoy.port, { host: PLAIN_HOST }));
    const wanted = { created: 30 + 11, rejected: 11, repinned: 7, resumed: 200 + 7 };
    await until(
      "all is counted",
      async () => Object.values(await counters(envoy)).reduce(sum, 0) >= Object.values(wanted).reduce(sum, 0),
      5000,
    )
      // What is missing shows below.
      .catch(() => {});
    assert.deepEqual(await counters(envoy), wanted);
  });
}

test("Prometheus gets a counter for each event, with the scope as its label", async () => {
  const pods = await Pod.startMany(2);
  const [pod = assert.fail()] = pods;
  const envoy = await startGateway(pods);
  await many(5, 5, () => http1(envoy.port, { cookie: cookieFor(pod) }));
  await http1(envoy.port);
  const lines = await until("the counters are handed over", async () => {
    const text = await envoy.admin("/stats/prometheus");
    return text.includes('affinity_resumed{affinity_scope="default_session-svc_9080"} 5') && text.split("\n");
  });
  for (const line of [
    "# TYPE affinity_resumed counter",
    'affinity_created{affinity_scope="default_session-svc_9080"} 1',
    'affinity_repinned{affinity_scope="default_session-svc_9080"} 0',
    'affinity_rejected{affinity_scope="default_session-svc_9080"} 0',
  ])
    assert.ok(
      lines.includes(line),
      `${line} in:\n${lines.filter((one) => one.includes("affinity")).join("\n")}`,
    );
});

test("counters are there, at 0, before the first client", async () => {
  const envoy = await startGateway([await Pod.start("pod")]);
  const names = Object.keys(await envoy.stats()).filter((name) => name.startsWith(PREFIX));
  for (const event of ["created", "resumed", "repinned", "renewed", "expired", "rejected", "accepted"])
    assert.ok(names.includes(`${PREFIX}${event}`));
});

const OLD_SECRET = randomBytes(32).toString("base64");

for (const [scope, name] of [
  ["default/session-svc:9080", "default_session-svc_9080"],
  ["shop.example/cart", "shop_example_cart"],
] as const) {
  test(`sessions that are over and renewals are counted, in Prometheus by the scope ${name}`, async () => {
    const pods = await Pod.startMany(2);
    const [pod = assert.fail(), other = assert.fail()] = pods;
    const keys = [
      { id: key.id, env: "AFFINITY_KEY" },
      { id: 9, secret: OLD_SECRET },
    ];
    const filter = filterWith({ scope, keys, absoluteTimeout: "1h", idleTimeout: "10m" });
    const envoy = await startGateway(pods, { filter });
    const now = nowSeconds();
    const ask = async (count: number, age: number, unseen: number, under = key): Promise<void> => {
      const fields = { issued: now - age, seen: now - unseen, endpoint: pod.endpoint };
      const cookie = `affinity=${sealed(fields, under, { scope, sessionName: "affinity" })}`;
      for (const answer of await many(count, 5, () => http1(envoy.port, { cookie })))
        assert.equal(answer.status, 200);
    };
    await ask(3, 3600, 0);
    await ask(2, 700, 600);
    await ask(7, 100, 10);
    await ask(4, 700, 70);
    await ask(6, 10, 10, keyOf(9, OLD_SECRET));
    await pod.stop();
    // The one event of a client that moves is that it does, due or not.
    await ask(1, 700, 70);
    assert.ok(other.received.length > 0);
    const wanted = {
      created: 5,
      resumed: 18,
      repinned: 1,
      renewed: 10,
      expired: 5,
      rejected: 0,
      accepted: 0,
    };
    const lines = Object.entries(wanted).map(
      ([event, count]) => `affinity_${event}{affinity_scope="${name}"} ${count}`,
    );
    const shown = async (): Promise<string[]> =>
      (await envoy.admin("/stats/prometheus")).split("\n").filter((line) => line.startsWith("affinity_"));
    await until("all is counted", async () => isDeepStrictEqual(new Set(await shown()), new Set(lines)))
      // What differs shows below.
      .catch(() => {});
    assert.deepEqual((await shown()).sort(), lines.sort());
    const stats = await envoy.stats();
    for (const [event, count] of Object.entries(wanted))
      assert.equal(stats[`wasmcustom.affinity.${name}.${event}`], count, event);
  });
}

function sum(total: number, value: number): number {
  return total + value;
}
