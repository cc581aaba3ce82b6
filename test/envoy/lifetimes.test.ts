import assert from "node:assert/strict";
import { test, until } from "../support/check.ts";
import { http1, many, type Answer } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, binding, Eds, eventCount, newCookie, startGateway } from "../support/gateway.ts";
import { HostPod } from "../support/host-pod.ts";
import { answerName, Pod, resetBeforeAnswering } from "../support/pod.ts";
import { clientsOf } from "../support/protocols.ts";
import { cookieOf, cookieWith, newToken, openedCookie } from "../support/session.ts";
import { nowSeconds } from "../support/tokens.ts";
import { cluster, type Json } from "../support/shape.ts";

// Of envoy/policies/timeouts.yaml, in seconds.
const ABSOLUTE = 12 * 3600;
const IDLE = 30 * 60;
// A client is renewed that has not been seen for so long.
const RENEWAL = IDLE / 10;
// How much time a test may take on a busy machine before a session in it is older than it says.
const MARGIN = 10;

/** The cookie of a request was renewed at its pod: same session, beginning and pod, seen just now. */
function assertRenewed(answer: Answer, cookie: string, pod: { name: string; endpoint: string }): void {
  const old = openedCookie(cookie);
  const renewed = newToken(answer);
  assert.deepEqual(
    [answer.status, answer.body, renewed.session, renewed.issued, renewed.endpoint],
    [200, pod.name, old.session, old.issued, pod.endpoint],
  );
  assertJustNow(renewed.seen);
}

function assertPinned(answer: Answer, pod: { name: string }, message?: string): void {
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []], message);
}

function assertJustNow(time: number): void {
  const ago = nowSeconds() - time;
  assert.ok(ago >= 0 && ago <= MARGIN, `${ago} s ago`);
}

/** These counters of the shipped scope; the first of them has to be waited for, the others are handed over with it. */
async function assertCounted(envoy: Envoy, counts: Record<string, number>): Promise<void> {
  for (const [event, count] of Object.entries(counts)) {
    assert.equal(await eventCount(envoy, event, count), count, event);
  }
}

test("a session over one of its timeouts is over, whatever cookie the client keeps", async () => {
  const pods = await Pod.startMany(10);
  const [old = assert.fail()] = pods;
  const envoy = await startGateway(pods, { policy: "timeouts" });
  const sessions: [age: number, unseen: number][] = [
    [ABSOLUTE, 0],
    [IDLE, IDLE],
    [1000 * 86_400, 86_400],
  ];
  for (const [protocol, client] of await clientsOf(envoy)) {
    for (const [age, unseen] of sessions) {
      const row = `began ${age} s ago, seen ${unseen} s ago, ${protocol}`;
      const met = new Set<string>();
      for (let index = 0; index < 20; index++) {
        const answer = await client({ cookie: cookieOf({ endpoint: old.endpoint, age, unseen }) });
        const { session, issued, seen, endpoint } = newToken(answer);
        assert.equal(endpoint, pods.find(({ name }) => name === answer.body)?.endpoint, row);
        assert.notEqual(session, 1n, row);
        assert.equal(seen, issued, row);
        assertJustNow(issued);
        met.add(answer.body);
      }
      // By chance 1 of 10^19 times.
      assert.ok(met.size > 1, `${row}: all met ${[...met].join()}`);
    }
  }
  await assertCounted(envoy, {
    created: 120,
    expired: 120,
    resumed: 0,
    repinned: 0,
    renewed: 0,
    rejected: 0,
  });
});

test("a session in time goes on at its pod, and its cookie is renewed once a tenth of idleTimeout has passed", async () => {
  const pods = await Pod.startMany(4);
  const envoy = await startGateway(pods, { policy: "timeouts" });
  const sessions: [age: number, unseen: number, renewed: boolean][] = [
    [0, 0, false],
    [ABSOLUTE - MARGIN, 0, false],
    [3600, RENEWAL - MARGIN, false],
    [3600, RENEWAL, true],
    [IDLE - MARGIN, IDLE - MARGIN, true],
    [ABSOLUTE - MARGIN, IDLE - MARGIN, true],
  ];
  for (const [protocol, client] of await clientsOf(envoy)) {
    for (const [age, unseen, renewed] of sessions) {
      for (const [index, pod] of pods.entries()) {
        const cookie = cookieOf({ endpoint: pod.endpoint, age, unseen, session: BigInt(index + 2) });
        const answer = await client({ cookie });
        if (!renewed) {
          assertPinned(answer, pod, `began ${age} s ago, seen ${unseen} s ago, ${protocol}`);
          continue;
        }
        assertRenewed(answer, cookie, pod);
        assertPinned(await client({ cookie: `affinity=${newCookie(answer)}` }), pod);
      }
    }
  }
  await assertCounted(envoy, { resumed: 72, renewed: 24, expired: 0, created: 0, repinned: 0, rejected: 0 });
});

test("a session that is over and one that is not, in one request: the one that is not counts", async () => {
  const pods = await Pod.startMany(4);
  const { port } = await startGateway(pods, { policy: "timeouts" });
  const [old = assert.fail(), current = assert.fail()] = pods;
  const ended = cookieOf({ endpoint: old.endpoint, unseen: IDLE });
  assertPinned(
    await http1(port, { cookie: `${ended}; ${cookieOf({ endpoint: current.endpoint })}` }),
    current,
  );
});

test("renewals in a chain keep a client beyond idleTimeout, and none beyond absoluteTimeout", async () => {
  const pods = await Pod.startMany(10);
  const envoy = await startGateway(pods, { policy: "timeouts" });
  const step = IDLE - MARGIN;
  for (const [, client] of await clientsOf(envoy)) {
    const first = await client({});
    const pod = pods.find(({ name }) => name === first.body) ?? assert.fail();
    let token = newToken(first);
    const { session } = token;
    for (let age = step; age < ABSOLUTE; age += step) {
      // As if the client had stayed away for one step.
      const cookie = cookieWith({ ...token, issued: token.issued - step, seen: token.seen - step });
      const answer = await client({ cookie });
      assertRenewed(answer, cookie, pod);
      token = newToken(answer);
    }
    const late = cookieWith({ ...token, issued: token.issued - step, seen: token.seen - step });
    const answer = await client({ cookie: late });
    assert.equal(answer.status, 200);
    assert.notEqual(newToken(answer).session, session);
  }
});

test("a client that is due moves with its pod gone, and is seen by that: the session goes on elsewhere", async () => {
  const pods = await Pod.startMany(3);
  const [gone = assert.fail()] = pods;
  const envoy = await startGateway(pods, { policy: "timeouts" });
  await gone.stop();
  const cookie = cookieOf({ endpoint: gone.endpoint, age: 3600, unseen: RENEWAL });
  const answer = await http1(envoy.port, { cookie });
  const pod = pods.find(({ name }) => name === answer.body) ?? assert.fail();
  assert.notEqual(pod, gone);
  assertRenewed(answer, cookie, pod);
  await assertCounted(envoy, { repinned: 1, renewed: 0, created: 0 });
});

test("Envoy's own answers renew nothing", async () => {
  const pods = await Pod.startMany(1);
  const [pod = assert.fail()] = pods;
  const endpoints = pods.map(({ address, port }) => ({ address, port }));
  const eds = new Eds(endpoints);
  const envoy = await startGateway(pods, { policy: "timeouts", eds });
  const cookie = cookieOf({ endpoint: pod.endpoint, age: 3600, unseen: RENEWAL });
  const clients = await clientsOf(envoy);
  const assertKept = async (failure: string): Promise<void> => {
    for (const [protocol, client] of clients) {
      const { status, setCookie } = await client({ cookie });
      assert.deepEqual([status, setCookie], [503, []], `${failure}, ${protocol}`);
    }
  };
  pod.behaviour = resetBeforeAnswering;
  await assertKept("the pod resets the connection");
  await pod.stop();
  await assertKept("the pod refuses connections");
  await eds.set(envoy, []);
  await assertKept("there is no pod");
  await pod.start();
  pod.behaviour = answerName();
  await eds.set(envoy, endpoints);
  assertRenewed(await http1(envoy.port, { cookie }), cookie, pod);
});

test("what the pod answers renews the cookie, an error too", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  const { port } = await startGateway([pod], { policy: "timeouts" });
  for (const status of [304, 404, 500, 503]) {
    pod.behaviour = answerName(status);
    const cookie = cookieOf({ endpoint: pod.endpoint, unseen: RENEWAL });
    const answer = await http1(port, { cookie });
    assert.equal(answer.status, status);
    assertRenewed({ ...answer, status: 200, body: pod.name }, cookie, pod);
  }
});

test("onHostChange keep: a due cookie is renewed whichever pod answers, and names its own pod", async () => {
  const pods = await Pod.startMany(3);
  const [mine = assert.fail(), ...others] = pods;
  const envoy = await startGateway(pods, {
    policy: "keep",
    filter: {
      scope: binding.scope,
      keys: [{ id: 1, env: "AFFINITY_KEY" }],
      onHostChange: "keep",
      idleTimeout: "30m",
    },
  });
  const cookie = cookieOf({ endpoint: mine.endpoint, unseen: RENEWAL });
  await mine.stop();
  for (const [protocol, client] of await clientsOf(envoy)) {
    const answer = await client({ cookie });
    assert.ok(
      others.some(({ name }) => name === answer.body),
      protocol,
    );
    assertRenewed(answer, cookie, { name: answer.body, endpoint: mine.endpoint });
  }
  await mine.start();
  const answer = await until("the pod is back", async () => {
    const received = await http1(envoy.port, { cookie });
    return received.body === mine.name && received;
  });
  assertRenewed(answer, cookie, mine);
  await assertCounted(envoy, { renewed: 3, repinned: 0, created: 0 });
});

test("a pod on IPv6 and one on a Unix domain socket are pinned, and renewed to their own address", async () => {
  const pods = [
    await HostPod.onIPv6("six"),
    await HostPod.onIPv6("other-six"),
    await HostPod.onPipe("pipe"),
    await HostPod.onPipe("other-pipe"),
  ];
  const lb_endpoints = pods.map(({ address }) => ({ endpoint: { address } }));
  const envoy = await startGateway([], {
    policy: "timeouts",
    change: (config: Json) => {
      cluster(config).load_assignment.endpoints = [{ lb_endpoints }];
    },
  });
  const met = new Set<string>();
  for (const answer of await many(60, 10, () => http1(envoy.port))) {
    assert.equal(newToken(answer).endpoint, pods.find(({ name }) => name === answer.body)?.endpoint);
    met.add(answer.body);
  }
  // One of the four is left out in 1 of 10^6 runs.
  assert.equal(met.size, pods.length);
  for (const [protocol, client] of await clientsOf(envoy)) {
    for (const pod of pods) {
      for (let request = 0; request < 5; request++) {
        assertPinned(await client({ cookie: cookieOf(pod) }), pod, protocol);
        const cookie = cookieOf({ endpoint: pod.endpoint, age: 3600, unseen: RENEWAL });
        assertRenewed(await client({ cookie }), cookie, pod);
      }
    }
  }
  await assertNoTrap(envoy);
});
