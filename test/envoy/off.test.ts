import assert from "node:assert/strict";
import { test } from "../support/check.ts";
import { http1, http2, http2Session, many, type Ask } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, cookieFor, eventCount, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { answerName, Pod } from "../support/pod.ts";
import { connectionManager, virtualHost, type Json } from "../support/shape.ts";

const BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

interface OffRoute {
  what: string;
  match: Json;
  asks: Ask[];
}

const offRoutes: OffRoute[] = [
  {
    what: "static files",
    match: { prefix: "/static/" },
    asks: [{ path: "/static/" }, { path: "/static/a/b.css?v=1" }, { path: "/account/../static/a.css" }],
  },
  {
    what: "a health check",
    match: { path: "/healthz" },
    asks: [{ path: "/healthz" }, { path: "/healthz?deep" }],
  },
  {
    what: "a bot",
    match: { prefix: "/", headers: [{ name: "user-agent", string_match: { contains: "Googlebot" } }] },
    asks: [{ headers: { "user-agent": BOT } }, { path: "/account", headers: { "user-agent": BOT } }],
  },
];

// Each of these is almost one of the above.
const onRoutes: Ask[] = [
  { path: "/" },
  { path: "/static" },
  { path: "/statics/a.css" },
  { path: "/static/../account" },
  { path: "/healthz/" },
  { path: "/Healthz" },
  { headers: { "user-agent": BROWSER } },
  { headers: { "user-agent": "googlebot" } },
];

const PODS = 5;
// A balancer that picks at random leaves one of five pods out of a hundred requests once in a billion times.
const ROUNDS = 100;

/** Routes of the host with affinity that have none. */
function turnOff(config: Json): void {
  const off = { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true };
  virtualHost(config).routes.unshift(
    ...offRoutes.map(({ match }) => ({
      match,
      route: { cluster: "session-svc" },
      typed_per_filter_config: { affinity: off, stateful_session: off },
    })),
  );
}

/** Asks in turn by HTTP/1.1 and HTTP/2, by GET and POST. */
async function askInTurns(envoy: Envoy, rounds: number, ask: (round: number) => Ask) {
  const session = await http2Session(envoy.port);
  return many(rounds, 10, (round) => {
    const asked: Ask = { ...(round % 4 < 2 ? {} : { method: "POST", body: "x" }), ...ask(round) };
    return round % 2 === 0 ? http1(envoy.port, asked) : http2(session, asked);
  });
}

function podsMet(pods: readonly Pod[]): number {
  return pods.filter(({ received }) => received.length > 0).length;
}

for (const { what, asks } of offRoutes) {
  const nth = (round: number): Ask => asks[round % asks.length] ?? assert.fail();

  test(`${what}: no cookie is set for a new client, a forged one or one of a pod that is gone`, async () => {
    const [gone = assert.fail(), ...pods] = await Pod.startMany(PODS + 1);
    await gone.stop();
    const envoy = await startGateway(pods, { change: turnOff });
    const cookies = [undefined, "affinity=forged", cookieFor(gone)];
    const answers = await askInTurns(envoy, ROUNDS, (round) => {
      const cookie = cookies[Math.floor(round / asks.length) % cookies.length];
      return { ...nth(round), ...(cookie === undefined ? {} : { cookie }) };
    });
    for (const { status, setCookie } of answers) assert.deepEqual([status, setCookie], [200, []]);
    assert.equal(podsMet(pods), PODS);
  });

  test(`${what}: a client's cookie pins nothing there, and reaches the pod as it came`, async () => {
    const pods = await Pod.startMany(PODS);
    const envoy = await startGateway(pods, { change: turnOff });
    const cookie = `a=1; ${cookieFor(pods[0] ?? assert.fail())};  b="x, y"; affinity=second`;
    const answers = await askInTurns(envoy, ROUNDS, (round) => ({ ...nth(round), cookie }));
    for (const { status, setCookie } of answers) assert.deepEqual([status, setCookie], [200, []]);
    assert.equal(podsMet(pods), PODS);
    for (const { headers } of pods.flatMap(({ received }) => received)) assert.equal(headers.cookie, cookie);
  });
}

/** The shipped configuration, and without either of its locks, of which each has to do alone. */
const locks: { what: string; open: (config: Json) => void }[] = [
  { what: "as shipped", open: () => {} },
  {
    what: "without the early removal",
    open: (config) => delete connectionManager(config).early_header_mutation_extensions,
  },
  {
    what: "without the routes' removal",
    open: (config) => delete connectionManager(config).route_config.request_headers_to_remove,
  },
];

for (const { what, open } of locks) {
  test(`a client's own x-affinity-host steers nothing on routes that are off, and meets no pod: ${what}`, async () => {
    const pods = await Pod.startMany(PODS);
    const envoy = await startGateway(pods, {
      change: (config) => {
        turnOff(config);
        open(config);
      },
    });
    const [wanted = assert.fail()] = pods;
    for (const { asks } of offRoutes) {
      for (const pod of pods) pod.received.length = 0;
      await askInTurns(envoy, ROUNDS, (round) => {
        const { headers, ...ask } = asks[round % asks.length] ?? assert.fail();
        const host = Buffer.from(wanted.endpoint).toString("base64");
        return { ...ask, headers: { ...headers, "x-affinity-host": host } };
      });
      assert.equal(podsMet(pods), PODS);
      for (const { headers } of pods.flatMap(({ received }) => received)) {
        assert.equal(headers["x-affinity-host"], undefined);
      }
    }
  });
}

test("x-affinity-host of a pod's answer does not reach the client on routes that are off", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  pod.behaviour = answerName(200, { "x-affinity-host": Buffer.from("10.0.0.1:80").toString("base64") });
  const envoy = await startGateway([pod], { change: turnOff });
  for (const ask of offRoutes.flatMap(({ asks }) => asks)) {
    const { headers, setCookie } = await http1(envoy.port, ask);
    assert.deepEqual([headers["x-affinity-host"], setCookie], [undefined, []]);
  }
});

test("all other requests of the host keep the pin, between those that are off", async () => {
  const pods = await Pod.startMany(PODS);
  const envoy = await startGateway(pods, { change: turnOff });
  const offAsks = offRoutes.flatMap(({ asks }) => asks);
  const first = await http1(envoy.port);
  const cookie = `affinity=${newCookie(first)}`;
  await many(100, 10, async (round) => {
    const off = await http1(envoy.port, { ...offAsks[round % offAsks.length], cookie });
    assert.deepEqual([off.status, off.setCookie], [200, []]);
    const on = await http1(envoy.port, { ...onRoutes[round % onRoutes.length], cookie });
    assert.deepEqual([on.status, on.body, on.setCookie], [200, first.body, []]);
  });
  await assertNoTrap(envoy);
});

test("each of those gives a new client its cookie", async () => {
  const pods = await Pod.startMany(PODS);
  const { port } = await startGateway(pods, { change: turnOff });
  for (const ask of onRoutes) {
    const answer = await http1(port, ask);
    assert.equal(pinOf(newCookie(answer)), pods.find(({ name }) => name === answer.body)?.endpoint);
  }
});

test("requests on routes that are off are not counted", async () => {
  const pods = await Pod.startMany(PODS);
  const envoy = await startGateway(pods, { change: turnOff });
  const cookie = cookieFor(pods[0] ?? assert.fail());
  for (const { asks } of offRoutes) {
    await askInTurns(envoy, 20, (round) => {
      const cookies = [{}, { cookie }, { cookie: "affinity=forged" }];
      return { ...asks[round % asks.length], ...cookies[Math.floor(round / asks.length) % cookies.length] };
    });
  }
  await http1(envoy.port);
  await http1(envoy.port, { cookie: "affinity=forged" });
  await http1(envoy.port, { cookie });
  // All are handed over together.
  assert.equal(await eventCount(envoy, "resumed", 1), 1);
  assert.equal(await eventCount(envoy, "rejected", 1), 1);
  assert.equal(await eventCount(envoy, "created", 2), 2);
});
