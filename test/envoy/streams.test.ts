import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { connect, type Socket } from "node:net";
import { closeLater, test, until } from "../support/check.ts";
import { http1, http2, http2Headers, http2Session, many, STICKY_HOST } from "../support/client.ts";
import { assertNoTrap, cookieFor, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { GrpcPod } from "../support/grpcpod.ts";
import { Hold, Pod } from "../support/pod.ts";
import { cluster } from "../support/shape.ts";

interface Upgraded {
  socket: Socket;
  head: string;
  pod: string;
  cookies: string[];
}

/** Opens a WebSocket and returns what the gateway answered up to the end of the headers. */
async function upgrade(port: number, cookie?: string): Promise<Upgraded> {
  const socket = connect(port, "127.0.0.1");
  closeLater({ close: () => void socket.destroy() });
  await once(socket, "connect");
  socket.write(
    `GET /socket HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n` +
      `${cookie === undefined ? "" : `Cookie: ${cookie}\r\n`}\r\n`,
  );
  let head = "";
  while (!head.includes("\r\n\r\n")) head += String((await once(socket, "data"))[0]);
  return {
    socket,
    head,
    pod: /^x-pod: (.*)\r$/im.exec(head)?.[1] ?? "",
    cookies: [...head.matchAll(/^set-cookie: affinity=([^;]*)/gim)].map(([, value = ""]) => value),
  };
}

async function assertEchoes({ socket }: Upgraded): Promise<void> {
  const bytes = randomBytes(1000);
  socket.write(bytes);
  let received = Buffer.alloc(0);
  while (received.length < bytes.length) {
    received = Buffer.concat([received, (await once(socket, "data"))[0] as Buffer]);
  }
  assert.deepEqual(received, bytes);
}

test("a WebSocket of a new client gets its cookie on the 101 and echoes", async () => {
  const pods = await Pod.startMany(4);
  const { port } = await startGateway(pods);
  const opened = await upgrade(port);
  assert.match(opened.head, /^HTTP\/1\.1 101 /);
  assert.doesNotMatch(opened.head, /x-affinity-host/i);
  await assertEchoes(opened);
  const [value = assert.fail("no cookie"), ...more] = opened.cookies;
  assert.deepEqual(more, []);
  assert.equal(pinOf(value), pods.find(({ name }) => name === opened.pod)?.endpoint);
  const next = await http1(port, { cookie: `affinity=${value}` });
  assert.deepEqual([next.body, next.setCookie], [opened.pod, []]);
});

test("WebSockets of a pinned client all meet its pod, which echoes, with no cookie", async () => {
  const pods = await Pod.startMany(4);
  const envoy = await startGateway(pods);
  const [mine = assert.fail()] = pods;
  const all = await many(50, 50, () => upgrade(envoy.port, cookieFor(mine)));
  for (const opened of all) assert.deepEqual([opened.pod, opened.cookies], [mine.name, []]);
  await Promise.all(all.map(assertEchoes));
  for (const { socket } of all) socket.destroy();
  await assertNoTrap(envoy);
});

test("a WebSocket whose pod is gone is opened at another, with one new cookie", async () => {
  const pods = await Pod.startMany(3);
  const { port } = await startGateway(pods);
  const [gone = assert.fail()] = pods;
  await gone.stop();
  const opened = await upgrade(port, cookieFor(gone));
  assert.match(opened.head, /^HTTP\/1\.1 101 /);
  assert.equal(opened.cookies.length, 1);
  assert.equal(pinOf(opened.cookies[0] ?? ""), pods.find(({ name }) => name === opened.pod)?.endpoint);
  await assertEchoes(opened);
});

/** HTTP/2 to the pods, as gRPC needs it. */
function speaksHttp2(config: unknown): void {
  const options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  cluster(config).typed_extension_protocol_options = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": options,
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
}

function startGrpcPods(): Promise<GrpcPod[]> {
  return Promise.all([0, 1, 2].map((index) => GrpcPod.start(`grpc-${index}`)));
}

const GRPC = {
  method: "POST",
  path: "/echo.Echo/Talk",
  headers: { "content-type": "application/grpc", te: "trailers" },
};

test("a bidirectional gRPC stream of a new client gets a cookie first, then each message, then its trailers", async () => {
  const pods = await startGrpcPods();
  const { port } = await startGateway(pods, { change: speaksHttp2 });
  const session = await http2Session(port);
  const stream = session.request(http2Headers(GRPC));
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  assert.equal(headers["x-affinity-host"], undefined);
  const [line = "", ...more] = headers["set-cookie"] ?? [];
  assert.deepEqual(more, []);
  const pod = pods.find(({ name }) => name === headers["x-pod"]) ?? assert.fail();
  assert.equal(pinOf(/=([^;]*)/.exec(line)?.[1] ?? ""), pod.endpoint);
  for (const message of ["one", "two", "three"]) {
    stream.write(message);
    assert.equal(String((await once(stream, "data"))[0]), message);
  }
  const trailers = once(stream, "trailers");
  stream.resume().end();
  assert.deepEqual(
    [(await trailers)[0]["grpc-status"], (await trailers)[0]["grpc-message"]],
    ["0", pod.name],
  );
});

test("200 gRPC streams at once of a pinned client all meet its pod, with no cookie", async () => {
  const pods = await startGrpcPods();
  const envoy = await startGateway(pods, { change: speaksHttp2 });
  const [mine = assert.fail()] = pods;
  const session = await http2Session(envoy.port);
  const answers = await many(200, 200, () =>
    http2(session, { ...GRPC, cookie: cookieFor(mine), body: "ping" }),
  );
  for (const { status, body, headers, setCookie } of answers) {
    assert.deepEqual([status, body, headers["x-pod"], setCookie], [200, "ping", mine.name, []]);
  }
  await assertNoTrap(envoy);
});

test("5,000 streams that clients reset before the response leave nothing behind", async () => {
  const pods = await Pod.startMany(2);
  const [slow = assert.fail(), other = assert.fail()] = pods;
  const hold = new Hold();
  slow.behaviour = hold.behaviour;
  const envoy = await startGateway(pods);
  for (let round = 0; round < 10; round++) {
    const session = await http2Session(envoy.port);
    await many(500, 500, async (index) => {
      const cookie = index % 2 === 0 ? cookieFor(slow) : "affinity=forged";
      const stream = session.request(http2Headers({ cookie }));
      stream.on("error", () => {});
      const closed = once(stream, "close");
      // Some before they are sent at all, some while they wait for the pod.
      if (index % 5 > 0) await new Promise((resolve) => setImmediate(resolve));
      stream.close(8);
      await closed;
    });
    session.destroy();
  }
  await until("no request is under way", async () => {
    return (await envoy.stat("http.gateway.downstream_rq_active")) === 0;
  });
  await assertNoTrap(envoy);
  const answer = await http1(envoy.port, { cookie: cookieFor(other) });
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, other.name, []]);
});

interface Held {
  stream: ClientHttp2Stream;
  answer: Promise<{ headers: IncomingHttpHeaders; body: string }>;
  pinnedTo: Pod | undefined;
}

test("5,000 streams held open and answered in any order each get their own cookie or none", async () => {
  const pods = await Pod.startMany(3);
  const envoy = await startGateway(pods);
  const hold = new Hold();
  for (const pod of pods) pod.behaviour = hold.behaviour;
  const held: Held[] = [];
  for (let connection = 0; connection < 10; connection++) {
    const session = await http2Session(envoy.port);
    for (let index = 0; index < 500; index++) {
      // Half of them pinned, half new.
      const pinnedTo = index % 2 === 0 ? pods[index % pods.length] : undefined;
      const cookie = pinnedTo === undefined ? `other=${connection}-${index}` : cookieFor(pinnedTo);
      const stream = session.request(http2Headers({ cookie }));
      held.push({ stream, answer: answerOf(stream), pinnedTo });
    }
  }
  await until("every pod holds its requests", () => hold.waiting.length === held.length);
  shuffle(hold.waiting);
  for (const { release } of hold.waiting) release();
  for (const { answer, pinnedTo } of held) {
    const { headers, body } = await answer;
    assert.equal(headers["x-affinity-host"], undefined);
    const cookies = headers["set-cookie"] ?? [];
    if (pinnedTo !== undefined) assert.deepEqual([body, cookies], [pinnedTo.name, []]);
    else {
      assert.equal(cookies.length, 1);
      const pin = pinOf(/=([^;]*)/.exec(cookies[0] ?? "")?.[1] ?? "");
      assert.equal(pin, pods.find(({ name }) => name === body)?.endpoint);
    }
  }
  await assertNoTrap(envoy);
});

test("a slow request keeps its own pin while others of the same connection come and go", async () => {
  const pods = await Pod.startMany(2);
  const [slow = assert.fail(), fast = assert.fail()] = pods;
  const hold = new Hold();
  slow.behaviour = hold.behaviour;
  const { port } = await startGateway(pods);
  const session = await http2Session(port);
  const waiting = http2(session, { cookie: cookieFor(slow) });
  await until("the slow pod has the request", () => hold.waiting.length === 1);
  for (const answer of await many(500, 100, () => http2(session, { cookie: cookieFor(fast) }))) {
    assert.deepEqual([answer.body, answer.setCookie], [fast.name, []]);
  }
  hold.waiting[0]?.release();
  const answer = await waiting;
  assert.deepEqual([answer.body, answer.setCookie], [slow.name, []]);
});

async function answerOf(stream: ClientHttp2Stream): Promise<{ headers: IncomingHttpHeaders; body: string }> {
  let body = "";
  stream.setEncoding("utf8").on("data", (text: string) => (body += text));
  const ended = once(stream, "end");
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  await ended;
  return { headers, body };
}

function shuffle(items: unknown[]): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
}

test("a client that goes away with its pod still holding the request harms nobody", async () => {
  const pods = await Pod.startMany(1);
  const [pod = assert.fail()] = pods;
  const hold = new Hold();
  pod.behaviour = hold.behaviour;
  const envoy = await startGateway(pods);
  const session = await http2Session(envoy.port);
  for (let index = 0; index < 100; index++) session.request(http2Headers({})).on("error", () => {});
  await until("the pod holds them all", () => hold.waiting.length === 100);
  session.destroy();
  await until(
    "Envoy has let go of them",
    async () => (await envoy.stat("http.gateway.downstream_rq_active")) === 0,
  );
  for (const { release } of hold.waiting) release();
  const answer = http1(envoy.port);
  await until("the pod has the next request", () => hold.waiting.length === 101);
  hold.waiting.at(-1)?.release();
  assert.equal(pinOf(newCookie(await answer)), pod.endpoint);
  await assertNoTrap(envoy);
});
