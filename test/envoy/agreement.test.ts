import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { openToken, type OpenedToken } from "../../cli/token.ts";
import { test } from "../support/check.ts";
import { http1, many } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import {
  binding,
  cookieFor,
  key,
  keyOf,
  newCookie,
  pinOf,
  secret,
  startGateway,
} from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
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

test("keys rotated, new first and old second: nobody moves, and new cookies are sealed by the new key", async () => {
  const pods = await Pod.startMany(10);
  const clients = await clientsOf(await startWithKeys(pods, [OLD]));
  const rotated = await startWithKeys(pods, [NEW, OLD]);
  await assertNobodyMoves(clients, rotated);
  pinOf(newCookie(await http1(rotated.port)), keyOf(NEW.id, NEW_SECRET));
  // A gateway that is a step behind, with both keys in the old order, moves nobody either.
  await assertNobodyMoves(await clientsOf(rotated), await startWithKeys(pods, [OLD, NEW]));
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
    const pin = pinOf(newCookie(answer), keyOf(NEW.id, NEW_SECRET));
    assert.equal(pin, pods.find((pod) => pod.name === answer.body)?.endpoint);
  }
});

test("a client that moves keeps its session's name and beginning", async () => {
  const pods = await Pod.startMany(3);
  const { port } = await startGateway(pods);
  const first = await http1(port);
  const before = open(newCookie(first));
  await pods.find((pod) => pod.name === first.body)?.stop();
  const after = open(newCookie(await http1(port, { cookie: `affinity=${newCookie(first)}` })));
  assert.deepEqual([after.session, after.issued], [before.session, before.issued]);
  assert.ok(after.seen >= before.seen);
});

function open(value: string): OpenedToken {
  return openToken(value, [key], binding) ?? assert.fail(`${value} does not open`);
}
