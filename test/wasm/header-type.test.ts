import assert from "node:assert/strict";
import { test } from "node:test";
import type { Root } from "./host.ts";
import {
  NOW,
  opened,
  OTHER_POD,
  POD,
  sampleRoot,
  sampleToken,
  SESSION,
  type TokenOptions,
} from "./sample.ts";
import { visit, type Visit, type VisitOptions } from "./visit.ts";

const NAME = "x-session";

function headerRoot(more: object = {}): Root {
  return sampleRoot({ type: "Header", sessionName: "X-Session", ...more });
}

function token(endpoint: string, options: TokenOptions = {}): string {
  return sampleToken(endpoint, { sessionName: NAME, ...options });
}

/** A request with that value, or those values, in the header. */
function withHeader(root: Root, values: string | string[], options: VisitOptions = {}): Visit {
  const request = [values].flat().map((value) => [NAME, value] as const);
  return visit(root, { host: POD, ...options, request });
}

/** What the only line of the response's header says. */
function answered({ responseHeaders }: Visit): ReturnType<typeof opened> {
  const lines = responseHeaders.all(NAME);
  assert.equal(lines.length, 1, lines.join(" | "));
  return opened(lines[0]!, { sessionName: NAME });
}

test("a newcomer gets its token in the header, bare, and no cookie", () => {
  const first = visit(headerRoot(), { host: POD });
  assert.match(first.responseHeaders.first(NAME)!, /^[A-Za-z0-9_-]{71}$/);
  assert.deepEqual(first.setCookie, []);
  const { session, ...rest } = answered(first);
  assert.deepEqual(rest, { keyId: 1, issued: NOW, seen: NOW, endpoint: POD });
  assert.notEqual(session, 0n);
});

test("the token in the request's header pins, stays there, and is not given again", () => {
  const root = headerRoot();
  for (const name of [NAME, "X-Session", "X-SESSION"]) {
    const value = token(POD);
    const seen = visit(root, { request: [[name, value]], host: POD });
    assert.equal(seen.asked, POD);
    assert.deepEqual(seen.requestHeaders.all(NAME), [value]);
    assert.deepEqual(seen.responseHeaders.lines, [[":status", "200"]]);
  }
});

test("the default name works as a header as well", () => {
  const root = sampleRoot({ type: "Header" });
  assert.equal(visit(root, { request: [["affinity", sampleToken(POD)]], host: POD }).asked, POD);
});

test("a cookie of the name is none of ours, and stays", () => {
  const cookie = `x-session=${token(POD)}; affinity=${sampleToken(POD)}`;
  for (const stripFromRequest of [false, true]) {
    const seen = visit(headerRoot({ stripFromRequest }), { cookie, host: POD });
    assert.equal(seen.asked, null);
    assert.deepEqual(seen.requestHeaders.all("cookie"), [cookie]);
  }
});

test("what does not open makes a new client", () => {
  const root = headerRoot();
  const good = token(POD);
  const cookieOfTheName = sampleToken(POD);
  for (const value of [
    "",
    "x",
    good.slice(1),
    `${good}A`,
    `"${good}"`,
    `x-session=${good}`,
    `Bearer ${good}`,
    cookieOfTheName,
  ]) {
    const seen = withHeader(root, value);
    assert.equal(seen.asked, null, value);
    assert.notEqual(answered(seen).session, SESSION, value);
  }
});

test("of several lines the first counts", () => {
  const root = headerRoot();
  assert.equal(withHeader(root, [token(POD), "bad"]).asked, POD);
  assert.equal(withHeader(root, ["bad", token(POD)]).asked, null);
});

test("a token takes the place of what the pod set under the name", () => {
  const response = [
    [":status", "200"],
    ["X-Session", "of the pod"],
    [NAME, "again"],
  ] as const;
  assert.equal(answered(visit(headerRoot(), { host: POD, response })).endpoint, POD);
});

test("another pod, a renewal and an end go by the header", () => {
  const root = headerRoot({ absoluteTimeout: "1h", idleTimeout: "10m" });
  const moved = answered(withHeader(root, token(POD), { host: OTHER_POD }));
  assert.deepEqual([moved.session, moved.endpoint, moved.issued], [SESSION, OTHER_POD, NOW - 60]);
  const renewed = answered(withHeader(root, token(POD, { issued: NOW - 600, seen: NOW - 60 })));
  assert.deepEqual([renewed.session, renewed.endpoint, renewed.seen], [SESSION, POD, NOW]);
  const late = withHeader(root, token(POD, { issued: NOW - 3600, seen: NOW }));
  assert.equal(late.asked, null);
  assert.notEqual(answered(late).session, SESSION);
});

test("a reply of Envoy's own carries no token", () => {
  const reply = withHeader(headerRoot(), "bad", {
    details: "no_healthy_upstream",
    response: [[":status", "503"]],
  });
  assert.deepEqual(reply.responseHeaders.lines, [[":status", "503"]]);
});

test("stripFromRequest takes the header from the pod, all of its lines, good and bad", () => {
  const root = headerRoot({ stripFromRequest: true });
  const pinned = withHeader(root, token(POD));
  assert.equal(pinned.asked, POD);
  for (const seen of [
    pinned,
    withHeader(root, "bad"),
    withHeader(root, ["bad", token(POD)]),
    withHeader(root, ""),
  ]) {
    assert.deepEqual(seen.requestHeaders.all(NAME), []);
  }
});

test("mode balanced goes by the header too", () => {
  const root = headerRoot({ mode: "balanced" });
  const first = visit(root, { host: POD, unpinned: true });
  const key = first.requestHeaders.first("x-affinity-key");
  assert.equal(answered(first).session, BigInt(`0x${key}`));
  const next = withHeader(root, first.responseHeaders.first(NAME)!, { unpinned: true });
  assert.equal(next.requestHeaders.first("x-affinity-key"), key);
  assert.deepEqual(next.responseHeaders.all(NAME), []);
});
