import assert from "node:assert/strict";
import { test, until } from "../support/check.ts";
import { http1 } from "../support/client.ts";
import { EventStreams, Listener } from "../support/event-stream.ts";
import { assertNoTrap, cookieFor, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { virtualHost, withoutPage, type Json } from "../support/shape.ts";

/** The host with affinity is that of requests to 127.0.0.1 too. */
function knownByAddress(config: Json): void {
  withoutPage(config);
  virtualHost(config).domains.push("127.0.0.1");
}

/** Pods that answer with server-sent events, and the streams that they hold open. */
async function eventPods(count: number): Promise<{ pods: Pod[]; streams: EventStreams }> {
  const pods = await Pod.startMany(count);
  const streams = new EventStreams();
  for (const pod of pods) pod.behaviour = streams.behaviour;
  return { pods, streams };
}

function cookieOf({ setCookie, status }: Listener["connections"][number]): string {
  return newCookie({ status, headers: {}, setCookie, body: "" });
}

test("a new client has its cookie before the first event, and each of 100 events before the next is sent", async () => {
  const { pods, streams } = await eventPods(4);
  const envoy = await startGateway(pods, { change: knownByAddress });
  const listener = new Listener(envoy.port);
  const stream = await streams.nth(1);
  const connection = await until("the client has the headers", () => listener.connections[0]);
  assert.deepEqual([connection.status, connection.pod], [200, stream.pod]);
  assert.equal(pinOf(cookieOf(connection)), pods.find(({ name }) => name === stream.pod)?.endpoint);
  for (let id = 1; id <= 100; id++) {
    const next = listener.next();
    stream.send(id, `event ${id}`);
    assert.deepEqual(await next, { id: String(id), data: `event ${id}` });
  }
  assert.equal(listener.events.length, 100);
  assert.equal(streams.opened.length, 1);
  await assertNoTrap(envoy);
});

test("after each end of its stream a client reconnects to the same pod, with the id of its last event", async () => {
  const { pods, streams } = await eventPods(5);
  const envoy = await startGateway(pods, { change: knownByAddress });
  const listener = new Listener(envoy.port);
  const { pod } = await streams.nth(1);
  for (let id = 1; id <= 10; id++) {
    const stream = await streams.nth(id);
    assert.equal(stream.pod, pod);
    assert.equal(stream.request.headers["last-event-id"], id === 1 ? undefined : String(id - 1));
    const next = listener.next();
    stream.send(id, "only one");
    await next;
    stream.end();
  }
  await until("the client has its eleventh answer", () => listener.connections.length === 11);
  const [first = assert.fail(), ...later] = listener.connections;
  cookieOf(first);
  for (const connection of later) assert.deepEqual(connection, { status: 200, pod, setCookie: [] });
  await assertNoTrap(envoy);
});

test("a client whose pod is killed amid the stream reconnects to another, with one new cookie and its last id", async () => {
  const { pods, streams } = await eventPods(4);
  const envoy = await startGateway(pods, { change: knownByAddress });
  const [gone = assert.fail()] = pods;
  const listener = new Listener(envoy.port, cookieFor(gone));
  const stream = await streams.nth(1);
  assert.equal(stream.pod, gone.name);
  const seen = listener.next();
  stream.send(7, "before");
  await seen;
  await gone.stop();

  const moved = await streams.nth(2);
  assert.notEqual(moved.pod, gone.name);
  assert.equal(moved.request.headers["last-event-id"], "7");
  const next = listener.next();
  moved.send(8, "after");
  assert.deepEqual(await next, { id: "8", data: "after" });
  const [before, after = assert.fail(), ...more] = listener.connections;
  assert.deepEqual([before?.setCookie, more], [[], []]);
  assert.equal(pinOf(cookieOf(after)), pods.find(({ name }) => name === moved.pod)?.endpoint);

  moved.end();
  const again = await streams.nth(3);
  assert.equal(again.pod, moved.pod);
  assert.deepEqual((await until("it is connected", () => listener.connections[2])).setCookie, []);
  await assertNoTrap(envoy);
});

test("an open event stream holds up no other request of its client, nor its pin", async () => {
  const { pods, streams } = await eventPods(4);
  const { port } = await startGateway(pods, { change: knownByAddress });
  const [mine = assert.fail()] = pods;
  const listener = new Listener(port, cookieFor(mine));
  const stream = await streams.nth(1);
  mine.behaviour = (_request, response) => void response.end(mine.name);
  for (let id = 1; id <= 20; id++) {
    const answer = await http1(port, { cookie: cookieFor(mine) });
    assert.deepEqual([answer.body, answer.setCookie], [mine.name, []]);
    const next = listener.next();
    stream.send(id, "tick");
    assert.equal((await next).id, String(id));
  }
});
