import assert from "node:assert/strict";
import { test } from "node:test";
import { NOW, OTHER_POD, POD, sampleRoot, sampleToken } from "./sample.ts";
import { visit } from "./visit.ts";

interface Times {
  readonly maxAge: number;
  /** Unix time in seconds. */
  readonly expires: number;
}

/** What the browser is told, which has to be one thing. */
function timesOf(line: string | undefined, now: number): Times {
  const parts =
    /^affinity=[A-Za-z0-9_-]+; Expires=(\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT); Max-Age=(\d+); Path=\//.exec(
      line ?? "",
    );
  assert.ok(parts !== null, line);
  const times = { maxAge: Number(parts[2]), expires: Date.parse(parts[1]!) / 1000 };
  assert.equal(new Date(times.expires * 1000).toUTCString(), parts[1], "the one spelling of that date");
  assert.equal(times.expires, now + times.maxAge, line);
  return times;
}

const PERMANENT = { cookie: { lifetimeType: "Permanent" } };

const lefts: [what: string, more: object, fields: { issued: number; seen: number } | null, left: number][] = [
  ["absoluteTimeout, of a newcomer", { absoluteTimeout: "12h" }, null, 43_200],
  ["idleTimeout, of a newcomer", { idleTimeout: "30m" }, null, 1800],
  ["the shorter of both, of a newcomer", { absoluteTimeout: "12h", idleTimeout: "30m" }, null, 1800],
  ["the shorter of both, turned round", { absoluteTimeout: "30m", idleTimeout: "12h" }, null, 1800],
  [
    "what is left of absoluteTimeout",
    { absoluteTimeout: "12h" },
    { issued: NOW - 43_000, seen: NOW - 9 },
    200,
  ],
  ["the last second of absoluteTimeout", { absoluteTimeout: "12h" }, { issued: NOW - 43_199, seen: NOW }, 1],
  ["all of idleTimeout again", { idleTimeout: "30m" }, { issued: NOW - 43_000, seen: NOW - 1000 }, 1800],
  [
    "idleTimeout, far from the end",
    { absoluteTimeout: "12h", idleTimeout: "30m" },
    { issued: NOW - 40_000, seen: NOW },
    1800,
  ],
  [
    "absoluteTimeout, close to it",
    { absoluteTimeout: "12h", idleTimeout: "30m" },
    { issued: NOW - 43_000, seen: NOW },
    200,
  ],
  [
    "all of absoluteTimeout, from the future",
    { absoluteTimeout: "12h" },
    { issued: NOW + 99, seen: NOW + 99 },
    43_200,
  ],
];

for (const [what, more, fields, left] of lefts) {
  test(`Permanent tells the browser ${what}, by Expires and Max-Age alike`, () => {
    const root = sampleRoot({ ...PERMANENT, ...more });
    const cookie = fields === null ? [] : `affinity=${sampleToken(POD, fields)}`;
    const { setCookie } = visit(root, { cookie, host: OTHER_POD });
    assert.equal(setCookie.length, 1);
    assert.equal(timesOf(setCookie[0], NOW).maxAge, left);
  });
}

test("what is left of absoluteTimeout shrinks with each new pod, and Expires stays", () => {
  const root = sampleRoot({ ...PERMANENT, absoluteTimeout: "1h" });
  let cookie = visit(root, { host: POD }).setCookie[0]!;
  for (const [second, host] of [
    [0, OTHER_POD],
    [1, POD],
    [1800, OTHER_POD],
    [3599, POD],
  ] as const) {
    root.vm.now = NOW + second;
    const moved = visit(root, { cookie: cookie.slice(0, cookie.indexOf(";")), host });
    cookie = moved.setCookie[0]!;
    assert.deepEqual(timesOf(cookie, NOW + second), { maxAge: 3600 - second, expires: NOW + 3600 });
  }
});

test("a renewal moves the end on, up to the end of the session", () => {
  const root = sampleRoot({ ...PERMANENT, absoluteTimeout: "20m", idleTimeout: "10m" });
  let cookie = visit(root, { host: POD }).setCookie[0]!;
  for (let second = 60; second < 1200; second += 60) {
    root.vm.now = NOW + second;
    const renewed = visit(root, { cookie: cookie.slice(0, cookie.indexOf(";")), host: POD });
    cookie = renewed.setCookie[0]!;
    assert.equal(timesOf(cookie, NOW + second).maxAge, Math.min(600, 1200 - second));
  }
});

test("Permanent stands before Domain, Path and the rest", () => {
  const cookie = {
    lifetimeType: "Permanent",
    domain: "sample.com",
    path: "/a",
    secure: true,
    sameSite: "None",
    partitioned: true,
  };
  const [line] = visit(sampleRoot({ absoluteTimeout: "90s", cookie }), { host: POD }).setCookie;
  assert.equal(
    line!.slice(line!.indexOf(";")),
    "; Expires=Fri, 15 Jan 2027 08:01:30 GMT; Max-Age=90; Domain=sample.com; Path=/a; Secure; HttpOnly; SameSite=None; Partitioned",
  );
});

test("Session tells the browser nothing, with timeouts or without", () => {
  for (const more of [
    {},
    { absoluteTimeout: "1h", idleTimeout: "1m" },
    { idleTimeout: "1m", cookie: { lifetimeType: "Session" } },
  ]) {
    const [line] = visit(sampleRoot(more), { host: POD }).setCookie;
    assert.match(line!, /^affinity=[A-Za-z0-9_-]{71}; Path=\/; HttpOnly; SameSite=Lax$/);
  }
});

test("an end beyond 2106, the last date of 32 bits, is that date", () => {
  const root = sampleRoot({ ...PERMANENT, absoluteTimeout: "99999h" });
  root.vm.now = 2 ** 32 - 1;
  const [line] = visit(root, { host: POD }).setCookie;
  assert.match(line!, /; Expires=Sun, 07 Feb 2106 06:28:15 GMT; Max-Age=359996400;/);
});
