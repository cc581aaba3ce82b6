import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test, until } from "../support/check.ts";
import { http1, http2, http2Session, keepAlive, many } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, cookieFor, keyOf, newCookie, secret, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { filterWith, nowSeconds, opened, sealed } from "../support/tokens.ts";

// Of the policy debug.
const HEADER = "x-affinity-debug";
const SECRET = "let-me-see-what-happens";
const asking = { headers: { [HEADER]: SECRET } };

/** What the filter explained so far. */
function explained(envoy: Envoy): string[] {
  return [...envoy.log.matchAll(/affinity: debug: (.*)$/gm)].map(([, line = ""]) => line);
}

/** What it explained of the requests since `before`; waits until it is `count` lines, which reach us through a pipe. */
async function explanation(envoy: Envoy, before: number, count = 2): Promise<string[]> {
  await until(`${count} lines of explanation`, () => explained(envoy).length >= before + count);
  return explained(envoy).slice(before);
}

/** Waits until the log has all that was to be written before: a request that asks is explained behind it. */
async function assertNotExplained(envoy: Envoy, before: number): Promise<void> {
  await http1(envoy.port, { ...asking, cookie: "affinity=the-last-one" });
  const lines = await explanation(envoy, before);
  assert.match(
    lines[0] ?? "",
    /^request: 1 of cookie affinity: #1 does not open: 12 characters are no token;/,
  );
  assert.equal(lines.length, 2);
}

test("a request with the secret is explained in two lines: what it brought, and what became of it", async () => {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), pod = assert.fail()] = pods;
  const envoy = await startGateway(pods, {
    policy: "debug",
    filter: filterWith({ debug: { secret: SECRET }, idleTimeout: "10m", absoluteTimeout: "1h" }),
  });
  await gone.stop();
  const now = nowSeconds();
  const of = (endpoint: string, age: number, unseen: number): string =>
    `affinity=${sealed({ session: 0x0123456789abcdefn, issued: now - age, seen: now - unseen, endpoint })}`;
  const foreign = `affinity=${sealed({}, keyOf(1, randomBytes(32).toString("base64")))}`;
  const otherKey = `affinity=${sealed({}, keyOf(9, secret))}`;
  const served = `pod ${pod.endpoint}, response.code_details via_upstream`;
  const rows: [what: string, cookie: string, request: RegExp, response: string][] = [
    ["nothing", "", /^0 of cookie affinity: a new client$/, `created, a token is set; ${served}`],
    [
      "a cookie in order",
      of(pod.endpoint, 100, 10),
      new RegExp(
        `^1 of cookie affinity: #1 opens: by key 1, session 0123456789abcdef, issued 1\\d\\d s ago, seen [1-9]\\d s ago, pod ${pod.endpoint};$`,
      ),
      `no token is set; ${served}, session 0123456789abcdef`,
    ],
    [
      "one to renew",
      of(pod.endpoint, 100, 70),
      / opens: /,
      `renewed, a token is set; ${served}, session 0123456789abcdef`,
    ],
    [
      "one of a dead pod",
      of(gone.endpoint, 5, 5),
      / opens: /,
      `repinned, a token is set; ${served}, session 0123456789abcdef`,
    ],
    [
      "one that is over",
      of(pod.endpoint, 3700, 5),
      /: #1 is over: .* a new client$/,
      `created, a token is set; ${served}`,
    ],
    [
      "one of another key",
      foreign,
      /: #1 does not open: altered, or of another key.* a new client$/,
      "created, a token is set",
    ],
    [
      "one of an unknown key",
      otherKey,
      /: #1 does not open: no key 9; a new client$/,
      "created, a token is set",
    ],
    [
      "two forged ones before it",
      `affinity=x; ${foreign}; ${of(pod.endpoint, 100, 10)}`,
      /^3 of cookie affinity: #1 does not open: 1 characters.*; #2 does not open: altered.*; #3 opens: by key 1,/,
      "no token is set",
    ],
  ];
  for (const [what, cookie, request, response] of rows) {
    const before = explained(envoy).length;
    await http1(envoy.port, { ...asking, cookie });
    const [first = "", second = "", ...more] = await explanation(envoy, before);
    assert.deepEqual(more, [], what);
    assert.match(first, /^request: /, what);
    assert.match(first.replace("request: ", ""), request, what);
    assert.ok(second.startsWith(`response: ${response}`), `${what}: ${second}`);
  }
  await assertNoTrap(envoy);
});

test("Envoy's own answer is explained by its response code details", async () => {
  const envoy = await startGateway([], { policy: "debug" });
  await http1(envoy.port, asking);
  const [, response] = await explanation(envoy, 0);
  assert.equal(
    response,
    "response: no token is set; pod none, response.code_details no_healthy_upstream, session none",
  );
});

test("without the secret nothing is explained, and whatever the header holds, the pod does not see it", async () => {
  const pods = await Pod.startMany(2);
  const envoy = await startGateway(pods, { policy: "debug" });
  const session = await http2Session(envoy.port);
  const wrong = [
    "",
    " ",
    SECRET.slice(1),
    SECRET.slice(0, -1),
    `${SECRET}x`,
    SECRET.toUpperCase(),
    "A".repeat(30_000),
  ];
  const cookies = ["", "affinity=forged", cookieFor(pods[0] ?? assert.fail())];
  for (const cookie of cookies) {
    await http1(envoy.port, { cookie });
    await http1(envoy.port, { cookie, headers: { "x-debug": SECRET, "x-affinity-debugs": SECRET } });
    await http1(envoy.port, { cookie: `${HEADER}=${SECRET}; ${cookie}`, path: `/?${HEADER}=${SECRET}` });
    for (const value of wrong) {
      await http1(envoy.port, { cookie, headers: { [HEADER]: value } });
      await http2(session, { cookie, headers: { [HEADER]: value } });
    }
    await http1(envoy.port, { cookie, headers: { [HEADER]: ["wrong", "wrong as well"] } });
  }
  await assertNotExplained(envoy, 0);
  const received = pods.flatMap((pod) => pod.received);
  assert.equal(received.length, cookies.length * 18 + 1);
  for (const { headers } of received) assert.equal(headers[HEADER], undefined);
  await assertNoTrap(envoy);
});

test("the secret counts in any case of the header's name, on either protocol, and never reaches the pod", async () => {
  const pods = await Pod.startMany(1);
  const envoy = await startGateway(pods, { policy: "debug" });
  const session = await http2Session(envoy.port);
  await http2(session, asking);
  for (const name of ["X-AFFINITY-DEBUG", "X-Affinity-Debug"])
    await http1(envoy.port, { headers: { [name]: SECRET } });
  // Twice: the pod sees neither, and the request is still one.
  await http1(envoy.port, { headers: { [HEADER]: [SECRET, SECRET] } });
  await assertNotExplained(envoy, (await explanation(envoy, 0, 8)).length);
  assert.equal(explained(envoy).length, 10);
  for (const { headers } of pods.flatMap((pod) => pod.received)) {
    assert.equal(headers[HEADER], undefined);
    assert.doesNotMatch(JSON.stringify(headers), new RegExp(SECRET));
  }
});

test("without `debug` in the configuration nothing is explained, and the header is one like any other", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  const envoy = await startGateway([pod]);
  const lines = envoy.log.length;
  for (const cookie of ["", "affinity=forged", cookieFor(pod)])
    await http1(envoy.port, { ...asking, cookie });
  assert.equal(pod.last.headers[HEADER], SECRET);
  // This is logged: what stood before it has come then.
  await fetch(`http://127.0.0.1:${envoy.adminPort}/logging?wasm=info`, { method: "POST" });
  await until("Envoy logs the change", () => envoy.log.slice(lines).includes("change log level"));
  assert.doesNotMatch(envoy.log.slice(lines), /affinity/);
});

test("of 200 requests at once ten ask: twenty lines, each response's session its own", async () => {
  const pods = await Pod.startMany(4);
  const envoy = await startGateway(pods, { policy: "debug", concurrency: 2 });
  const session = await http2Session(envoy.port);
  const known = new Set<string>();
  await many(200, 200, (index) => {
    const pod = pods[index % pods.length] ?? assert.fail();
    const number = BigInt(index + 1);
    const cookie = `affinity=${sealed({ session: number, endpoint: pod.endpoint })}`;
    if (index % 20 === 7) known.add(number.toString(16).padStart(16, "0"));
    const ask = { cookie, ...(index % 20 === 7 ? asking : {}) };
    return index % 2 === 0 ? http1(envoy.port, ask) : http2(session, ask);
  });
  const lines = await explanation(envoy, 0, 20);
  const sessions = (kind: string): string[] =>
    lines
      .filter((line) => line.startsWith(kind))
      .map((line) => /session ([0-9a-f]{16})/.exec(line)?.[1] ?? "none");
  assert.deepEqual(sessions("request: ").sort(), [...known].sort());
  assert.deepEqual(sessions("response: ").sort(), [...known].sort());
  await assertNotExplained(envoy, 20);
  await assertNoTrap(envoy);
});

test("who comes after many that asked is not explained for it, in whatever place of theirs", async () => {
  const envoy = await startGateway(await Pod.startMany(2), { policy: "debug" });
  const agent = keepAlive(20);
  await many(20, 20, () => http1(envoy.port, { ...asking, agent }));
  await explanation(envoy, 0, 40);
  // The filter's table of streams begins with 1,024 places: each is taken again.
  await many(1100, 20, () => http1(envoy.port, { agent }));
  await assertNotExplained(envoy, 40);
});

test("no explanation shows a key, a cookie's value or the secret", async () => {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), pod = assert.fail()] = pods;
  const envoy = await startGateway(pods, { policy: "debug" });
  await gone.stop();
  const values: string[] = [];
  const foreign = sealed({}, keyOf(1, randomBytes(32).toString("base64")));
  for (const sent of ["", foreign, sealed({ endpoint: pod.endpoint }), sealed({ endpoint: gone.endpoint })]) {
    const answer = await http1(envoy.port, { ...asking, cookie: `affinity=${sent}; other=not-for-the-log` });
    if (sent !== "") values.push(sent);
    if (answer.setCookie.length > 0) values.push(newCookie(answer));
  }
  await explanation(envoy, 0, 8);
  assert.equal(values.length, 6);
  for (const value of values) assert.equal(envoy.log.includes(value), false, "a cookie stands in the log");
  assert.equal(envoy.log.includes("not-for-the-log"), false, "another cookie stands in the log");
  assert.equal(envoy.log.includes(SECRET), false, "the secret stands in the log");
  const bytes = Buffer.from(secret, "base64");
  for (const text of [secret.replace(/=+$/, ""), bytes.toString("hex"), bytes.toString("base64url")])
    assert.equal(envoy.log.includes(text), false, "the key stands in the log");
  // The session's number is no secret: the log has it.
  assert.match(
    envoy.log,
    new RegExp(
      opened(values.at(-1) ?? "")
        .session.toString(16)
        .padStart(16, "0"),
    ),
  );
});
