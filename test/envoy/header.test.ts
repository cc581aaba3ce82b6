import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "../support/check.ts";
import { http1, http2, http2Session, PLAIN_HOST, raw, STICKY_HOST } from "../support/client.ts";
import { assertNoTrap, cookieFor, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { answerName, Pod, resetBeforeAnswering } from "../support/pod.ts";
import { connectionManager, virtualHost } from "../support/shape.ts";

const PODS = 5;
// A balancer that picks at random leaves one of five pods out of a hundred requests once in a billion times.
const ROUNDS = 100;

function headerFor(pod: Pod): string {
  return Buffer.from(pod.endpoint).toString("base64");
}

/** How many pods answered this many requests: 1 when the client steers, all of them when it does not. */
async function answered(
  rounds: number,
  ask: () => Promise<{ status: number; body: string }>,
): Promise<number> {
  const names = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const { status, body } = await ask();
    assert.equal(status, 200);
    names.add(body);
  }
  return names.size;
}

const spellings = ["x-affinity-host", "X-Affinity-Host", "X-AFFINITY-HOST"];

for (const name of spellings) {
  test(`a client's own ${name} steers nothing, alone and doubled`, async () => {
    const pods = await Pod.startMany(PODS);
    const { port } = await startGateway(pods);
    const [wanted = assert.fail()] = pods;
    for (const value of [headerFor(wanted), [headerFor(wanted), headerFor(wanted)]]) {
      for (const host of [STICKY_HOST, PLAIN_HOST]) {
        const met = await answered(ROUNDS, () => http1(port, { host, headers: { [name]: value } }));
        assert.equal(met, PODS, `${host} with ${value}`);
      }
    }
    assert.ok(
      pods.every((pod) => pod.received.every(({ headers }) => headers["x-affinity-host"] === undefined)),
    );
  });
}

test("a client's own x-affinity-host steers nothing on HTTP/2", async () => {
  const pods = await Pod.startMany(PODS);
  const { port } = await startGateway(pods);
  const session = await http2Session(port);
  const headers = { "x-affinity-host": headerFor(pods[0] ?? assert.fail()) };
  for (const host of [STICKY_HOST, PLAIN_HOST]) {
    assert.equal(await answered(ROUNDS, () => http2(session, { host, headers })), PODS);
  }
});

test("a client's own x-affinity-host beside its cookie changes nothing about its pin", async () => {
  const pods = await Pod.startMany(PODS);
  const { port } = await startGateway(pods);
  const [other = assert.fail(), mine = assert.fail()] = pods;
  for (const value of [headerFor(other), "", "nonsense", "\u00ff", "A".repeat(10_000)]) {
    const answer = await http1(port, { cookie: cookieFor(mine), headers: { "x-affinity-host": value } });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, mine.name, []]);
  }
  assert.equal(other.received.length, 0);
});

test("a client's own x-affinity-host beside a forged cookie steers nothing", async () => {
  const pods = await Pod.startMany(PODS);
  const { port } = await startGateway(pods);
  const headers = { "x-affinity-host": headerFor(pods[0] ?? assert.fail()) };
  // Each round its own cookie, as Envoy hashes it to pick a pod for clients that have to move.
  let round = 0;
  assert.equal(
    await answered(ROUNDS, () => http1(port, { cookie: `affinity=forged-${round++}`, headers })),
    PODS,
  );
});

test("each of the two locks holds without the other", async () => {
  const pods = await Pod.startMany(PODS);
  const withoutEarly = await startGateway(pods, {
    change: (config) => delete connectionManager(config).early_header_mutation_extensions,
  });
  const withoutFilter = await startGateway(pods, {
    change: (config) => delete virtualHost(config).typed_per_filter_config.affinity,
  });
  const headers = { "x-affinity-host": headerFor(pods[0] ?? assert.fail()) };
  for (const { port } of [withoutEarly, withoutFilter]) {
    assert.equal(await answered(ROUNDS, () => http1(port, { headers })), PODS);
  }
});

test("with both locks off the header does steer, so the tests above can fail", async () => {
  const pods = await Pod.startMany(PODS);
  const { port } = await startGateway(pods, {
    change: (config) => {
      delete connectionManager(config).early_header_mutation_extensions;
      delete virtualHost(config).typed_per_filter_config.affinity;
    },
  });
  const headers = { "x-affinity-host": headerFor(pods[0] ?? assert.fail()) };
  assert.equal(await answered(ROUNDS, () => http1(port, { headers })), 1);
});

test("no response shows x-affinity-host: of any status, to HEAD, on either host, re-picked or the pod's own", async () => {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), alive = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  const session = await http2Session(port);
  await gone.stop();
  const behaviours = [200, 204, 304, 302, 404, 500, 503].flatMap((status) => [
    answerName(status, { location: "/elsewhere" }),
    answerName(status, { "x-affinity-host": headerFor(alive) }),
    answerName(status, { "X-Affinity-Host": "nonsense" }),
  ]);
  for (const behaviour of behaviours) {
    alive.behaviour = behaviour;
    for (const host of [STICKY_HOST, PLAIN_HOST]) {
      for (const cookie of [cookieFor(alive), cookieFor(gone), "affinity=forged"]) {
        for (const method of ["GET", "HEAD", "POST"]) {
          const ask = { host, cookie, method };
          for (const answer of [await http1(port, ask), await http2(session, ask)]) {
            assert.equal(answer.headers["x-affinity-host"], undefined);
          }
        }
      }
    }
  }
});

test("a pod that names itself or another in x-affinity-host pins nobody elsewhere", async () => {
  const pods = await Pod.startMany(2);
  const envoy = await startGateway(pods);
  const [liar = assert.fail(), victim = assert.fail()] = pods;
  for (const value of [
    headerFor(victim),
    headerFor(liar),
    "nonsense",
    Buffer.from("1.2.3.4:5").toString("base64"),
  ]) {
    liar.behaviour = answerName(200, { "x-affinity-host": value });
    const answer = await http1(envoy.port, { cookie: cookieFor(liar) });
    assert.equal(answer.body, liar.name);
    for (const line of answer.setCookie) assert.equal(pinOf(/=([^;]*)/.exec(line)?.[1] ?? ""), liar.endpoint);
  }
  await assertNoTrap(envoy);
});

test("no local reply shows x-affinity-host: 404 of no host, 503 of no pod, 400 of bad HTTP", async () => {
  const pods = await Pod.startMany(1);
  const [pod = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  const notFound = await http1(port, {
    host: "nowhere.test",
    headers: { "x-affinity-host": headerFor(pod) },
  });
  assert.equal(notFound.status, 404);
  await pod.stop();
  const unavailable = await http1(port, {
    cookie: cookieFor(pod),
    headers: { "x-affinity-host": headerFor(pod) },
  });
  assert.equal(unavailable.status, 503);
  const bad = await raw(port, `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nx-affinity-host: a\u0001\r\n\r\n`);
  assert.match(bad, /^HTTP\/1\.1 400/);
  assert.doesNotMatch(bad, /x-affinity/i);
  for (const answer of [notFound, unavailable]) {
    assert.equal(answer.headers["x-affinity-host"], undefined);
    assert.deepEqual(answer.setCookie, []);
  }
});

test("a redirect of Envoy's own shows no x-affinity-host and sets no cookie", async () => {
  const pod = await Pod.start("pod");
  const { port } = await startGateway([pod], {
    change: (config) => {
      virtualHost(config).routes.unshift({ match: { prefix: "/old" }, redirect: { path_redirect: "/new" } });
    },
  });
  for (const cookie of [cookieFor(pod), "affinity=forged"]) {
    const headers = { "x-affinity-host": headerFor(pod) };
    const answer = await http1(port, { path: "/old", cookie, headers });
    assert.deepEqual([answer.status, answer.setCookie], [301, []]);
    assert.equal(answer.headers["x-affinity-host"], undefined);
  }
});

test("a request that expects 100-continue gets it without headers of ours, and then its pin", async () => {
  const pods = await Pod.startMany(2);
  const { port } = await startGateway(pods);
  const [gone = assert.fail(), alive = assert.fail()] = pods;
  await gone.stop();
  const response = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    let continued = false;
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text;
      if (continued || !received.includes("100 Continue\r\n\r\n")) return;
      continued = true;
      socket.write("body!");
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(received));
    socket.write(
      `PUT / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nCookie: ${cookieFor(gone)}\r\nConnection: close\r\n` +
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
  });
  const [interim = "", final = ""] = response.split("\r\n\r\n");
  assert.match(interim, /^HTTP\/1\.1 100 Continue$/);
  assert.match(final, /^HTTP\/1\.1 200 OK/);
  assert.doesNotMatch(response, /x-affinity-host/i);
  assert.match(final, /set-cookie: affinity=/i);
  assert.equal(alive.last.body, "body!");
});

test("an early hint of the pod shows no x-affinity-host to the client", async () => {
  const pod = await Pod.start("pod");
  const { port } = await startGateway([pod]);
  pod.behaviour = (request, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload", "x-affinity-host": headerFor(pod) });
    answerName()(request, response);
  };
  const response = await raw(port, `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: close\r\n\r\n`);
  assert.match(response, /^HTTP\/1\.1 200 OK/m);
  assert.match(response, /^set-cookie: affinity=/im);
  assert.doesNotMatch(response, /x-affinity-host/i);
});

test("the pod sees no pinning header of a pinned request, a new one or one that was sent again", async () => {
  const pods = await Pod.startMany(2);
  const { port } = await startGateway(pods);
  const [broken = assert.fail(), other = assert.fail()] = pods;
  broken.behaviour = resetBeforeAnswering;
  const cookie = cookieFor(broken);
  const answer = await http1(port, { cookie });
  assert.equal(answer.body, other.name);
  await http1(port, { cookie: `affinity=${newCookie(answer)}` });
  await http1(port);
  const seen = pods.flatMap((pod) => pod.received);
  assert.ok(seen.length >= 4);
  for (const { headers } of seen) {
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith("x-affinity")),
      [],
    );
  }
  assert.equal(broken.received[0]?.headers.cookie, cookie);
});
