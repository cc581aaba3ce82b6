import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "./random.ts";
import { opened, POD, sampleRoot, sampleToken } from "./sample.ts";
import { cookieValue, HOST_HEADER, hostValue, visit } from "./visit.ts";

const ENDPOINTS = [
  "10.0.0.1:9080",
  "0.0.0.0:0",
  "255.255.255.255:65535",
  "[::1]:8080",
  "[::]:0",
  "[2001:db8::8:800:200c:417a]:65535",
  "[2001:db8:0:1:1:1:1:1]:80",
  "[2001:0:0:1::1]:80",
  "[::ffff:10.0.0.1]:80",
  "[::10.0.0.1]:80",
  "[fe80::1%3]:80",
  "[FE80::1]:80",
  "[2001:db8:0:0:0:0:0:1]:80",
  "[::1]:",
  "[::1]",
  "[::1:80",
  "10.0.0.1",
  "10.0.0.01:80",
  "10.0.0.256:80",
  "10.0.0.1:65536",
  "10.0.0.1:080",
  "10.0.0.1:",
  "1.2.3:80",
  "1.2.3.4.5:80",
  "/var/run/pods/session.sock",
  "@abstract-socket",
  "envoy://internal_listener/7",
  "pod-7.default.svc:9080",
  "x",
  "\u00e9\u00ff\u0080 bytes above ASCII",
  "s".repeat(255),
];

test("every endpoint that fits comes back byte for byte, in the cookie and in the request", () => {
  const root = sampleRoot();
  for (const host of ENDPOINTS) {
    const first = visit(root, { host });
    assert.equal(first.setCookie.length, 1, host);
    const value = cookieValue(first.setCookie[0]);
    assert.equal(opened(value).endpoint, host);
    assert.equal(visit(root, { cookie: `affinity=${value}`, host }).asked, host);
    assert.equal(visit(root, { cookie: `affinity=${sampleToken(host)}`, host }).asked, host);
  }
});

test("IPv4 takes 71 characters and IPv6 87, whatever the address and the port", () => {
  const root = sampleRoot();
  const length = (host: string): number => cookieValue(visit(root, { host }).setCookie[0]).length;
  for (const host of ["0.0.0.0:0", "10.0.0.1:80", "255.255.255.255:65535"])
    assert.equal(length(host), 71, host);
  // 2 + 12 + (16 + 1 + 18) + 16 bytes, four characters for three.
  for (const host of ["[::]:0", "[::1]:65535", "[1:2:3:4:5:6:7:8]:80", "[::ffff:1.2.3.4]:1"]) {
    assert.equal(length(host), 87, host);
  }
});

test("thousands of random IPv6 addresses read as inet_ntop writes them", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  for (let turn = 0; turn < 3000; turn++) {
    // Many zero groups, so that runs of every length and place occur.
    const groups = Array.from({ length: 8 }, () => random.pick([0, 0, 0, 1, 0xffff, random.below(65536)]));
    const port = random.below(65536);
    const host = `[${new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname.slice(1, -1)}]:${port}`;
    // WHATWG's text differs from inet_ntop's where that writes a dotted quad: in what starts with five zero groups.
    if (groups.slice(0, 5).every((group) => group === 0)) continue;
    const value = cookieValue(visit(root, { host }).setCookie[0]);
    assert.equal(value.length, 87, host);
    assert.equal(opened(value).endpoint, host);
    assert.equal(visit(root, { cookie: `affinity=${sampleToken(host)}`, host }).asked, host);
  }
});

test("an endpoint that no token can hold sets no cookie, and the header comes off", () => {
  const root = sampleRoot();
  for (const host of ["s".repeat(256), "s".repeat(5000), "s".repeat(300_000)]) {
    for (const cookie of [[], [`affinity=${sampleToken(POD)}`]]) {
      const seen = visit(root, { host, cookie });
      assert.deepEqual(seen.setCookie, [], `${host.length} characters`);
      assert.deepEqual(seen.responseHeaders.all(HOST_HEADER), [], `${host.length} characters`);
    }
  }
});

test("a pinning header in the response that is no base64 comes off, and nothing else happens", () => {
  const root = sampleRoot();
  const broken = [
    "!",
    "%%%%",
    "MTAuMC4wLjE6OD",
    "MTAuMC4wLjE6ODA",
    "====",
    "M",
    "",
    "a b",
    hostValue(POD).slice(1),
  ];
  for (const value of broken) {
    for (const cookie of [[], [`affinity=${sampleToken(POD)}`], ["affinity=bad"]]) {
      const response = [
        [":status", "200"],
        [HOST_HEADER, value],
      ] as const;
      const seen = visit(root, { cookie, response });
      assert.deepEqual(seen.responseHeaders.lines, [[":status", "200"]], value);
    }
  }
});

test("a doubled pinning header in the response leaves no line of it", () => {
  const lines = [
    [":status", "200"],
    [HOST_HEADER, hostValue(POD)],
    [HOST_HEADER, "x"],
  ] as const;
  const { responseHeaders } = visit(sampleRoot(), { response: lines });
  assert.deepEqual(responseHeaders.all(HOST_HEADER), []);
});

test("thousands of random bytes as the answering host never trap", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  for (let turn = 0; turn < 5000; turn++) {
    const shape = random.pick(["0123456789.:", "0123456789abcdef:[].", "[]:.%/@AZaz09", "\u0001\u00ff :["]);
    const host = random.text(1 + random.below(60), shape);
    const value = cookieValue(visit(root, { host }).setCookie[0]);
    assert.equal(opened(value).endpoint, host);
    assert.equal(visit(root, { cookie: `affinity=${value}`, host }).asked, host);
  }
});
