import assert from "node:assert/strict";
import { test } from "node:test";
import type { Root } from "./host.ts";
import { crc32, NOW, opened, OTHER_POD, POD, sampleKey, sampleRoot, sampleToken, SESSION } from "./sample.ts";
import { cookieValue, HOST_HEADER, hostValue, visit, type Visit, type VisitOptions } from "./visit.ts";

const HEADER = "x-affinity-cluster";
const STABLE = "session-svc";
const CANARY = "session-svc-canary";
const NAMES = [STABLE, CANARY];

function canaryRoot(more: object = {}): Root {
  return sampleRoot({ cluster: { names: NAMES }, ...more });
}

function visitWith(root: Root, token: string, options: VisitOptions = {}): Visit {
  return visit(root, { cookie: `affinity=${token}`, host: POD, ...options });
}

/** What the only cookie of the response says. */
function sealed({ setCookie }: Visit): ReturnType<typeof opened> {
  assert.equal(setCookie.length, 1);
  return opened(cookieValue(setCookie[0]));
}

test("a newcomer goes by the weights, and its token says which cluster served", () => {
  const root = canaryRoot();
  for (const cluster of NAMES) {
    const first = visit(root, { host: POD, cluster });
    assert.deepEqual(first.requestHeaders.all(HEADER), []);
    const { session, ...token } = sealed(first);
    assert.deepEqual(token, { keyId: 1, issued: NOW, seen: NOW, endpoint: POD, cluster: crc32(cluster) });
    assert.match(first.setCookie[0]!, /^affinity=[A-Za-z0-9_-]{76};/);
    const next = visitWith(root, cookieValue(first.setCookie[0]), { cluster });
    assert.deepEqual(next.requestHeaders.all(HEADER), [cluster]);
    assert.equal(next.asked, POD);
    assert.deepEqual(next.setCookie, []);
    assert.notEqual(session, 0n);
  }
});

test("the header leads to the cluster of the token, whatever the client sends in it", () => {
  const root = canaryRoot();
  for (const name of [HEADER, "X-Affinity-Cluster", "X-AFFINITY-CLUSTER"]) {
    const request = [
      [name, CANARY],
      [name, "other"],
    ] as const;
    const stable = visitWith(root, sampleToken(POD, { cluster: STABLE }), { cluster: STABLE, request });
    assert.deepEqual(stable.requestHeaders.all(HEADER), [STABLE]);
    const forged = sampleToken(POD, { cluster: CANARY, key: sampleKey(1, "another") });
    const foreign = sampleToken(POD, { cluster: CANARY, scope: "default/other:80" });
    for (const cookie of [[], "affinity=bad", `affinity=${forged}`, `affinity=${foreign}`]) {
      const unknown = visit(root, { cookie, request, host: POD, cluster: STABLE });
      assert.deepEqual(unknown.requestHeaders.all(HEADER), []);
      assert.equal(sealed(unknown).cluster, crc32(STABLE));
    }
  }
});

test("a session that is over goes by the weights again", () => {
  const root = canaryRoot({ absoluteTimeout: "1h" });
  const token = sampleToken(POD, { cluster: CANARY, issued: NOW - 3600 });
  assert.deepEqual(visitWith(root, token, { cluster: STABLE }).requestHeaders.all(HEADER), []);
});

test("the route is chosen again once for each request, known client or not", () => {
  const root = canaryRoot();
  for (const cookie of [[], "affinity=bad", `affinity=${sampleToken(POD, { cluster: CANARY })}`]) {
    for (const onHostChange of ["repin", "keep"]) {
      const policy = onHostChange === "keep" ? canaryRoot({ onHostChange }) : root;
      assert.equal(visit(policy, { cookie, host: POD, cluster: CANARY }).routeCacheClears, 1);
    }
  }
});

test("without clusters no route is chosen again, and tokens name none", () => {
  const root = sampleRoot();
  const known = visitWith(root, sampleToken(POD, { cluster: CANARY }), { cluster: CANARY });
  assert.equal(known.asked, POD);
  const first = visit(root, { host: POD, cluster: CANARY });
  for (const { calls, routeCacheClears } of [known, first]) {
    assert.equal(routeCacheClears, 0);
    assert.equal(calls.includes("proxy_call_foreign_function"), false);
  }
  assert.equal("cluster" in sealed(first), false);
});

test("a token from before there were clusters belongs to the first of them", () => {
  const root = canaryRoot();
  const pinned = visitWith(root, sampleToken(POD), { cluster: STABLE });
  assert.deepEqual(pinned.requestHeaders.all(HEADER), [STABLE]);
  assert.equal(pinned.asked, POD);
  const turned = sampleRoot({ cluster: { names: [CANARY, STABLE] } });
  assert.deepEqual(visitWith(turned, sampleToken(POD), { cluster: CANARY }).requestHeaders.all(HEADER), [
    CANARY,
  ]);
});

test("a new pod of the same cluster goes into a cookie of the same session", () => {
  const token = sampleToken(POD, { cluster: CANARY, issued: NOW - 900 });
  const moved = visitWith(canaryRoot(), token, { host: OTHER_POD, cluster: CANARY });
  assert.deepEqual(moved.requestHeaders.all(HEADER), [CANARY]);
  const expected = { keyId: 1, issued: NOW - 900, seen: NOW, session: SESSION, endpoint: OTHER_POD };
  assert.deepEqual(sealed(moved), { ...expected, cluster: crc32(CANARY) });
});

for (const [what, cluster] of [
  ["a cluster that is no longer named", "session-svc-v1"],
  ["no cluster, since it was let go", null],
] as const) {
  for (const [mode, more] of [
    ["persistent", {}],
    ["balanced", { mode: "balanced" }],
  ] as const) {
    test(`a token of ${what} goes by the weights, and then stays with what served it: ${mode}`, () => {
      const root = canaryRoot(more);
      const unpinned = mode === "balanced";
      // CRC-32 of no bytes is 0.
      const token = sampleToken(unpinned ? "" : POD, { cluster: cluster ?? "", issued: NOW - 900 });
      for (const host of [POD, OTHER_POD]) {
        const seen = visitWith(root, token, { host, cluster: CANARY, unpinned });
        assert.deepEqual(seen.requestHeaders.all(HEADER), []);
        assert.equal(seen.routeCacheClears, 1);
        const after = sealed(seen);
        assert.deepEqual([after.session, after.issued, after.cluster], [SESSION, NOW - 900, crc32(CANARY)]);
        const next = visitWith(root, cookieValue(seen.setCookie[0]), { host, cluster: CANARY, unpinned });
        assert.deepEqual(next.requestHeaders.all(HEADER), [CANARY]);
        assert.deepEqual(next.setCookie, []);
      }
    });
  }
}

const GONE = ["no_healthy_upstream", "cluster_not_found"];
const NOT_GONE = [
  "direct_response",
  "upstream_response_timeout",
  "no_healthy_upstream_",
  "no_healthy",
  "route_not_found",
  "",
];

for (const [mode, more] of [
  ["persistent", {}],
  ["balanced", { mode: "balanced" }],
] as const) {
  test(`who belongs to a cluster that is gone is let go, and keeps its session and pod: ${mode}`, () => {
    const root = canaryRoot(more);
    const unpinned = mode === "balanced";
    const token = sampleToken(POD, { cluster: CANARY, issued: NOW - 900 });
    const base = { unpinned, cluster: CANARY, response: [[":status", "503"]] } as const;
    for (const details of GONE) {
      const reply = visit(root, { cookie: `affinity=${token}`, ...base, details });
      const endpoint = unpinned ? "" : POD;
      const expected = { keyId: 1, issued: NOW - 900, seen: NOW, session: SESSION, endpoint, cluster: 0 };
      assert.deepEqual(sealed(reply), expected, details);
      const next = visitWith(root, cookieValue(reply.setCookie[0]), { cluster: STABLE, unpinned });
      assert.deepEqual(next.requestHeaders.all(HEADER), []);
      assert.deepEqual(next.requestHeaders.all(HOST_HEADER), unpinned ? [] : [hostValue(POD)]);
      const pinned = sealed(next);
      assert.deepEqual([pinned.session, pinned.cluster], [SESSION, crc32(STABLE)]);
    }
    for (const details of NOT_GONE) {
      const reply = visit(root, { cookie: `affinity=${token}`, ...base, details });
      assert.deepEqual(reply.responseHeaders.lines, [[":status", "503"]], details);
    }
    assert.deepEqual(visitWith(root, token, { cluster: CANARY, unpinned }).setCookie, []);
  });

  test(`letting go sets a cookie with the attributes of the one that its request brought: ${mode}`, () => {
    const root = canaryRoot(more);
    // Streams with a cookie that is Secure leave nothing behind for the next, and those without one neither.
    for (const [secure, end] of [
      [true, "; Path=/; Secure; HttpOnly; SameSite=Lax"],
      [false, "; Path=/; HttpOnly; SameSite=Lax"],
      [true, "; Path=/; Secure; HttpOnly; SameSite=Lax"],
    ] as const) {
      const stream = root.stream();
      stream.request([["cookie", `affinity=${sampleToken(POD, { cluster: CANARY, secure })}`]]);
      stream.properties["response.code_details"] = "no_healthy_upstream";
      const [line] = stream.respond([[":status", "503"]]).all("set-cookie");
      stream.close();
      assert.equal(line!.slice(line!.indexOf(";")), end);
    }
  });
}

test("the name of a pod that was tried last comes off when its cluster is gone", () => {
  const token = sampleToken(POD, { cluster: CANARY });
  const reply = visitWith(canaryRoot(), token, { host: OTHER_POD, details: "no_healthy_upstream" });
  assert.deepEqual(reply.responseHeaders.all(HOST_HEADER), []);
  assert.equal(sealed(reply).endpoint, POD);
});

test("nobody is let go under onHostChange keep, nor a client that has no session yet", () => {
  const keep = canaryRoot({ onHostChange: "keep" });
  const response = [[":status", "503"]] as const;
  for (const details of GONE) {
    const kept = visitWith(keep, sampleToken(POD, { cluster: CANARY }), { details, response });
    assert.deepEqual(kept.responseHeaders.lines, response);
    for (const cookie of [[], "affinity=bad"]) {
      const reply = visit(canaryRoot(), { cookie, details, response });
      assert.deepEqual(reply.responseHeaders.lines, response);
    }
  }
});

test("a renewal tells the cluster that serves now", () => {
  const root = canaryRoot({ idleTimeout: "1h" });
  const renewed = visitWith(root, sampleToken(POD, { issued: NOW - 1800 }), { cluster: STABLE });
  const expected = { keyId: 1, issued: NOW - 1800, seen: NOW, session: SESSION, endpoint: POD };
  assert.deepEqual(sealed(renewed), { ...expected, cluster: crc32(STABLE) });
});

test("sixteen names and a header of one's own", () => {
  const names = Array.from({ length: 16 }, (_, index) => `version-${index}`);
  const root = sampleRoot({ cluster: { header: "X-Version", names } });
  for (const cluster of names) {
    const seen = visitWith(root, sampleToken(POD, { cluster }), { cluster, request: [["x-version", "x"]] });
    assert.deepEqual(seen.requestHeaders.all("x-version"), [cluster]);
    assert.deepEqual(seen.setCookie, []);
  }
});
