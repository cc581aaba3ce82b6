import assert from "node:assert/strict";
import { BlackHole } from "../support/blackhole.ts";
import { test, until } from "../support/check.ts";
import { http1, http2, http2Session, keepAlive, many } from "../support/client.ts";
import {
  assertNoTrap,
  binding,
  cookieFor,
  eventCount,
  newCookie,
  pinOf,
  startGateway,
} from "../support/gateway.ts";
import { answerName, Hold, Pod, resetBeforeAnswering, type PodLike } from "../support/pod.ts";

type Broken = PodLike & { endpoint: string };

const failures: Record<string, () => Promise<Broken>> = {
  "refuses connections": async () => {
    const pod = await Pod.start("broken");
    await pod.stop();
    return pod;
  },
  "resets the connection when it has read the request": async () => {
    const pod = await Pod.start("broken");
    pod.behaviour = resetBeforeAnswering;
    return pod;
  },
  "closes the connection when it has read the request": async () => {
    const pod = await Pod.start("broken");
    pod.behaviour = (request) => void request.socket.destroy();
    return pod;
  },
  "resets every connection as soon as it is there": async () => {
    const pod = await Pod.start("broken");
    pod.resetsConnections = true;
    return pod;
  },
  "swallows connection attempts": () => BlackHole.start(),
};

for (const [failure, breakPod] of Object.entries(failures)) {
  test(`a pod that ${failure}: another serves its client, with one new cookie`, async () => {
    const broken = await breakPod();
    const pods = await Pod.startMany(4);
    const envoy = await startGateway([broken, ...pods]);
    const answer = await http1(envoy.port, { cookie: cookieFor(broken) });
    assert.equal(answer.status, 200);
    const value = newCookie(answer);
    assert.equal(pinOf(value), pods.find((pod) => pod.name === answer.body)?.endpoint);
    const next = await http1(envoy.port, { cookie: `affinity=${value}` });
    assert.deepEqual([next.status, next.body, next.setCookie], [200, answer.body, []]);
    // Both requests were resumed, and the second was counted last: no other repinned is still to come.
    assert.equal(await eventCount(envoy, "resumed", 2), 2);
    assert.equal(await eventCount(envoy, "repinned", 1), 1);
    await assertNoTrap(envoy);
  });

  for (const [protocol, concurrency] of [
    ["HTTP/1.1", 1],
    ["HTTP/2", 1],
    ["HTTP/1.1", 2],
  ] as const) {
    test(`a pod that ${failure}: 100 requests at once on ${protocol}, --concurrency ${concurrency}, agree on another`, async () => {
      const broken = await breakPod();
      const { port } = await startGateway([broken, ...(await Pod.startMany(9))], { concurrency });
      const cookie = cookieFor(broken);
      const session = await http2Session(port);
      const answers = await many(100, 100, () =>
        protocol === "HTTP/2" ? http2(session, { cookie }) : http1(port, { cookie }),
      );
      const statuses = new Set(answers.map((answer) => answer.status));
      assert.deepEqual([...statuses], [200]);
      const pins = new Set(answers.map((answer) => pinOf(newCookie(answer))));
      assert.equal(pins.size, 1, `re-picked: ${[...pins].join()}`);
    });
  }
}

test("a new client meets a healthy pod while another refuses connections", async () => {
  const pods = await Pod.startMany(3);
  const [gone = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  await gone.stop();
  const answers = await many(100, 10, () => http1(port));
  for (const answer of answers) {
    assert.equal(answer.status, 200);
    assert.notEqual(pinOf(newCookie(answer)), gone.endpoint);
  }
});

test("a pod that dies under 100 clients on kept connections: each is served by another, with no 5xx", async () => {
  const pods = await Pod.startMany(4);
  const [dying = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  const agent = keepAlive(100);
  const cookie = cookieFor(dying);
  for (const answer of await many(100, 100, () => http1(port, { cookie, agent }))) {
    assert.deepEqual([answer.body, answer.setCookie], [dying.name, []]);
  }
  await dying.stop();
  const answers = await many(100, 100, () => http1(port, { cookie, agent }));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(new Set(answers.map((answer) => pinOf(newCookie(answer)))).size, 1);
});

test("a POST that the pod has seen is not sent again: 503, and the cookie stays", async () => {
  const pods = await Pod.startMany(3);
  const [broken = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  broken.behaviour = resetBeforeAnswering;
  for (const method of ["POST", "PATCH", "LOCK"]) {
    const answer = await http1(port, { method, body: "once", cookie: cookieFor(broken) });
    assert.deepEqual([answer.status, answer.setCookie], [503, []], method);
    assert.equal(
      pods.reduce((sum, pod) => sum + pod.received.filter((got) => got.method === method).length, 0),
      1,
    );
  }
});

test("a POST that no pod can have seen is sent to another", async () => {
  const pods = await Pod.startMany(3);
  const [gone = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  await gone.stop();
  const answer = await http1(port, { method: "POST", body: "once", cookie: cookieFor(gone) });
  assert.equal(answer.status, 200);
  const server = pods.find((pod) => pod.endpoint === pinOf(newCookie(answer))) ?? assert.fail();
  assert.equal(server.last.body, "once");
});

test("GET, HEAD, PUT and DELETE that a pod has seen and not answered are sent to another", async () => {
  for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
    const pods = await Pod.startMany(2);
    const [broken = assert.fail(), other = assert.fail()] = pods;
    const { port } = await startGateway(pods);
    broken.behaviour = resetBeforeAnswering;
    const answer = await http1(port, { method, cookie: cookieFor(broken) });
    assert.equal(answer.status, 200, method);
    assert.equal(pinOf(newCookie(answer)), other.endpoint);
    assert.equal(broken.received.length, 1);
  }
});

for (const [all, dead] of [
  [2, 1],
  [3, 2],
] as const) {
  test(`of ${all} pods ${dead} gone: 300 clients of the dead, each with its own cookie, are all served`, async () => {
    const pods = await Pod.startMany(all);
    const gone = pods.slice(0, dead);
    const { port } = await startGateway(pods);
    await Promise.all(gone.map((pod) => pod.stop()));
    const answers = await many(300, 100, (index) =>
      http1(port, { cookie: cookieFor(gone[index % dead] ?? assert.fail()) }),
    );
    assert.deepEqual(
      [...new Set(answers.map(({ status, body }) => `${status} ${body}`))],
      [`200 ${pods.at(-1)?.name}`],
    );
  });
}

test("a pod that answers 500, many times and at once, keeps its clients", async () => {
  const pods = await Pod.startMany(3);
  const [failing = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  for (const status of [500, 502, 503, 504]) {
    failing.behaviour = answerName(status);
    for (const answer of await many(50, 10, () => http1(port, { cookie: cookieFor(failing) }))) {
      assert.deepEqual([answer.status, answer.body, answer.setCookie], [status, failing.name, []]);
    }
  }
  failing.behaviour = answerName();
  const answer = await http1(port, { cookie: cookieFor(failing) });
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, failing.name, []]);
});

test("a slow pod keeps its clients, also one that takes longer to answer than a connection may take", async () => {
  const [slow = assert.fail(), ...others] = await Pod.startMany(3);
  const silent = await BlackHole.start();
  const { port } = await startGateway([slow, silent, ...others]);
  const hold = new Hold();
  slow.behaviour = hold.behaviour;
  const pending = http1(port, { cookie: cookieFor(slow) });
  const { release } = await until("the request is at its pod", () => hold.waiting[0]);
  slow.behaviour = answerName();
  // It comes by connect_timeout, whose like the slow pod has then taken.
  assert.equal((await http1(port, { cookie: cookieFor(silent) })).status, 200);
  release();
  const answer = await pending;
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, slow.name, []]);
});

test("with every pod gone: 503 and the cookie stays; once they are back, so is the pin", async () => {
  const pods = await Pod.startMany(3);
  const [mine = assert.fail()] = pods;
  const envoy = await startGateway(pods);
  const cookie = cookieFor(mine);
  await Promise.all(pods.map((pod) => pod.stop()));
  for (const ask of [{ cookie }, {}, { cookie: "affinity=forged" }]) {
    const answer = await http1(envoy.port, ask);
    assert.deepEqual([answer.status, answer.setCookie], [503, []]);
  }
  await assertNoTrap(envoy);
  await Promise.all(pods.map((pod) => pod.start()));
  await until("the pinned pod serves again", async () => {
    const answer = await http1(envoy.port, { cookie });
    return answer.status === 200 && answer.body === mine.name && answer.setCookie.length === 0;
  });
});

test("a client that moved stays where it is when its first pod is back", async () => {
  const pods = await Pod.startMany(3);
  const [first = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  await first.stop();
  const moved = await http1(port, { cookie: cookieFor(first) });
  await first.start();
  const answer = await http1(port, { cookie: `affinity=${newCookie(moved)}` });
  assert.deepEqual([answer.body, answer.setCookie], [moved.body, []]);
});

test("onHostChange keep: another pod serves, and the client keeps its cookie", async () => {
  const pods = await Pod.startMany(3);
  const [gone = assert.fail()] = pods;
  const filter = { scope: binding.scope, keys: [{ id: 1, env: "AFFINITY_KEY" }], onHostChange: "keep" };
  const { port } = await startGateway(pods, { filter });
  await gone.stop();
  const answer = await http1(port, { cookie: cookieFor(gone) });
  assert.deepEqual([answer.status, answer.setCookie], [200, []]);
  assert.notEqual(answer.body, gone.name);
  assert.equal(pinOf(newCookie(await http1(port))) === gone.endpoint, false);
});
