import assert from "node:assert/strict";
import { test } from "node:test";
import { cookieValue, HOST_HEADER, hostValue, visit } from "./visit.ts";
import { NOW, opened, OTHER_POD, POD, sampleRoot, sampleToken } from "./sample.ts";

const PINNED_CALLS = [
  "proxy_get_header_map_value(request, cookie)",
  `proxy_replace_header_map_value(request, ${HOST_HEADER})`,
  `proxy_get_header_map_value(response, ${HOST_HEADER})`,
];
const GET_AGENT = "proxy_get_header_map_value(request, user-agent)";
const CONDITIONAL_NONE = { secure: true, sameSite: "None", conditionalSameSiteNone: true };

test("a new client gets one cookie that names the pod that answered", () => {
  const first = visit(sampleRoot(), { host: POD });
  assert.equal(first.asked, null);
  assert.equal(first.setCookie.length, 1);
  assert.match(first.setCookie[0]!, /^affinity=[A-Za-z0-9_-]{71}; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.deepEqual(first.responseHeaders.all(HOST_HEADER), []);
  const { session, ...token } = opened(cookieValue(first.setCookie[0]));
  assert.deepEqual(token, { keyId: 1, issued: NOW, seen: NOW, endpoint: POD });
  assert.notEqual(session, 0n);
});

test("issued and seen follow the clock", () => {
  const root = sampleRoot();
  for (const now of [0, 1, NOW + 0.999, 2 ** 31, 2 ** 32 - 1]) {
    root.vm.now = now;
    const token = opened(cookieValue(visit(root, { host: POD }).setCookie[0]));
    assert.deepEqual([token.issued, token.seen], [Math.floor(now), Math.floor(now)]);
  }
});

test("the cookie shows no address, and no two cookies are alike", () => {
  const root = sampleRoot();
  const nonces = new Set<string>();
  const sessions = new Set<bigint>();
  const count = 3000;
  for (let turn = 0; turn < count; turn++) {
    const value = cookieValue(visit(root, { host: POD }).setCookie[0]);
    const bytes = Buffer.from(value, "base64url");
    assert.equal(bytes.includes(Buffer.from([10, 244, 1, 7])), false, value);
    assert.equal(bytes.includes("10.244"), false, value);
    nonces.add(bytes.toString("hex", 2, 14));
    sessions.add(opened(value).session);
  }
  assert.equal(nonces.size, count);
  assert.equal(sessions.size, count);
});

test("a nonce is eight bytes of the VM and a big-endian counter; another VM has other bytes", () => {
  const nonceOf = (root: ReturnType<typeof sampleRoot>): Buffer =>
    Buffer.from(cookieValue(visit(root, { host: POD }).setCookie[0]), "base64url").subarray(2, 14);
  const root = sampleRoot();
  const [first, second] = [nonceOf(root), nonceOf(root)];
  assert.equal(second.toString("hex", 0, 8), first.toString("hex", 0, 8));
  assert.equal(second.readUInt32BE(8), (first.readUInt32BE(8) + 1) % 2 ** 32);
  assert.notEqual(nonceOf(sampleRoot()).toString("hex", 0, 8), first.toString("hex", 0, 8));
});

test("two roots of one VM never use a nonce twice", () => {
  const root = sampleRoot();
  const other = sampleRoot({}, root.vm);
  const nonces = [root, other, root, other, sampleRoot({}, root.vm)].map((each) =>
    Buffer.from(cookieValue(visit(each, { host: POD }).setCookie[0]), "base64url").toString("hex", 2, 14),
  );
  assert.equal(new Set(nonces).size, nonces.length, nonces.join("\n"));
});

const pinnedCalls: [what: string, configuration: object, further: readonly string[]][] = [
  ["three host calls", {}, []],
  ["three host calls with secure true", { cookie: { secure: true } }, []],
  ["three host calls with secure false", { cookie: { secure: false } }, []],
  ["three host calls when its cookie never changes", { onHostChange: "keep" }, []],
  ["four host calls when only its browser has to be known", { cookie: CONDITIONAL_NONE }, [GET_AGENT]],
  [
    "three host calls when the condition on None meets Lax",
    { cookie: { ...CONDITIONAL_NONE, sameSite: "Lax" } },
    [],
  ],
];

for (const [what, configuration, further] of pinnedCalls) {
  test(`a pinned request asks for its pod, sets no cookie and makes ${what}`, () => {
    const root = sampleRoot(configuration);
    const cookie = `affinity=${cookieValue(visit(root, { host: POD }).setCookie[0])}`;
    for (let turn = 0; turn < 3; turn++) {
      const next = visit(root, { cookie, host: POD });
      assert.deepEqual(next.requestHeaders.all(HOST_HEADER), [hostValue(POD)]);
      assert.deepEqual([...next.calls].sort(), [...PINNED_CALLS, ...further].sort());
      assert.deepEqual(next.setCookie, []);
      assert.deepEqual(next.responseHeaders.lines, [[":status", "200"]]);
    }
  });
}

test("a pinned request keeps its Cookie line and every other header", () => {
  const cookie = `theme=dark; affinity=${sampleToken(POD)}; lang=en`;
  const { requestHeaders } = visit(sampleRoot(), { cookie, host: POD, request: [["accept", "*/*"]] });
  assert.deepEqual(requestHeaders.all("cookie"), [cookie]);
  assert.deepEqual(requestHeaders.all("accept"), ["*/*"]);
  assert.deepEqual(requestHeaders.all(":path"), ["/"]);
});

test("another pod that answers goes into a new cookie of the same session", () => {
  const root = sampleRoot();
  const first = visit(root, { host: POD });
  const before = opened(cookieValue(first.setCookie[0]));
  root.vm.now = NOW + 3600;
  const cookie = `affinity=${cookieValue(first.setCookie[0])}`;
  const moved = visit(root, { cookie, host: OTHER_POD });
  assert.equal(moved.asked, POD);
  assert.equal(moved.setCookie.length, 1);
  assert.deepEqual(moved.responseHeaders.all(HOST_HEADER), []);
  const after = opened(cookieValue(moved.setCookie[0]));
  assert.deepEqual(after, { ...before, seen: NOW + 3600, endpoint: OTHER_POD });
  const next = visit(root, { cookie: `affinity=${cookieValue(moved.setCookie[0])}`, host: OTHER_POD });
  assert.equal(next.asked, OTHER_POD);
  assert.deepEqual(next.setCookie, []);
});

test("onHostChange keep: the cookie stays, and the pinning header still comes off", () => {
  const root = sampleRoot({ onHostChange: "keep" });
  const first = visit(root, { host: POD });
  assert.equal(opened(cookieValue(first.setCookie[0])).endpoint, POD);
  const moved = visit(root, { cookie: `affinity=${cookieValue(first.setCookie[0])}`, host: OTHER_POD });
  assert.equal(moved.asked, POD);
  assert.deepEqual(moved.setCookie, []);
  assert.deepEqual(moved.responseHeaders.all(HOST_HEADER), []);
});

test("a client's own pinning header steers nothing", () => {
  const root = sampleRoot();
  const evil = hostValue("10.66.66.66:9080");
  const cookies = {
    none: [],
    valid: [`affinity=${sampleToken(POD)}`],
    bad: ["affinity=AAAA"],
    foreign: [`affinity=${sampleToken(POD, { scope: "default/other:80" })}`],
    second: ["theme=dark", `affinity=${sampleToken(POD)}`],
  };
  const names = [
    [HOST_HEADER],
    ["X-Affinity-Host"],
    [HOST_HEADER, HOST_HEADER],
    [HOST_HEADER, "X-AFFINITY-HOST"],
  ];
  for (const lines of names) {
    for (const value of [evil, "", "not base64 !", hostValue(POD)]) {
      for (const [kind, cookie] of Object.entries(cookies)) {
        const request = lines.map((name) => [name, value] as const);
        const isPinned = kind === "valid" || kind === "second";
        const seen = visit(root, { cookie, host: POD, request });
        const expected = isPinned ? [hostValue(POD)] : [];
        assert.deepEqual(seen.requestHeaders.all(HOST_HEADER), expected, `${lines} = ${value}, ${kind}`);
        assert.equal(seen.setCookie.length, isPinned ? 0 : 1, `${lines} = ${value}, ${kind}`);
      }
    }
  }
});

test("a local reply sets no cookie, with a cookie in the request or without", () => {
  const root = sampleRoot();
  for (const cookie of [[], [`affinity=${sampleToken(POD)}`], ["affinity=bad"]]) {
    const reply = visit(root, { cookie, response: [[":status", "503"]] });
    assert.deepEqual(reply.responseHeaders.lines, [[":status", "503"]]);
  }
});

test("a local reply that names the pod that was tried last sets no cookie, and the name comes off", () => {
  const root = sampleRoot();
  for (const cookie of [[], [`affinity=${sampleToken(POD)}`], ["affinity=bad"]]) {
    const details = "upstream_reset_before_response_started{remote_connection_failure}";
    const response = [[":status", "503"]] as const;
    const reply = visit(root, { cookie, host: OTHER_POD, response, details });
    assert.deepEqual(reply.responseHeaders.lines, [[":status", "503"]]);
  }
});

test("a host that knows no details of a response gets its cookie all the same", () => {
  const stream = sampleRoot().stream();
  stream.request([[":path", "/"]]);
  const answer = stream.respond([[HOST_HEADER, hostValue(POD)]]);
  assert.equal(answer.all("set-cookie").length, 1);
});

test("whatever the pod sets stays, beside our cookie", () => {
  const response = [
    [":status", "200"],
    ["set-cookie", "session=abc; Path=/"],
    ["set-cookie", "affinity=of-the-pod"],
    ["cache-control", "no-store"],
  ] as const;
  const { setCookie, responseHeaders } = visit(sampleRoot(), { host: POD, response });
  assert.equal(setCookie.length, 3);
  assert.deepEqual(
    setCookie.filter((line) => !line.includes("SameSite")),
    ["session=abc; Path=/", "affinity=of-the-pod"],
  );
  assert.deepEqual(responseHeaders.all("cache-control"), ["no-store"]);
});

test("an upgrade (101) and a gRPC stream are pinned like any other request", () => {
  const root = sampleRoot();
  const upgrade = visit(root, {
    host: POD,
    request: [["upgrade", "websocket"]],
    response: [[":status", "101"]],
  });
  assert.equal(opened(cookieValue(upgrade.setCookie[0])).endpoint, POD);
  const request = [["content-type", "application/grpc"]] as const;
  assert.equal(visit(root, { cookie: `affinity=${sampleToken(POD)}`, host: POD, request }).asked, POD);
});

test("the pinning header may have another name, and then x-affinity-host means nothing", () => {
  const root = sampleRoot({ hostHeader: "x-pod" });
  const request = [["x-pod", "client"]] as const;
  const pinned = visit(root, { cookie: `affinity=${sampleToken(POD)}`, request });
  assert.deepEqual(pinned.requestHeaders.all("x-pod"), [hostValue(POD)]);
  assert.equal(pinned.asked, null);
  const response = [
    [":status", "200"],
    ["x-pod", hostValue(OTHER_POD)],
  ] as const;
  const answered = visit(root, { request, response });
  assert.deepEqual(answered.requestHeaders.all("x-pod"), []);
  assert.deepEqual(answered.responseHeaders.all("x-pod"), []);
  assert.equal(opened(cookieValue(answered.setCookie[0])).endpoint, OTHER_POD);
});
