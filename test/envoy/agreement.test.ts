import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { TokenKey } from "../../cli/token.ts";
import { test } from "../support/check.ts";
import { http1, many } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import {
  binding,
  cookieFor,
  eventCount,
  key,
  keyOf,
  newCookie,
  pinOf,
  secret,
  startGateway,
} from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { newToken, openedCookie } from "../support/session.ts";
import { httpFilter } from "../support/shape.ts";

interface Client {
  cookie: string;
  pod: string;
}

/** Twenty clients, each with the cookie that this gateway gave it. */
function clientsOf(envoy: Envoy): Promise<Client[]> {
  return many(20, 5, async () => {
    const answer = await http1(envoy.port);
    return { cookie: `affinity=${newCookie(answer)}`, pod: answer.body };
  });
}

async function assertNobodyMoves(clients: readonly Client[], envoy: Envoy): Promise<void> {
  for (const { cookie, pod } of clients) {
    const answer = await http1(envoy.port, { cookie });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod, []]);
  }
}

const NEW_SECRET = randomBytes(32).toString("base64");
const OLD = { id: 1, env: "AFFINITY_KEY" };
const NEW = { id: 2, env: "AFFINITY_KEY_NEW" };
const OLD_KEY = key;
const NEW_KEY = keyOf(NEW.id, NEW_SECRET);

/** Each client of the old key meets its pod, and gets its session in a cookie by the new key; returns them with it. */
function assertRenewed(
  clients: readonly Client[],
  envoy: Envoy,
  oldKey: TokenKey,
  newKey: TokenKey,
): Promise<Client[]> {
  return many(clients.length, 5, async (index) => {
    const { cookie, pod } = clients[index] ?? assert.fail();
    const before = openedCookie(cookie, oldKey);
    const answer = await http1(envoy.port, { cookie });
    const after = newToken(answer, newKey);
    assert.deepEqual(
      [answer.status, answer.body, after.endpoint, after.session, after.issued],
      [200, pod, before.endpoint, before.session, before.issued],
    );
    assert.ok(after.seen >= before.seen);
    return { cookie: `affinity=${newCookie(answer)}`, pod };
  });
}

/** The gateway with these keys, both of which Envoy's environment has. */
function startWithKeys(pods: Pod[], keys: object[]): Promise<Envoy> {
  return startGateway(pods, {
    filter: { scope: binding.scope, keys },
    env: { AFFINITY_KEY: secret, AFFINITY_KEY_NEW: NEW_SECRET },
    change: (config) => {
      httpFilter(config, "affinity").typed_config.config.vm_config.environment_variables.host_env_keys.push(
        NEW.env,
      );
    },
  });
}

test("a gateway that is killed and started again moves nobody", async () => {
  const envoy = await startGateway(await Pod.startMany(10));
  const clients = await clientsOf(envoy);
  await envoy.restart();
  await assertNobodyMoves(clients, envoy);
});

test("two gateways with the same key agree, in both directions", async () => {
  const pods = await Pod.startMany(10);
  const one = await startGateway(pods);
  const other = await startGateway([...pods].reverse(), { concurrency: 2 });
  await assertNobodyMoves(await clientsOf(one), other);
  await assertNobodyMoves(await clientsOf(other), one);
});

test("two gateways re-pick the same pod for a cookie whose pod is gone", async () => {
  const pods = await Pod.startMany(10);
  const [gone = assert.fail()] = pods;
  const gateways = [await startGateway(pods), await startGateway(pods)] as const;
  await gone.stop();
  const picked = await many(20, 5, async () => {
    const cookie = cookieFor(gone);
    const pins = await Promise.all(
      gateways.map(async ({ port }) => pinOf(newCookie(await http1(port, { cookie })))),
    );
    assert.equal(pins[0], pins[1]);
    return pins[0];
  });
  assert.ok(new Set(picked).size > 1, "every client of the pod that is gone went to the same one");
});

test("a gateway with another key knows none of these clients, and pins them anew", async () => {
  const pods = await Pod.startMany(4);
  const clients = await clientsOf(await startGateway(pods));
  const other = await startGateway(pods, { env: { AFFINITY_KEY: NEW_SECRET } });
  for (const { cookie } of clients) {
    const answer = await http1(other.port, { cookie });
    assert.equal(answer.status, 200);
    pinOf(newCookie(answer), keyOf(1, NEW_SECRET));
  }
});

test("keys rotated, new first and old second: nobody moves, and every cookie is written anew by the new key", async () => {
  const pods = await Pod.startMany(10);
  const clients = await clientsOf(await startWithKeys(pods, [OLD]));
  const rotated = await startWithKeys(pods, [NEW, OLD]);
  const renewed = await assertRenewed(clients, rotated, OLD_KEY, NEW_KEY);
  await assertNobodyMoves(renewed, rotated);
  newToken(await http1(rotated.port), NEW_KEY);
  assert.equal(await eventCount(rotated, "created", 1), 1);
  assert.equal(await eventCount(rotated, "renewed", 20), 20);
  for (const event of ["repinned", "rejected", "expired"])
    assert.equal(await eventCount(rotated, event, 0), 0);
});

test("a gateway that is a step behind, with both keys in the old order, moves nobody to and fro", async () => {
  const pods = await Pod.startMany(10);
  const behind = await startWithKeys(pods, [OLD, NEW]);
  const rotated = await startWithKeys(pods, [NEW, OLD]);
  let clients = await clientsOf(rotated);
  for (let round = 0; round < 3; round++) {
    clients = await assertRenewed(clients, behind, NEW_KEY, OLD_KEY);
    clients = await assertRenewed(clients, rotated, OLD_KEY, NEW_KEY);
  }
  await assertNobodyMoves(clients, rotated);
});

test("a client of the old key whose pod is gone moves once, and gets a cookie by the new key", async () => {
  const pods = await Pod.startMany(3);
  const rotated = await startWithKeys(pods, [NEW, OLD]);
  const [gone = assert.fail()] = pods;
  await gone.stop();
  const answer = await http1(rotated.port, { cookie: cookieFor(gone, OLD_KEY) });
  const pod = pods.find(({ name }) => name === answer.body) ?? assert.fail();
  assert.equal(newToken(answer, NEW_KEY).endpoint, pod.endpoint);
  await assertNobodyMoves([{ cookie: `affinity=${newCookie(answer)}`, pod: pod.name }], rotated);
});

test("the old key removed: clients of the new key stay, those of the old one get a new pin", async () => {
  const pods = await Pod.startMany(4);
  const old = await clientsOf(await startWithKeys(pods, [OLD]));
  const current = await clientsOf(await startWithKeys(pods, [NEW, OLD]));
  const later = await startWithKeys(pods, [NEW]);
  await assertNobodyMoves(current, later);
  for (const { cookie } of old) {
    const answer = await http1(later.port, { cookie });
    assert.equal(answer.status, 200);
    const pin = pinOf(newCookie(answer), NEW_KEY);
    assert.equal(pin, pods.find((pod) => pod.name === answer.body)?.endpoint);
  }
});

test("a client that moves keeps its session's name and beginning", async () => {
  const pods = await Pod.startMany(3);
  const { port } = await startGateway(pods);
  const first = await http1(port);
  const before = newToken(first);
  await pods.find((pod) => pod.name === first.body)?.stop();
  const after = newToken(await http1(port, { cookie: `affinity=${newCookie(first)}` }));
  assert.deepEqual([after.session, after.issued], [before.session, before.issued]);
  assert.ok(after.seen >= before.seen);
});
