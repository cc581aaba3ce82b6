import assert from "node:assert/strict";
import { test } from "node:test";
import type { Root } from "./host.ts";
import {
  base64,
  KEY,
  NOW,
  opened,
  OTHER_POD,
  POD,
  sampleKey,
  sampleRoot,
  sampleToken,
  SESSION,
} from "./sample.ts";
import { cookieValue, HOST_HEADER, hostValue, visit, type Visit, type VisitOptions } from "./visit.ts";

const KEY_HEADER = "x-affinity-key";
const SESSION_KEY = "0123456789abcdef";

/** A request without stateful_session behind the filter: Envoy chooses by the key header. */
function balanced(root: Root, options: VisitOptions = {}): Visit {
  return visit(root, { host: POD, unpinned: true, ...options });
}

function balancedRoot(more: object = {}): Root {
  return sampleRoot({ mode: "balanced", ...more });
}

/** The session's number that Envoy is told; there has to be one. */
function keyOf({ requestHeaders }: Visit): string {
  const keys = requestHeaders.all(KEY_HEADER);
  assert.equal(keys.length, 1, keys.join(", "));
  assert.match(keys[0]!, /^[0-9a-f]{16}$/);
  return keys[0]!;
}

test("a newcomer's first request goes by the number that its cookie then holds", () => {
  const root = balancedRoot();
  const first = balanced(root);
  const key = keyOf(first);
  assert.equal(first.setCookie.length, 1);
  const token = opened(cookieValue(first.setCookie[0]));
  assert.deepEqual(token, { keyId: 1, issued: NOW, seen: NOW, session: BigInt(`0x${key}`), endpoint: "" });
  for (const host of [POD, OTHER_POD, "[::1]:9080"]) {
    const next = balanced(root, { cookie: `affinity=${cookieValue(first.setCookie[0])}`, host });
    assert.equal(keyOf(next), key, "whichever pod answers");
    assert.deepEqual(next.setCookie, []);
  }
});

test("the number has all its digits, zeros in front as well", () => {
  const root = balancedRoot();
  for (const [session, key] of [
    [SESSION, SESSION_KEY],
    [1n, "0000000000000001"],
    [2n ** 64n - 1n, "ffffffffffffffff"],
    [0xa0b0c0d0e0f0n, "0000a0b0c0d0e0f0"],
  ] as const) {
    assert.equal(keyOf(balanced(root, { cookie: `affinity=${sampleToken("", { session })}` })), key);
  }
});

test("no two newcomers have one number", () => {
  const root = balancedRoot();
  const keys = Array.from({ length: 3000 }, () => keyOf(balanced(root)));
  assert.equal(new Set(keys).size, keys.length);
});

test("what a client sends in either header steers nothing", () => {
  const root = balancedRoot();
  const cookie = `affinity=${sampleToken("")}`;
  for (const name of [KEY_HEADER, "X-Affinity-Key", "X-AFFINITY-KEY"]) {
    const request = [
      [name, "ffffffffffffffff"],
      [name, SESSION_KEY],
      [HOST_HEADER, hostValue(OTHER_POD)],
    ] as const;
    const known = balanced(root, { cookie, request });
    assert.equal(keyOf(known), SESSION_KEY);
    assert.deepEqual(known.requestHeaders.all(HOST_HEADER), []);
    for (const bad of [[], "affinity=bad"]) {
      const unknown = balanced(root, { cookie: bad, request });
      assert.notEqual(keyOf(unknown), "ffffffffffffffff");
      assert.notEqual(keyOf(unknown), SESSION_KEY);
      assert.deepEqual(unknown.requestHeaders.all(HOST_HEADER), []);
    }
  }
});

test("a token names no pod, and is as good from mode persistent", () => {
  const [line] = balanced(balancedRoot()).setCookie;
  assert.match(line!, /^affinity=[A-Za-z0-9_-]{64}; Path=\/; HttpOnly; SameSite=Lax$/);
  const persistent = balanced(balancedRoot(), { cookie: `affinity=${sampleToken(POD)}` });
  assert.equal(keyOf(persistent), SESSION_KEY);
  assert.equal(persistent.asked, null);
  assert.deepEqual(persistent.setCookie, []);
});

test("a token of mode balanced keeps its session in mode persistent, and gets a pod", () => {
  const seen = visit(sampleRoot(), {
    cookie: `affinity=${sampleToken("", { issued: NOW - 100 })}`,
    host: POD,
  });
  assert.equal(seen.asked, null);
  const expected = { keyId: 1, issued: NOW - 100, seen: NOW, session: SESSION, endpoint: POD };
  assert.deepEqual(opened(cookieValue(seen.setCookie[0])), expected);
});

test("a reply of Envoy's own sets no cookie; the next request draws a number anew", () => {
  const root = balancedRoot();
  for (const details of [
    "no_healthy_upstream",
    "direct_response",
    "upstream_reset_before_response_started{x}",
  ]) {
    const reply = balanced(root, { details, response: [[":status", "503"]] });
    assert.deepEqual(reply.responseHeaders.lines, [[":status", "503"]], details);
    assert.notEqual(keyOf(balanced(root)), keyOf(reply));
  }
});

test("a session that is over gets another number at once, and a cookie for it", () => {
  const root = balancedRoot({ absoluteTimeout: "1h" });
  const late = balanced(root, { cookie: `affinity=${sampleToken("", { issued: NOW - 3600 })}` });
  assert.notEqual(keyOf(late), SESSION_KEY);
  const token = opened(cookieValue(late.setCookie[0]));
  assert.deepEqual([token.session, token.issued], [BigInt(`0x${keyOf(late)}`), NOW]);
  const intime = balanced(root, { cookie: `affinity=${sampleToken("", { issued: NOW - 3599 })}` });
  assert.equal(keyOf(intime), SESSION_KEY);
  assert.deepEqual(intime.setCookie, []);
});

test("a renewal keeps the number, whichever pod answered, but not on a reply of Envoy's own", () => {
  const old = sampleKey(7);
  const keys = [KEY, old].map((key) => ({ id: key.id, secret: base64(key) }));
  for (const [more, token] of [
    [{ idleTimeout: "1h" }, sampleToken("", { issued: NOW - 900, seen: NOW - 360 })],
    [{ keys }, sampleToken("", { key: old, issued: NOW - 900 })],
  ] as const) {
    const root = balancedRoot(more);
    const cookie = `affinity=${token}`;
    const reply = balanced(root, { cookie, details: "no_healthy_upstream" });
    assert.deepEqual(reply.setCookie, []);
    const renewed = balanced(root, { cookie, host: OTHER_POD });
    assert.equal(keyOf(renewed), SESSION_KEY);
    const expected = { keyId: 1, issued: NOW - 900, seen: NOW, session: SESSION, endpoint: "" };
    assert.deepEqual(opened(cookieValue(renewed.setCookie[0])), expected);
  }
});

test("the cookie of mode balanced has the attributes that its request asks for", () => {
  for (const [scheme, end] of [
    ["https", "; Path=/; Secure; HttpOnly; SameSite=Lax"],
    ["http", "; Path=/; HttpOnly; SameSite=Lax"],
  ] as const) {
    const stream = balancedRoot().stream();
    stream.request([["x-forwarded-proto", scheme]]);
    const [line] = stream.respond([[":status", "200"]]).all("set-cookie");
    assert.equal(line!.slice(line!.indexOf(";")), end);
  }
});

test("mode persistent tells the number too when keyHeader is written, for clients that it knows", () => {
  const root = sampleRoot({ keyHeader: "X-Session-Key" });
  const request = [["x-session-key", "ffffffffffffffff"]] as const;
  const known = visit(root, { cookie: `affinity=${sampleToken(POD)}`, host: POD, request });
  assert.deepEqual(known.requestHeaders.all("x-session-key"), [SESSION_KEY]);
  assert.equal(known.asked, POD);
  for (const cookie of [[], "affinity=bad", `affinity=${sampleToken(POD, { session: 0n })}`]) {
    const unknown = visit(root, { cookie, host: POD, request });
    assert.deepEqual(unknown.requestHeaders.all("x-session-key"), []);
  }
});

test("mode persistent leaves x-affinity-key alone unless it is told to use it", () => {
  const request = [[KEY_HEADER, "of the client"]] as const;
  const seen = visit(sampleRoot(), { cookie: `affinity=${sampleToken(POD)}`, host: POD, request });
  assert.deepEqual(seen.requestHeaders.all(KEY_HEADER), ["of the client"]);
});
