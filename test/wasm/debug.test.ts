import assert from "node:assert/strict";
import { test } from "node:test";
import { LogLevel } from "./abi.ts";
import type { HeaderLines } from "./headers.ts";
import type { Root } from "./host.ts";
import { base64, KEY, NOW, OTHER_POD, POD, sampleKey, sampleRoot, sampleToken } from "./sample.ts";
import { cookieValue, visit, type Visit, type VisitOptions } from "./visit.ts";

const SECRET = "only-operators-know-this";
const HEADER = "x-affinity-debug";
const ASKED: HeaderLines = [[HEADER, SECRET]];

function debugRoot(more: object = {}): Root {
  return sampleRoot({ debug: { secret: SECRET }, ...more });
}

/** A request that asks to be explained: what is said of it, and of its response. */
function explained(root: Root, options: VisitOptions): { request: string; response: string; seen: Visit } {
  const seen = visit(root, { ...options, request: [...(options.request ?? []), ...ASKED] });
  const lines = seen.logs.map(({ text }) => text);
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.ok(seen.logs.every(({ level }) => level === LogLevel.warn));
  for (const line of lines) assert.match(line, /^affinity: debug: (request|response): [ -~]+$/);
  assert.deepEqual(seen.requestHeaders.all(HEADER), []);
  return { request: lines[0]!, response: lines[1]!, seen };
}

test("a pinned request is explained in two lines", () => {
  const token = sampleToken(POD, { issued: NOW - 900, seen: NOW - 60 });
  const { request, response, seen } = explained(debugRoot(), { cookie: `a=1; affinity=${token}`, host: POD });
  for (const part of [
    "1 of cookie affinity",
    "opens",
    "key 1",
    "0123456789abcdef",
    "900 s ago",
    "60 s ago",
    POD,
  ]) {
    assert.ok(request.includes(part), `${part} in: ${request}`);
  }
  for (const part of ["no token is set", POD, "via_upstream", "0123456789abcdef"]) {
    assert.ok(response.includes(part), `${part} in: ${response}`);
  }
  assert.equal(seen.asked, POD);
});

test("a newcomer is explained: no cookie, and then one for the pod that answered", () => {
  const { request, response } = explained(debugRoot(), { host: POD });
  assert.match(request, /0 of cookie affinity:.* a new client$/);
  assert.ok(response.includes("created") && response.includes(POD), response);
});

const OLD_KEY = sampleKey(7);
const reasons: [what: string, value: string, reason: RegExp][] = [
  ["too short", "bad", /3 characters are no token/],
  ["empty", "", /0 characters are no token/],
  ["too long", "A".repeat(5000), /5000 characters are no token/],
  ["not base64url", `${sampleToken(POD).slice(0, -1)}~`, /not base64url/],
  ["of a key that is not here", sampleToken(POD, { key: OLD_KEY }), /no key 7/],
  [
    "of another key with the same id",
    sampleToken(POD, { key: sampleKey(1, "other") }),
    /altered, or of another key/,
  ],
  ["of another scope", sampleToken(POD, { scope: "default/other:80" }), /another key, scope or name/],
  ["of another name", sampleToken(POD, { sessionName: "other" }), /another key, scope or name/],
  ["over", sampleToken(POD, { issued: NOW - 3600 }), /is over.*issued 3600 s ago/],
];

for (const [what, value, reason] of reasons) {
  test(`a token that does not count is explained: ${what}`, () => {
    const { request } = explained(debugRoot({ absoluteTimeout: "1h" }), {
      cookie: `affinity=${value}`,
      host: POD,
    });
    assert.match(request, reason);
    assert.match(request, /1 of cookie affinity: .*a new client$/);
  });
}

test("each of several cookies is explained, over all lines, up to the fourth", () => {
  const token = sampleToken(POD);
  const cookie = ["affinity=bad; a=1", `affinity=worse; affinity=${token}; affinity=${token}`];
  const { request, seen } = explained(debugRoot(), { cookie, host: POD });
  assert.match(request, /4 of cookie affinity: #1 does not open.* #2 does not open.* #3 opens/);
  assert.equal(seen.asked, POD);
  const many = Array.from({ length: 800 }, (_, index) => `affinity=${index}`).join("; ");
  const long = explained(debugRoot(), { cookie: many, host: POD });
  assert.match(
    long.request,
    /800 of cookie affinity: .* #4 does not open[^0-9]*1 characters[^0-9]*a new client$/,
  );
});

const outcomes: [what: string, options: VisitOptions, response: RegExp][] = [
  [
    "another pod",
    { cookie: `affinity=${sampleToken(POD)}`, host: OTHER_POD },
    /repinned.*10\.244\.2\.9:9080/,
  ],
  ["a renewal", { cookie: `affinity=${sampleToken(POD, { issued: NOW - 1800 })}`, host: POD }, /renewed/],
  ["a reply of Envoy's own", { details: "no_healthy_upstream" }, /no token is set.*no_healthy_upstream/],
];

for (const [what, options, response] of outcomes) {
  test(`the response is explained: ${what}`, () => {
    assert.match(explained(debugRoot({ idleTimeout: "1h" }), options).response, response);
  });
}

test("the explanation agrees with what is done, and does not change it", () => {
  const policies = [
    {},
    { mode: "balanced" },
    { stripFromRequest: true },
    { absoluteTimeout: "1h" },
    { onHostChange: "keep" },
  ];
  const cookies = [
    "",
    `affinity=${sampleToken(POD)}`,
    `affinity=bad; affinity=${sampleToken(POD)}`,
    "affinity=bad",
  ];
  for (const more of policies) {
    for (const cookie of cookies) {
      const options = { cookie, host: POD, unpinned: "mode" in more };
      const quiet = visit(debugRoot(more), options);
      const { request, response, seen } = explained(debugRoot(more), options);
      assert.equal(seen.asked, quiet.asked);
      assert.equal(seen.setCookie.length, quiet.setCookie.length);
      assert.deepEqual(seen.requestHeaders.all("cookie"), quiet.requestHeaders.all("cookie"));
      assert.equal(request.includes("a new client"), !cookie.includes("affinity=AQ"), request);
      assert.equal(response.includes("no token is set"), seen.setCookie.length === 0, response);
    }
  }
});

test("type Header is explained as well", () => {
  const root = debugRoot({ type: "Header", sessionName: "x-session" });
  const token = sampleToken(POD, { sessionName: "x-session" });
  const { request } = explained(root, { request: [["x-session", token]], host: POD });
  assert.match(request, /1 of header x-session: .*opens/);
  assert.match(explained(root, { host: POD }).request, /0 of header x-session:.* a new client$/);
});

test("whoever does not know the secret gets no line, and its header comes off all the same", () => {
  const root = debugRoot();
  const cookie = `affinity=${sampleToken(POD)}`;
  for (const value of [
    "",
    "x",
    SECRET.slice(1),
    `${SECRET}x`,
    ` ${SECRET}`,
    SECRET.toUpperCase(),
    `${SECRET.slice(0, -1)}z`,
    "true",
    "x".repeat(100_000),
  ]) {
    for (const name of [HEADER, "X-Affinity-Debug"]) {
      const seen = visit(root, { cookie, host: POD, request: [[name, value]] });
      assert.deepEqual(seen.logs, [], value);
      assert.deepEqual(seen.requestHeaders.all(HEADER), [], value);
    }
  }
  assert.deepEqual(visit(root, { cookie, host: POD }).logs, []);
});

test("several lines of the header all come off, and the first one asks", () => {
  const root = debugRoot();
  for (const [values, lines] of [
    [[SECRET, "x"], 2],
    [["x", SECRET], 0],
  ] as const) {
    const request = values.map((value) => [HEADER, value] as const);
    const seen = visit(root, { host: POD, request });
    assert.equal(seen.logs.length, lines);
    assert.deepEqual(seen.requestHeaders.all(HEADER), []);
  }
});

test("where debug is not configured the header means nothing, and costs no host call", () => {
  const root = sampleRoot();
  const cookie = `affinity=${sampleToken(POD)}`;
  const seen = visit(root, { cookie, host: POD, request: ASKED });
  assert.deepEqual(seen.logs, []);
  assert.deepEqual(seen.calls, visit(root, { cookie, host: POD }).calls);
  assert.equal(
    seen.calls.some((call) => call.includes(HEADER)),
    false,
  );
});

test("a header of one's own asks, and the default one means nothing then", () => {
  const root = sampleRoot({ debug: { header: "X-Why", secret: SECRET } });
  const seen = visit(root, { host: POD, request: [["x-why", SECRET]] });
  assert.equal(seen.logs.length, 2);
  assert.deepEqual(seen.requestHeaders.all("x-why"), []);
  assert.deepEqual(visit(root, { host: POD, request: ASKED }).logs, []);
});

test("nothing secret stands in the log: no key, no token, not the secret itself", () => {
  const key = base64(KEY);
  const root = debugRoot({ absoluteTimeout: "1h" });
  const tokens = [
    sampleToken(POD),
    sampleToken(POD, { issued: NOW - 3600 }),
    sampleToken(POD, { key: sampleKey(1, "other") }),
    "value-of-a-client-that-is-no-token",
  ];
  const values = tokens.flatMap((token) => {
    const { seen } = explained(root, { cookie: `theme=dark; affinity=${token}`, host: OTHER_POD });
    return [token, ...seen.setCookie.map((line) => cookieValue(line))];
  });
  const log = root.vm.logs.map(({ text }) => text).join("\n");
  for (const secret of [SECRET, key, ...values, "theme", "dark"]) {
    assert.equal(log.includes(secret.slice(0, 16)), false, `${secret} in:\n${log}`);
  }
});

test("what a client sends puts no sign of its own into the log", () => {
  const root = debugRoot();
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  const value = bytes.replace(/[\0\r\n;]/g, "");
  // `explained` takes lines of printable ASCII only.
  for (const cookie of [
    `affinity=${value}`,
    `affinity=${value.slice(0, 70)}`,
    `${value}=x; affinity="\x1b[31m"`,
  ]) {
    const { request } = explained(root, { cookie, host: POD, request: [["user-agent", value]] });
    assert.match(request, /a new client$/);
  }
});

test("memory is flat over 20,000 explained requests", () => {
  const root = debugRoot();
  const cookie = `affinity=bad; affinity=${sampleToken(POD)}`;
  const serve = (count: number): void => {
    for (let turn = 0; turn < count; turn++) visit(root, { cookie, host: OTHER_POD, request: ASKED });
    root.vm.logs.length = 0;
  };
  serve(1000);
  const warm = root.vm.memory.byteLength;
  serve(20_000);
  assert.equal(root.vm.memory.byteLength, warm);
});
