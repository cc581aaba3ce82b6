import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { closeLater, test, until } from "../support/check.ts";
import { http1, many, STICKY_HOST, type Answer } from "../support/client.ts";
import { assertNoTrap, cookieFor, Eds, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { WebSocketPod } from "../support/ws-pod.ts";

interface Opened {
  socket: WebSocket;
  /** The 101; its body is the name of the pod. */
  answer: Answer;
}

/** Opens a WebSocket with the ws library. */
async function open(port: number, cookie?: string): Promise<Opened> {
  const headers = { host: STICKY_HOST, ...(cookie === undefined ? {} : { cookie }) };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`, { headers });
  closeLater({ close: () => socket.terminate() });
  const [[response]] = (await Promise.all([once(socket, "upgrade"), once(socket, "open")])) as [
    [IncomingMessage],
    unknown,
  ];
  const { statusCode: status = 0, headers: received } = response;
  const setCookie = received["set-cookie"] ?? [];
  return { socket, answer: { status, headers: received, setCookie, body: String(received["x-pod"]) } };
}

/** Sends one frame and compares what comes back, text as text and binary as binary. */
async function assertEchoes(socket: WebSocket, data: string | Buffer): Promise<void> {
  const answer = once(socket, "message", { signal: AbortSignal.timeout(20_000) });
  socket.send(data);
  const [received, isBinary] = (await answer) as [Buffer, boolean];
  assert.equal(isBinary, typeof data !== "string");
  assert.deepEqual(received, Buffer.from(data));
}

function podNamed(pods: readonly WebSocketPod[], name: string): WebSocketPod {
  return pods.find((pod) => pod.name === name) ?? assert.fail(`no pod is called ${name}`);
}

test("a new client gets its cookie on the 101, and reconnects with it 20 times to the same pod", async () => {
  const pods = await WebSocketPod.startMany(5);
  const envoy = await startGateway(pods);
  const first = await open(envoy.port);
  const pod = podNamed(pods, first.answer.body);
  assert.equal(first.answer.status, 101);
  assert.equal(first.answer.headers["x-affinity-host"], undefined);
  const cookie = `affinity=${newCookie(first.answer)}`;
  assert.equal(pinOf(newCookie(first.answer)), pod.endpoint);
  first.socket.close();
  for (let round = 0; round < 20; round++) {
    const { socket, answer } = await open(envoy.port, cookie);
    assert.deepEqual([answer.body, answer.setCookie], [pod.name, []]);
    await assertEchoes(socket, `round ${round}`);
    socket.close();
    await once(socket, "close");
  }
  assert.equal(pod.accepted.length, 21);
  await assertNoTrap(envoy);
});

test("a client whose pod is gone sees its WebSocket end, reconnects to another with a new cookie, and stays there", async () => {
  const pods = await WebSocketPod.startMany(3);
  const { port } = await startGateway(pods);
  const { socket, answer } = await open(port);
  const gone = podNamed(pods, answer.body);
  const closed = once(socket, "close");
  await gone.close();
  assert.equal((await closed)[0], 1006);

  const moved = await open(port, `affinity=${newCookie(answer)}`);
  assert.notEqual(moved.answer.body, gone.name);
  const value = newCookie(moved.answer);
  assert.equal(pinOf(value), podNamed(pods, moved.answer.body).endpoint);
  await assertEchoes(moved.socket, "here");
  for (const again of await many(10, 10, () => open(port, `affinity=${value}`))) {
    assert.deepEqual([again.answer.body, again.answer.setCookie], [moved.answer.body, []]);
  }
});

test("100 WebSockets of 100 clients at once keep apart, each at its client's pod", async () => {
  const pods = await WebSocketPod.startMany(5);
  const envoy = await startGateway(pods, { concurrency: 2 });
  const opened = await many(100, 100, async (index) => {
    const pod = pods[index % pods.length] ?? assert.fail();
    return { pod, ...(await open(envoy.port, cookieFor(pod))) };
  });
  await many(opened.length, opened.length, async (index) => {
    const { pod, socket, answer } = opened[index] ?? assert.fail();
    assert.deepEqual([answer.body, answer.setCookie], [pod.name, []]);
    await assertEchoes(socket, `client ${index}`);
  });
  await assertNoTrap(envoy);
});

test("a long WebSocket stays at its pod and works while the client's other requests are pinned anew", async () => {
  const pods = await WebSocketPod.startMany(3);
  const eds = new Eds(pods);
  const envoy = await startGateway(pods, { eds });
  const { socket, answer } = await open(envoy.port);
  const pod = podNamed(pods, answer.body);
  const others = pods.filter((other) => other !== pod);
  const old = `affinity=${newCookie(answer)}`;

  await eds.set(envoy, [...others, { ...pod, health: "UNHEALTHY" }]);
  const moved = await http1(envoy.port, { cookie: old });
  assert.notEqual(moved.body, pod.name);
  const cookie = `affinity=${newCookie(moved)}`;
  await assertEchoes(socket, "while my requests are served elsewhere");
  for (const { body, setCookie } of await many(20, 5, () => http1(envoy.port, { cookie }))) {
    assert.deepEqual([body, setCookie], [moved.body, []]);
  }

  await eds.set(envoy, others);
  newCookie(await http1(envoy.port, { cookie: old }));
  await assertEchoes(socket, randomBytes(1000));
  const second = await open(envoy.port, cookie);
  assert.deepEqual([second.answer.body, second.answer.setCookie], [moved.body, []]);
  await assertEchoes(second.socket, "second");
  await assertEchoes(socket, "first");
  assert.equal(socket.readyState, WebSocket.OPEN);
  assert.equal(pod.accepted.length, 1);
  await assertNoTrap(envoy);
});

for (const [what, data] of [
  ["text", "\u00e4\u20ac\u{1f36a} and \0"],
  ["an empty text", ""],
  ["binary of every byte", Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ["binary of a megabyte", randomBytes(1024 * 1024)],
] as const) {
  test(`frames pass both ways unchanged: ${what}`, async () => {
    const [pod = assert.fail(), ...more] = await WebSocketPod.startMany(3);
    const { port } = await startGateway([pod, ...more]);
    const { socket } = await open(port, cookieFor(pod));
    await assertEchoes(socket, data);
    // Not only in answer to the client.
    const pushed = once(socket, "message");
    pod.last.send(data);
    const [received, isBinary] = (await pushed) as [Buffer, boolean];
    assert.equal(isBinary, typeof data !== "string");
    assert.deepEqual(received, Buffer.from(data));
  });
}

test("pings, close codes and their reasons come through from either side", async () => {
  const [pod = assert.fail(), ...more] = await WebSocketPod.startMany(3);
  const envoy = await startGateway([pod, ...more]);
  const opened = await many(3, 1, () => open(envoy.port, cookieFor(pod)));
  const [byClient, byPod, broken] = opened.map(({ socket }) => socket) as [WebSocket, WebSocket, WebSocket];
  const [atPod, fromPod, breaks] = pod.accepted as [WebSocket, WebSocket, WebSocket];
  const active = "http.gateway.downstream_cx_upgrades_active";
  assert.equal(await envoy.stat(active), 3);

  const pong = once(byClient, "pong");
  byClient.ping("still there?");
  assert.equal(String((await pong)[0]), "still there?");

  assert.deepEqual(await closing(atPod, () => byClient.close(4001, "logged out")), [4001, "logged out"]);
  assert.deepEqual(await closing(byPod, () => fromPod.close(1012, "restarting")), [1012, "restarting"]);
  // No close frame at all: the library's 1006.
  assert.deepEqual(await closing(breaks, () => broken.terminate()), [1006, ""]);
  await until("Envoy holds none of them", async () => (await envoy.stat(active)) === 0);
});

/** The close code and reason with which `socket` ends after `act`. */
async function closing(socket: WebSocket, act: () => void): Promise<[number, string]> {
  const closed = once(socket, "close", { signal: AbortSignal.timeout(20_000) });
  act();
  const [code, reason] = (await closed) as [number, Buffer];
  return [code, String(reason)];
}
