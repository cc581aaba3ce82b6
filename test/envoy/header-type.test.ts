import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test, until } from "../support/check.ts";
import {
  http1,
  http2,
  http2Session,
  many,
  raw,
  STICKY_HOST,
  type Answer,
  type Ask,
} from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, eventCount, keyOf, startGateway } from "../support/gateway.ts";
import { GrpcService } from "../support/grpc-service.ts";
import { sayWith } from "../support/metadata-call.ts";
import { answerName, Pod } from "../support/pod.ts";
import { cluster, virtualHost } from "../support/shape.ts";
import { filterWith, nowSeconds, opened, sealed } from "../support/tokens.ts";

// Of the policy header.
const NAME = "x-session";
const at = { scope: "default/session-svc:9080", sessionName: NAME };
const HEADER_TYPE = { type: "Header", sessionName: NAME };

type Client = (ask: Ask) => Promise<Answer>;

/** The gateway's client on each protocol. No answer of it may have a Set-Cookie. */
async function clientsOf(envoy: Envoy): Promise<[protocol: string, client: Client][]> {
  const session = await http2Session(envoy.port);
  const withoutCookies =
    (client: Client): Client =>
    async (ask) => {
      const answer = await client(ask);
      assert.deepEqual(answer.setCookie, []);
      return answer;
    };
  return [
    ["HTTP/1.1", withoutCookies((ask) => http1(envoy.port, ask))],
    ["HTTP/2", withoutCookies((ask) => http2(session, ask))],
  ];
}

function tokenFor(pod: { endpoint: string }): string {
  return sealed({ endpoint: pod.endpoint }, undefined, at);
}

/** The token of an answer, which has to name the pod that gave it. */
function newToken(answer: Answer, pods: readonly Pod[]): string {
  assert.equal(answer.status, 200);
  const token = String(answer.headers[NAME]);
  assert.equal(opened(token, at).endpoint, pods.find(({ name }) => name === answer.body)?.endpoint);
  return token;
}

/** This pod answered, and the client got nothing new. */
function assertPinned(answer: Answer, pod: { name: string }): void {
  assert.deepEqual(
    [answer.status, answer.body, answer.headers[NAME], answer.setCookie],
    [200, pod.name, undefined, []],
  );
}

test("a new client finds its token in the response header, and meets its pod with it; no cookie comes", async () => {
  const pods = await Pod.startMany(5);
  const envoy = await startGateway(pods, { policy: "header" });
  for (const [protocol, client] of await clientsOf(envoy)) {
    const met = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const first = await client({});
      const token = newToken(first, pods);
      assert.equal(token.length, 71);
      const pod = pods.find(({ name }) => name === first.body) ?? assert.fail();
      for (const method of ["GET", "POST", "HEAD"]) {
        const next = await client({ method, headers: { [NAME]: token } });
        assertPinned({ ...next, body: method === "HEAD" ? pod.name : next.body }, pod);
        assert.deepEqual([pod.last.method, pod.last.headers[NAME]], [method, token], protocol);
      }
      met.add(pod.name);
    }
    // By chance 1 of 10^13 times.
    assert.ok(met.size > 1, protocol);
  }
  assert.equal(await eventCount(envoy, "resumed", 120), 120);
  assert.equal(await eventCount(envoy, "created", 40), 40);
  await assertNoTrap(envoy);
});

test("the name of the header counts in any case, in the request and in the configuration", async () => {
  const pods = await Pod.startMany(5);
  const asShipped = await startGateway(pods, { policy: "header" });
  const inCapitals = await startGateway(pods, {
    policy: "header",
    filter: filterWith({ type: "Header", sessionName: "X-Session" }),
  });
  for (const { port } of [asShipped, inCapitals]) {
    for (const pod of pods) {
      for (const name of ["X-SESSION", "X-Session", "x-session"]) {
        const response = await raw(
          port,
          `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: close\r\n${name}: ${tokenFor(pod)}\r\n\r\n`,
        );
        assert.match(response, /^HTTP\/1\.1 200/);
        assert.equal(/^x-pod: (.*)\r$/im.exec(response)?.[1], pod.name);
        assert.doesNotMatch(response, /^x-session:/im);
      }
    }
    newToken(await http1(port), pods);
  }
});

test("gRPC: the token stands in the initial metadata, and in the metadata of the next calls it pins", async () => {
  const pods = await GrpcService.startMany(4);
  const { port } = await startGateway(pods, {
    policy: "header",
    change: (config) => {
      const options = cluster(config).typed_extension_protocol_options;
      options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].explicit_http_config = {
        http2_protocol_options: {},
      };
    },
  });
  const first = await sayWith(port, {});
  assert.equal(first.error, null);
  const [pod] = first.initial.get("x-pod");
  const [token = assert.fail("no token"), ...more] = first.initial.get(NAME).map(String);
  assert.deepEqual(more, []);
  assert.equal(opened(token, at).endpoint, endpointOf(pods, String(pod)));
  await many(20, 5, async () => {
    const { error, initial } = await sayWith(port, { [NAME]: token });
    assert.deepEqual([error, initial.get("x-pod"), initial.get(NAME)], [null, [pod], []]);
    assert.deepEqual(initial.get("set-cookie"), []);
  });
  assert.deepEqual(first.initial.get("set-cookie"), []);
});

function endpointOf(pods: readonly GrpcService[], name: string): string {
  return pods.find((pod) => pod.name === name)?.endpoint ?? assert.fail(`no pod is called "${name}"`);
}

test("with its pod gone a session goes on at another: one for all requests at once, named by the new token", async () => {
  const pods = await Pod.startMany(9);
  const [gone = assert.fail()] = pods;
  const envoy = await startGateway(pods, { policy: "header" });
  await gone.stop();
  for (const [protocol, client] of await clientsOf(envoy)) {
    for (const session of [2n, 3n, 4n]) {
      const issued = nowSeconds() - 3600;
      const old = sealed({ session, issued, endpoint: gone.endpoint }, undefined, at);
      const answers = await many(50, 50, () => client({ headers: { [NAME]: old } }));
      const tokens = answers.map((answer) => opened(newToken(answer, pods), at));
      assert.equal(new Set(tokens.map(({ endpoint }) => endpoint)).size, 1, protocol);
      for (const token of tokens) assert.deepEqual([token.session, token.issued], [session, issued]);
      const next = await client({ headers: { [NAME]: String(answers[0]?.headers[NAME]) } });
      assertPinned(next, { name: answers[0]?.body ?? assert.fail() });
    }
  }
  assert.equal(await eventCount(envoy, "repinned", 300), 300);
});

test("timeouts: the token is renewed in the header, and one that is over begins a new session", async () => {
  const pods = await Pod.startMany(3);
  const filter = filterWith({ ...HEADER_TYPE, absoluteTimeout: "1h", idleTimeout: "10m" });
  const envoy = await startGateway(pods, { policy: "header", filter });
  const [pod = assert.fail()] = pods;
  const now = nowSeconds();
  const token = (issued: number, seen: number): string =>
    sealed({ session: 7n, issued: now - issued, seen: now - seen, endpoint: pod.endpoint }, undefined, at);
  for (const [, client] of await clientsOf(envoy)) {
    assertPinned(await client({ headers: { [NAME]: token(1800, 10) } }), pod);
    const renewed = await client({ headers: { [NAME]: token(1800, 61) } });
    const says = opened(newToken(renewed, pods), at);
    assert.deepEqual([renewed.body, says.session, says.issued], [pod.name, 7n, now - 1800]);
    assert.ok(says.seen >= now);
    for (const over of [token(1800, 600), token(3600, 0)]) {
      const fresh = opened(newToken(await client({ headers: { [NAME]: over } }), pods), at);
      assert.notEqual(fresh.session, 7n);
      assert.ok(fresh.issued >= now);
    }
  }
  assert.equal(await eventCount(envoy, "expired", 4), 4);
  assert.equal(await eventCount(envoy, "renewed", 2), 2);
});

test("a cookie of the header's name pins nobody, and reaches the pod as it was sent", async () => {
  const pods = await Pod.startMany(5);
  const envoy = await startGateway(pods, { policy: "header" });
  const [pinned = assert.fail(), other = assert.fail()] = pods;
  const cookie = `a=1; ${NAME}=${tokenFor(pinned)}`;
  for (const [protocol, client] of await clientsOf(envoy)) {
    const answers = await many(100, 20, () => client({ cookie }));
    // At random, one of five pods is left out once in a billion times.
    assert.equal(new Set(answers.map(({ body }) => body)).size, 5, protocol);
    for (const answer of answers) newToken(answer, pods);
    assertPinned(await client({ cookie, headers: { [NAME]: tokenFor(other) } }), other);
    assert.equal(other.last.headers.cookie, cookie);
  }
  assert.equal(await eventCount(envoy, "resumed", 2), 2);
  assert.equal(await eventCount(envoy, "rejected", 0), 0);
});

const values: Record<string, string> = {
  nothing: "",
  "a word": "forged",
  "a token of another key": sealed({}, keyOf(1, randomBytes(32).toString("base64")), at),
  "a token of a cookie of that name in another scope": sealed({}, undefined, { ...at, scope: "other" }),
  "a token of the cookie affinity": sealed({ endpoint: "127.0.0.1:1" }),
  "an address": "127.0.0.1:1",
  "40 kB": "A".repeat(40_000),
  "a cookie": `${NAME}=${sealed({}, undefined, at)}`,
};

test("a header that does not open makes its client a new one, whatever it holds", async () => {
  const pods = await Pod.startMany(3);
  const envoy = await startGateway(pods, { policy: "header" });
  for (const [protocol, client] of await clientsOf(envoy)) {
    for (const [what, value] of Object.entries(values)) {
      const answer = await client({ headers: { [NAME]: value } });
      const { session } = opened(newToken(answer, pods), at);
      assert.notEqual(session, 1n, `${what}, ${protocol}`);
    }
  }
  await assertNoTrap(envoy);
});

test("a pod's own header of that name does not stand beside or instead of a token that is set", async () => {
  const pods = await Pod.startMany(3);
  const [gone = assert.fail(), ...alive] = pods;
  const envoy = await startGateway(pods, { policy: "header" });
  await gone.stop();
  for (const pod of alive) {
    pod.behaviour = (_request, response) => {
      response.setHeader("X-Session", ["mine", tokenFor(gone)]);
      answerName()(_request, response);
    };
  }
  for (const [, client] of await clientsOf(envoy)) {
    for (const headers of [{}, { [NAME]: tokenFor(gone) }, { [NAME]: "forged" }]) {
      // Node joins headers of one name, so that a second one would keep the token from opening.
      newToken(await client({ headers }), alive);
    }
  }
});

test("stripFromRequest takes the header off the pod's request, forged or not, and the session stays pinned", async () => {
  const pods = await Pod.startMany(5);
  const envoy = await startGateway(pods, {
    policy: "header",
    filter: filterWith({ ...HEADER_TYPE, stripFromRequest: true, keyHeader: "x-affinity-key" }),
    change: (config) => {
      for (const { route } of virtualHost(config).routes)
        route.hash_policy = [{ header: { header_name: "x-affinity-key" } }];
    },
  });
  for (const [, client] of await clientsOf(envoy)) {
    for (const pod of pods) assertPinned(await client({ headers: { [NAME]: tokenFor(pod) } }), pod);
    newToken(await client({ headers: { [NAME]: "forged" } }), pods);
    const twice = await client({ headers: { [NAME]: ["forged", "forged as well"] } });
    newToken(twice, pods);
  }
  const received = pods.flatMap((pod) => pod.received);
  assert.equal(received.length, 14);
  for (const { headers } of received) assert.equal(headers[NAME], undefined);
});

test("with no pod at all: 503 without a token, and the old one holds when its pod is back", async () => {
  const pods = await Pod.startMany(1);
  const [pod = assert.fail()] = pods;
  const envoy = await startGateway(pods, { policy: "header" });
  await pod.stop();
  for (const [, client] of await clientsOf(envoy)) {
    for (const headers of [{}, { [NAME]: tokenFor(pod) }, { [NAME]: "forged" }]) {
      const answer = await client({ headers });
      assert.deepEqual([answer.status, answer.headers[NAME]], [503, undefined]);
    }
  }
  await pod.start();
  const headers = { [NAME]: tokenFor(pod) };
  const back = await until("the pod is served again", async () => {
    const answer = await http1(envoy.port, { headers });
    return answer.status === 200 && answer;
  });
  assertPinned(back, pod);
});
