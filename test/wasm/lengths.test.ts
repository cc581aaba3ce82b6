import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm } from "./host.ts";
import { Random } from "./random.ts";
import { POD, sampleRoot, sampleToken } from "./sample.ts";
import { cookieValue, visit } from "./visit.ts";

// The token of an IPv4 pod, design of version 1: 2 + 12 + 16 + 7 + 16 bytes, 4 more where a version stands in it.
const TOKEN = 71;
const TOKEN_WITH_CLUSTER = 76;
const ADDRESSES = ["0.0.0.0", "1.2.3.4", "10.0.0.1", "10.244.1.7", "192.168.100.200", "255.255.255.255"];

function address(random: Random, port: number): string {
  if (port % 2 === 0) return ADDRESSES[(port / 2) % ADDRESSES.length]!;
  return [...random.bytes(4)].join(".");
}

test("Set-Cookie has one length for every port from 1 to 65535, short addresses and long, any session and time", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const vm = new Vm();
  const root = sampleRoot({}, vm);
  const lengths = new Map<number, string>();
  for (let port = 1; port <= 65_535; port++) {
    const host = `${address(random, port)}:${port}`;
    vm.now = random.u32();
    const [line = assert.fail(`${host}: no cookie`)] = visit(root, { host }).setCookie;
    assert.equal(cookieValue(line).length, TOKEN, host);
    lengths.set(line.length, host);
  }
  assert.equal(lengths.size, 1, [...lengths].join("; "));
});

test("the same holds in a header, and with a version in the token, whichever it is", () => {
  const random = new Random();
  const names = ["a", "session-svc", `v${"1".repeat(60)}`];
  const inHeader = sampleRoot({ type: "Header", sessionName: "x-session" });
  const withCluster = sampleRoot({ cluster: { names } });
  for (let port = 1; port <= 65_535; port += 13) {
    const host = `${address(random, port)}:${port}`;
    assert.equal(visit(inHeader, { host }).responseHeaders.first("x-session")?.length, TOKEN, host);
    const { setCookie } = visit(withCluster, { host, cluster: random.pick(names) });
    assert.equal(cookieValue(setCookie[0]).length, TOKEN_WITH_CLUSTER, host);
  }
});

test("a response looks the same whether a forged cookie, an old one or none came", () => {
  const root = sampleRoot({ idleTimeout: "30m" });
  const token = sampleToken(POD);
  const cookies = [
    undefined,
    "x",
    `${token.slice(0, -2)}AA`,
    sampleToken(POD, { issued: 1 }),
    token.repeat(4),
  ];
  const shapes = cookies.map((value) => {
    const seen = visit(root, { host: POD, ...(value === undefined ? {} : { cookie: `affinity=${value}` }) });
    return seen.responseHeaders.lines.map(([name, text]) => `${name}: ${text.length}`).join();
  });
  assert.equal(new Set(shapes).size, 1, shapes.join("; "));
});
