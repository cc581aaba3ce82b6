import assert from "node:assert/strict";
import { once } from "node:events";
import { status } from "@grpc/grpc-js";
import { test, until } from "../support/check.ts";
import { many, type Answer } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, cookieFor, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { Channel, GrpcService } from "../support/grpc-service.ts";
import { cluster, virtualHost, type Json } from "../support/shape.ts";

/** HTTP/2 to the pods, as gRPC needs it. */
function speaksHttp2(config: Json): void {
  const options = cluster(config).typed_extension_protocol_options;
  options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].explicit_http_config = {
    http2_protocol_options: {},
  };
}

/** The value of the only Set-Cookie in a call's metadata, which has to be the affinity cookie. */
function cookieOf({ setCookie }: { setCookie: string[] }): string {
  return newCookie({ status: 200, headers: {}, setCookie, body: "" } satisfies Answer);
}

function endpointOf(pods: readonly GrpcService[], name: string): string {
  return pods.find((pod) => pod.name === name)?.endpoint ?? assert.fail(`no pod is called "${name}"`);
}

const kinds = ["unary", "server streaming", "bidirectional"] as const;

/** One call of this kind with its messages from beginning to end. */
async function converse(channel: Channel, kind: (typeof kinds)[number], ask: { cookie?: string } = {}) {
  if (kind === "unary") return channel.say("hello", ask).reply;
  if (kind === "server streaming") return channel.count(100, ask).reply;
  const { call, reply } = channel.talk(ask);
  for (const message of ["one", "two", "three"]) {
    const answer = once(call, "data");
    call.write(message);
    await answer;
  }
  call.end();
  return reply;
}

function expectedMessages(kind: (typeof kinds)[number], pod: string): string[] {
  if (kind === "unary") return [`${pod}: hello`];
  if (kind === "server streaming") return Array.from({ length: 100 }, (_, number) => String(number));
  return ["one", "two", "three"].map((message) => `${pod}: ${message}`);
}

for (const kind of kinds) {
  test(`a new client's ${kind} call has its cookie in the initial metadata, and the next call meets the same pod`, async () => {
    const pods = await GrpcService.startMany(4);
    const envoy = await startGateway(pods, { change: speaksHttp2 });
    const first = await converse(new Channel(envoy.port), kind);
    assert.deepEqual([first.code, first.messages], [status.OK, expectedMessages(kind, first.pod)]);
    assert.deepEqual(first.metadata.get("x-affinity-host"), []);
    const value = cookieOf(first);
    assert.equal(pinOf(value), endpointOf(pods, first.pod));
    const next = await converse(new Channel(envoy.port), kind, { cookie: `affinity=${value}` });
    assert.deepEqual([next.code, next.pod, next.setCookie], [status.OK, first.pod, []]);
    await assertNoTrap(envoy);
  });
}

test("50 calls of every kind on five channels all meet the pod of the first, with no further cookie", async () => {
  const pods = await GrpcService.startMany(5);
  const envoy = await startGateway(pods, { change: speaksHttp2, concurrency: 2 });
  const channels = Array.from({ length: 5 }, () => new Channel(envoy.port));
  const channel = (index: number): Channel => channels[index % channels.length] ?? assert.fail();
  const first = await channel(0).say("hello").reply;
  const cookie = `affinity=${cookieOf(first)}`;
  await many(50, 10, async (index) => {
    const kind = kinds[index % kinds.length] ?? assert.fail();
    const { code, pod, setCookie, messages } = await converse(channel(index), kind, { cookie });
    assert.deepEqual([code, pod, setCookie], [status.OK, first.pod, []]);
    assert.deepEqual(messages, expectedMessages(kind, pod));
  });
  assert.equal(await envoy.stat("http.gateway.downstream_cx_http2_active"), channels.length);
  assert.deepEqual(
    pods.filter(({ calls }) => calls > 0).map(({ name, calls }) => [name, calls]),
    [[first.pod, 51]],
  );
  await assertNoTrap(envoy);
});

test("calls without a cookie on one channel spread over the pods, each with a cookie of its own", async () => {
  const pods = await GrpcService.startMany(5);
  const { port } = await startGateway(pods, { change: speaksHttp2 });
  const channel = new Channel(port);
  const replies = await many(100, 10, () => channel.say("hello").reply);
  for (const reply of replies) assert.equal(pinOf(cookieOf(reply)), endpointOf(pods, reply.pod));
  assert.equal(new Set(replies.map(({ pod }) => pod)).size, pods.length);
});

test("calls pinned to a pod that is gone are served by one other, which the new cookie names", async () => {
  const pods = await GrpcService.startMany(4);
  const envoy = await startGateway(pods, { change: speaksHttp2 });
  const first = await new Channel(envoy.port).say("hello").reply;
  const cookie = `affinity=${cookieOf(first)}`;
  const gone = pods.find(({ name }) => name === first.pod) ?? assert.fail();
  gone.close();
  // A call that is already sent when its connection breaks is not sent again.
  await until("Envoy has lost its connection", async () => {
    return (await envoy.stat("cluster.session-svc.upstream_cx_active")) === 0;
  });

  const channels = [new Channel(envoy.port), new Channel(envoy.port)] as const;
  const moved = await many(
    20,
    20,
    (index) => channels[index % 2 === 0 ? 0 : 1].say("anyone?", { cookie }).reply,
  );
  for (const reply of moved) {
    assert.equal(reply.code, status.OK);
    assert.notEqual(reply.pod, gone.name);
    assert.equal(pinOf(cookieOf(reply)), endpointOf(pods, reply.pod));
  }
  assert.equal(new Set(moved.map(({ pod }) => pod)).size, 1);
  const [{ pod = "" } = {}] = moved;
  const stays = await channels[0].count(3, { cookie: `affinity=${cookieOf(moved[0] ?? assert.fail())}` })
    .reply;
  assert.deepEqual([stays.code, stays.pod, stays.setCookie], [status.OK, pod, []]);
});

test("a pod that answers UNAVAILABLE keeps its clients, and loses them where the route retries that", async () => {
  const pods = await GrpcService.startMany(4);
  const [busy = assert.fail(), ...others] = pods;
  busy.refusal = status.UNAVAILABLE;
  const asShipped = await startGateway(pods, { change: speaksHttp2 });
  const cookie = cookieFor(busy);
  const kept = await new Channel(asShipped.port).say("hello", { cookie }).reply;
  assert.deepEqual([kept.code, kept.setCookie], [status.UNAVAILABLE, []]);

  const retries = await startGateway(pods, {
    change: (config) => {
      speaksHttp2(config);
      for (const { route } of virtualHost(config).routes) route.retry_policy.retry_on += ",unavailable";
    },
  });
  const channel = new Channel(retries.port);
  const moved = await channel.say("hello", { cookie }).reply;
  assert.equal(moved.code, status.OK);
  assert.ok(others.some(({ name }) => name === moved.pod));
  assert.equal(pinOf(cookieOf(moved)), endpointOf(pods, moved.pod));
  busy.refusal = undefined;
  const stays = await channel.say("hello", { cookie: `affinity=${cookieOf(moved)}` }).reply;
  assert.deepEqual([stays.code, stays.pod, stays.setCookie], [status.OK, moved.pod, []]);
});

test("a new client whose first call is refused by its pod finds its cookie beside the status", async () => {
  const pods = await GrpcService.startMany(4);
  for (const pod of pods) pod.refusal = status.NOT_FOUND;
  const { port } = await startGateway(pods, { change: speaksHttp2 });
  const reply = await new Channel(port).say("hello").reply;
  assert.deepEqual([reply.code, reply.messages], [status.NOT_FOUND, []]);
  const [met = assert.fail()] = pods.filter(({ calls }) => calls > 0);
  assert.equal(pinOf(cookieOf(reply)), met.endpoint);
});

test("with no pod at all a call ends UNAVAILABLE, sets no cookie, and the old one holds when its pod is back", async () => {
  const pods = await GrpcService.startMany(1);
  const [pod = assert.fail()] = pods;
  pod.close();
  const { port } = await startGateway(pods, { change: speaksHttp2 });
  for (const ask of [{}, { cookie: cookieFor(pod) }]) {
    const { code, setCookie } = await new Channel(port).say("hello", ask).reply;
    assert.deepEqual([code, setCookie], [status.UNAVAILABLE, []]);
  }
  await pod.start();
  const cookie = cookieFor(pod);
  const back = await until("the pod is served again", async () => {
    const reply = await new Channel(port).say("hello", { cookie }).reply;
    return reply.code === status.OK && reply;
  });
  assert.deepEqual([back.pod, back.setCookie], [pod.name, []]);
});

/** Nothing of the calls is left at Envoy or at the pods, and the next one is as any other. */
async function assertNothingLeft(envoy: Envoy, pods: readonly GrpcService[]): Promise<void> {
  for (const gauge of ["http.gateway.downstream_rq_active", "cluster.session-svc.upstream_rq_active"]) {
    await until(`${gauge} is 0`, async () => (await envoy.stat(gauge)) === 0);
  }
  for (const pod of pods) {
    await until(`${pod.name} is rid of its calls`, () => pod.ended === pod.calls);
    assert.ok(pod.calls > 0, `${pod.name} got none of the calls`);
    pod.isSilent = false;
  }
  await assertNoTrap(envoy);
  const [pod = assert.fail()] = pods;
  const next = await new Channel(envoy.port).say("hello", { cookie: cookieFor(pod) }).reply;
  assert.deepEqual([next.code, next.pod, next.setCookie], [status.OK, pod.name, []]);
  const fresh = await new Channel(envoy.port).say("hello").reply;
  assert.equal(pinOf(cookieOf(fresh)), endpointOf(pods, fresh.pod));
}

test("calls that exceed their deadline leave nothing behind, pinned, new or forged", async () => {
  const pods = await GrpcService.startMany(3);
  for (const pod of pods) pod.isSilent = true;
  const envoy = await startGateway(pods, { change: speaksHttp2 });
  const channels = [new Channel(envoy.port), new Channel(envoy.port)] as const;
  const codes = await many(150, 150, async (index) => {
    const channel = channels[index % 2 === 0 ? 0 : 1];
    const pinned = cookieFor(pods[index % pods.length] ?? assert.fail());
    const cookie = [undefined, pinned, "affinity=forged"][Math.floor(index / 2) % 3];
    const ask = { deadline: 2000, ...(cookie === undefined ? {} : { cookie }) };
    if (index % 5 > 0) return (await channel.say("anyone?", ask).reply).code;
    const { call, reply } = channel.talk(ask);
    call.write("anyone?");
    return (await reply).code;
  });
  assert.deepEqual([...new Set(codes)], [status.DEADLINE_EXCEEDED]);
  await assertNothingLeft(envoy, pods);
});

test("calls that clients cancel leave nothing behind, before they are sent, while they wait, and amid a stream", async () => {
  const pods = await GrpcService.startMany(3);
  for (const pod of pods) pod.isSilent = true;
  const envoy = await startGateway(pods, { change: speaksHttp2 });
  const channel = new Channel(envoy.port);
  const reached = (): number => pods.reduce((sum, { calls }) => sum + calls, 0);
  const ask = (index: number): { cookie?: string } =>
    index % 2 === 0 ? {} : { cookie: cookieFor(pods[index % pods.length] ?? assert.fail()) };

  const unsent = Array.from({ length: 50 }, (_, index) => channel.say("never mind", ask(index)));
  for (const { call } of unsent) call.cancel();
  const waiting = Array.from({ length: 50 }, (_, index) => channel.say("anyone?", ask(index)));
  const amid = Array.from({ length: 50 }, (_, index) => channel.talk(ask(index)));
  const begun = amid.map(({ call }) => once(call, "metadata"));
  for (const { call } of amid) call.write("anyone?");
  await Promise.all(begun);
  await until("the pods have the calls that wait", () => reached() >= 100);
  assert.equal(await envoy.stat("cluster.session-svc.upstream_rq_active"), 100);
  for (const { call } of [...waiting, ...amid]) call.cancel();

  for (const { reply } of [...unsent, ...waiting, ...amid]) {
    assert.equal((await reply).code, status.CANCELLED);
  }
  await assertNothingLeft(envoy, pods);
});
