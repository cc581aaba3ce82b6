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
import { cookieValue, HOST_HEADER, visit, type Visit, type VisitOptions } from "./visit.ts";

/** A request with that token, some seconds after the sample time. */
function visitAt(root: Root, seconds: number, token: string, options: VisitOptions = {}): Visit {
  root.vm.now = NOW + seconds;
  return visit(root, { cookie: `affinity=${token}`, host: POD, ...options });
}

/** That response began a new session, which says nothing of the old one. */
function assertNewSession({ asked, setCookie }: Visit, now: number, what: string): void {
  assert.equal(asked, null, what);
  assert.equal(setCookie.length, 1, what);
  const token = opened(cookieValue(setCookie[0]));
  assert.deepEqual([token.issued, token.seen, token.endpoint], [now, now, POD], what);
  assert.notEqual(token.session, SESSION, what);
}

const timeouts: [what: string, more: object, token: { issued: number; seen: number }, lastSecond: number][] =
  [
    ["absoluteTimeout", { absoluteTimeout: "12h" }, { issued: NOW, seen: NOW }, 43_199],
    ["absoluteTimeout of 1s", { absoluteTimeout: "1s" }, { issued: NOW, seen: NOW }, 0],
    [
      "absoluteTimeout, though seen lately",
      { absoluteTimeout: "1h" },
      { issued: NOW - 3000, seen: NOW },
      599,
    ],
    ["idleTimeout", { idleTimeout: "30m" }, { issued: NOW, seen: NOW }, 1799],
    ["idleTimeout of 1s", { idleTimeout: "1s" }, { issued: NOW - 9, seen: NOW }, 0],
    ["idleTimeout, of an old session", { idleTimeout: "1m" }, { issued: 0, seen: NOW }, 59],
    ["both, idle first", { absoluteTimeout: "1h", idleTimeout: "1m" }, { issued: NOW, seen: NOW }, 59],
    [
      "both, absolute first",
      { absoluteTimeout: "1h", idleTimeout: "1m" },
      { issued: NOW - 3570, seen: NOW },
      29,
    ],
    ["a token from the future", { absoluteTimeout: "1h" }, { issued: NOW + 500, seen: NOW + 500 }, 4099],
  ];

for (const [what, more, fields, lastSecond] of timeouts) {
  test(`a session is over to the second: ${what}`, () => {
    const root = sampleRoot(more);
    const token = sampleToken(POD, fields);
    assert.equal(visitAt(root, 0, token).asked, POD);
    assert.equal(visitAt(root, lastSecond, token).asked, POD, "the last second");
    for (const late of [1, 2, 3600, 10 ** 8]) {
      const now = NOW + lastSecond + late;
      assertNewSession(visitAt(root, lastSecond + late, token), now, `${late} s too late`);
    }
  });
}

test("a gateway whose clock is behind takes a token for one of now", () => {
  const root = sampleRoot({ absoluteTimeout: "1s", idleTimeout: "1s" });
  for (const ahead of [1, 60, 10 ** 9]) {
    const token = sampleToken(POD, { issued: NOW + ahead });
    const seen = visitAt(root, 0, token);
    assert.equal(seen.asked, POD, `${ahead} s ahead`);
    assert.deepEqual(seen.setCookie, []);
  }
});

test("without timeouts no token is too old, at either end of the clock", () => {
  const root = sampleRoot();
  for (const [now, issued] of [
    [2 ** 32 - 1, 0],
    [0, 2 ** 32 - 1],
    [0, 0],
  ] as const) {
    root.vm.now = now;
    const seen = visit(root, { cookie: `affinity=${sampleToken(POD, { issued })}`, host: POD });
    assert.equal(seen.asked, POD);
    assert.deepEqual(seen.setCookie, []);
  }
});

test("a session that is over leaves room for another in the same request", () => {
  const root = sampleRoot({ absoluteTimeout: "1h" });
  const over = sampleToken(POD, { issued: NOW - 3600 });
  const good = sampleToken(OTHER_POD, { issued: NOW - 3599 });
  for (const cookie of [`affinity=${over}; affinity=${good}`, [`affinity=${over}`, `affinity=${good}`]]) {
    const seen = visit(root, { cookie, host: OTHER_POD });
    assert.equal(seen.asked, OTHER_POD);
    assert.deepEqual(seen.setCookie, []);
  }
});

test("a new pod does not make a session longer", () => {
  const root = sampleRoot({ absoluteTimeout: "1h" });
  const moved = visitAt(root, 3599, sampleToken(POD, { issued: NOW }), { host: OTHER_POD });
  const token = opened(cookieValue(moved.setCookie[0]));
  assert.deepEqual(token, { keyId: 1, issued: NOW, seen: NOW + 3599, session: SESSION, endpoint: OTHER_POD });
  assertNewSession(visitAt(root, 3600, cookieValue(moved.setCookie[0])), NOW + 3600, "the second after");
});

const tenths: [idleTimeout: string, seconds: number][] = [
  ["30m", 180],
  ["1m", 6],
  ["19s", 1],
  ["5s", 1],
  ["2s", 1],
  ["99999h", 35_999_640],
];

for (const [idleTimeout, seconds] of tenths) {
  test(`idleTimeout ${idleTimeout}: the cookie is renewed once ${seconds} s have passed, and not before`, () => {
    const root = sampleRoot({ idleTimeout });
    const fields = { issued: NOW - 5000, seen: NOW };
    const early = visitAt(root, seconds - 1, sampleToken(POD, fields));
    assert.equal(early.asked, POD);
    assert.deepEqual(early.setCookie, []);
    const due = visitAt(root, seconds, sampleToken(POD, fields));
    assert.equal(due.asked, POD);
    assert.equal(due.setCookie.length, 1);
    assert.match(due.setCookie[0]!, /^affinity=[A-Za-z0-9_-]{71}; Path=\/; HttpOnly; SameSite=Lax$/);
    const expected = { keyId: 1, issued: NOW - 5000, seen: NOW + seconds, session: SESSION, endpoint: POD };
    assert.deepEqual(opened(cookieValue(due.setCookie[0])), expected);
  });
}

test("a client that comes often enough stays for ever, with few cookies; one that pauses is new", () => {
  const root = sampleRoot({ idleTimeout: "10m" });
  let token = sampleToken(POD, { issued: NOW });
  let renewals = 0;
  for (let second = 0; second <= 36_000; second += 20) {
    const seen = visitAt(root, second, token);
    assert.equal(seen.asked, POD, `after ${second} s`);
    if (seen.setCookie.length === 0) continue;
    token = cookieValue(seen.setCookie[0]);
    renewals++;
  }
  assert.equal(renewals, 600);
  const last = opened(token).seen - NOW;
  assertNewSession(visitAt(root, last + 600, token), NOW + last + 600, "after a pause");
});

test("absoluteTimeout alone renews nothing", () => {
  const root = sampleRoot({ absoluteTimeout: "1h" });
  for (const second of [0, 1, 359, 360, 3599]) {
    assert.deepEqual(visitAt(root, second, sampleToken(POD, { issued: NOW })).setCookie, [], `${second} s`);
  }
});

const OLD_KEY = sampleKey(7);
const TWO_KEYS = {
  keys: [KEY, OLD_KEY].map((key) => ({ id: key.id, secret: base64(key) })),
};

test("a token of an old key is renewed under the first one at once, and keeps all it says", () => {
  const root = sampleRoot(TWO_KEYS);
  for (const endpoint of [POD, "[2001:db8::1]:9080", "/run/pod.sock"]) {
    const old = sampleToken(endpoint, { key: OLD_KEY, issued: NOW - 5000, seen: NOW - 10 });
    const seen = visitAt(root, 0, old, { host: endpoint });
    assert.equal(seen.asked, endpoint);
    const expected = { keyId: 1, issued: NOW - 5000, seen: NOW, session: SESSION, endpoint };
    assert.deepEqual(opened(cookieValue(seen.setCookie[0])), expected);
    const next = visitAt(root, 1, cookieValue(seen.setCookie[0]), { host: endpoint });
    assert.equal(next.asked, endpoint);
    assert.deepEqual(next.setCookie, []);
  }
});

test("a token of an old key whose pod has changed gets one cookie, with the new pod", () => {
  const seen = visitAt(sampleRoot(TWO_KEYS), 0, sampleToken(POD, { key: OLD_KEY }), { host: OTHER_POD });
  assert.equal(seen.setCookie.length, 1);
  const token = opened(cookieValue(seen.setCookie[0]));
  assert.deepEqual([token.keyId, token.session, token.endpoint], [1, SESSION, OTHER_POD]);
});

const due: [what: string, more: object, token: string][] = [
  ["an idle client", { idleTimeout: "1h" }, sampleToken(POD, { issued: NOW - 1800 })],
  ["a token of an old key", TWO_KEYS, sampleToken(POD, { key: OLD_KEY })],
];

for (const [what, more, token] of due) {
  test(`${what} is not renewed by a reply of Envoy's own, nor by a pod that is not known`, () => {
    const root = sampleRoot(more);
    for (const details of [
      "no_healthy_upstream",
      "direct_response",
      "upstream_response_timeout",
      "via_upstream_",
      "",
    ]) {
      const reply = visitAt(root, 0, token, { details, response: [[":status", "503"]] });
      assert.deepEqual(reply.responseHeaders.lines, [[":status", "503"]], details);
    }
    for (const host of ["", "s".repeat(256)]) {
      const stream = root.stream();
      stream.request([["cookie", `affinity=${token}`]]);
      stream.properties["response.code_details"] = "via_upstream";
      stream.properties["upstream.address"] = host;
      assert.deepEqual(stream.respond([[":status", "200"]]).lines, [[":status", "200"]], host);
      stream.close();
    }
    assert.equal(visitAt(root, 0, token).setCookie.length, 1);
  });

  test(`onHostChange keep: ${what} is renewed, and keeps its pod, whichever pod answers`, () => {
    const root = sampleRoot({ ...more, onHostChange: "keep" });
    const away = visitAt(root, 0, token, { host: OTHER_POD });
    assert.equal(away.asked, POD);
    assert.deepEqual(
      away.setCookie.map((line) => opened(cookieValue(line)).endpoint),
      [POD],
    );
    assert.deepEqual(away.responseHeaders.all(HOST_HEADER), []);
    const back = visitAt(root, 0, token);
    assert.equal(back.asked, POD);
    assert.deepEqual(
      back.setCookie.map((line) => opened(cookieValue(line)).endpoint),
      [POD],
    );
  });
}

test("the cookie of a renewal has the attributes that its request asks for", () => {
  const root = sampleRoot({ idleTimeout: "1h", cookie: { path: "/shop" } });
  const token = sampleToken(POD, { issued: NOW - 1800 });
  const stream = root.stream();
  stream.request([
    ["x-forwarded-proto", "https"],
    ["cookie", `affinity=${token}`],
  ]);
  stream.properties["response.code_details"] = "via_upstream";
  stream.properties["upstream.address"] = POD;
  const [line] = stream.respond([[":status", "200"]]).all("set-cookie");
  assert.match(line!, /^affinity=[A-Za-z0-9_-]{71}; Path=\/shop; Secure; HttpOnly; SameSite=Lax$/);
});
