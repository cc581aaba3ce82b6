import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "../support/check.ts";
import { http1, type Answer } from "../support/client.ts";
import { Curl } from "../support/curl.ts";
import { binding, keyOf, newCookie, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { clientsOf } from "../support/protocols.ts";
import { cookieOf } from "../support/session.ts";
import { nowSeconds } from "../support/tokens.ts";

// Of envoy/policies/permanent.yaml, in seconds.
const ABSOLUTE = 12 * 3600;
const IDLE = 30 * 60;
const RENEWAL = IDLE / 10;
// How much time a test may take on a busy machine before a session in it is older than it says.
const MARGIN = 60;

const OLD_SECRET = randomBytes(32).toString("base64");

// In the order that the browser gets them.
const PERMANENT = /^affinity=[^;]*; Expires=([^;]*); Max-Age=(\d+); Path=\/; HttpOnly; SameSite=Lax$/;

/** What is left of the session, in seconds, by the only cookie of this answer, sent for a request of this time. */
function lifetimeOf(answer: Answer, asked: number): number {
  newCookie(answer);
  const [line = ""] = answer.setCookie;
  const [, expires = "", maxAge] = PERMANENT.exec(line) ?? assert.fail(line);
  // RFC 9110, section 5.6.7: the form that toUTCString() has.
  assert.equal(expires, new Date(expires).toUTCString());
  const now = Date.parse(expires) / 1000 - Number(maxAge);
  assert.ok(now >= asked - 1 && now <= nowSeconds() + 1, `${line} was made at ${now}`);
  return Number(maxAge);
}

test("lifetimeType Permanent: Expires and Max-Age say what is left of the session", async () => {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), alive = assert.fail()] = pods;
  const envoy = await startGateway(pods, { policy: "permanent" });
  await gone.stop();
  const sessions: [what: string, left: number, cookie?: string][] = [
    ["a new client", IDLE],
    ["one that is over", IDLE, cookieOf({ endpoint: alive.endpoint, unseen: IDLE })],
    ["renewed", IDLE, cookieOf({ endpoint: alive.endpoint, age: 3600, unseen: RENEWAL })],
    [
      "renewed near its end",
      600,
      cookieOf({ endpoint: alive.endpoint, age: ABSOLUTE - 600, unseen: RENEWAL }),
    ],
    ["moved near its end", 900, cookieOf({ endpoint: gone.endpoint, age: ABSOLUTE - 900 })],
  ];
  for (const [protocol, client] of await clientsOf(envoy)) {
    for (const [what, left, cookie] of sessions) {
      const asked = nowSeconds();
      const said = lifetimeOf(await client(cookie === undefined ? {} : { cookie }), asked);
      const least = left === IDLE ? left : left - MARGIN;
      assert.ok(said <= left && said >= least, `${what}, ${protocol}: ${said} s left of ${left}`);
    }
  }
});

test("lifetimeType Permanent with absoluteTimeout alone: what is left of it", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  const keys = [
    { id: 1, env: "AFFINITY_KEY" },
    { id: 2, secret: OLD_SECRET },
  ];
  const filter = {
    scope: binding.scope,
    keys,
    absoluteTimeout: "720h",
    cookie: { lifetimeType: "Permanent" },
  };
  const { port } = await startGateway([pod], { filter });
  assert.equal(lifetimeOf(await http1(port), nowSeconds()), 30 * 86_400);
  const cookie = cookieOf({ endpoint: pod.endpoint, age: 29 * 86_400, under: keyOf(2, OLD_SECRET) });
  const left = lifetimeOf(await http1(port, { cookie }), nowSeconds());
  assert.ok(left <= 86_400 && left >= 86_400 - MARGIN, `${left} s left`);
});

test("curl keeps the cookie of lifetimeType Permanent over a restart until its end, and Session's for none", async () => {
  const pods = await Pod.startMany(10);
  const permanent = await startGateway(pods, { policy: "permanent" });
  const kept = new Curl();
  const asked = nowSeconds();
  const first = await kept.get(permanent.port);
  const [cookie, ...more] = kept.cookies;
  assert.deepEqual([cookie?.name, more], ["affinity", []]);
  const ends = cookie?.expires ?? 0;
  assert.ok(
    ends >= asked + IDLE - 1 && ends <= nowSeconds() + IDLE + 1,
    `ends ${ends - asked} s after the request`,
  );
  for (let restart = 0; restart < 4; restart++) {
    assert.equal(await kept.get(permanent.port, { restarted: true }), first);
  }
  assert.deepEqual(kept.cookies, [cookie]);

  const session = await startGateway(pods, { policy: "timeouts" });
  const dropped = new Curl();
  const pod = await dropped.get(session.port);
  const [before] = dropped.cookies;
  assert.equal(before?.expires, 0);
  assert.equal(await dropped.get(session.port), pod);
  assert.deepEqual(dropped.cookies, [before]);
  await dropped.get(session.port, { restarted: true });
  assert.notEqual(dropped.cookies[0]?.value, before?.value);
});
