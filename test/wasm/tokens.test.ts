import assert from "node:assert/strict";
import { test } from "node:test";
import { openToken, sealToken, type TokenKey } from "../../cli/token.ts";
import { Vm, type Root } from "./host.ts";
import { Random } from "./random.ts";
import { base64, KEY, opened, POD, sampleRoot, sampleToken } from "./sample.ts";
import { tokenRows, type TokenRow } from "../support/vectors.ts";
import { cookieValue, visit } from "./visit.ts";

const TOKEN_NAME_SIGNS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function keyOf(row: TokenRow): TokenKey {
  return { id: row.keyId, bytes: Buffer.from(row.key, "base64") };
}

function rootOf(row: TokenRow): Root {
  const cookie = { secure: true };
  const keys = [{ id: row.keyId, secret: row.key }];
  return sampleRoot({ scope: row.scope, sessionName: row.sessionName, keys, cookie });
}

test("every token of the vectors is what Node's crypto seals, and opens to its fields", () => {
  assert.ok(tokenRows.opens.length > 20);
  for (const row of tokenRows.opens) {
    const { issued, seen, endpoint } = row;
    const cluster = row.cluster === undefined ? {} : { cluster: row.cluster };
    const secure = row.secure ? { secure: true } : {};
    const fields = { issued, seen, session: BigInt(`0x${row.session}`), endpoint, ...cluster, ...secure };
    assert.equal(sealToken(fields, keyOf(row), row, Buffer.from(row.nonce, "hex")), row.token, row.it);
    assert.deepEqual(openToken(row.token, [keyOf(row)], row), { keyId: row.keyId, ...fields }, row.it);
  }
});

test("every token of the vectors pins the request to its endpoint", () => {
  for (const row of tokenRows.opens) {
    const seen = visit(rootOf(row), { cookie: `${row.sessionName}=${row.token}` });
    assert.equal(seen.asked, row.endpoint === "" ? null : row.endpoint, row.it);
  }
});

test("every refused token of the vectors is a new client's, and opens nowhere", () => {
  assert.ok(tokenRows.refused.length > 20);
  for (const row of tokenRows.refused) {
    assert.equal(openToken(row.token, [keyOf(row)], row), null, row.it);
    const seen = visit(rootOf(row), { cookie: `${row.sessionName}=${row.token}`, host: POD });
    assert.equal(seen.asked, null, `${row.it}: ${row.why}`);
    assert.equal(seen.setCookie.length, 1, row.it);
    assert.equal(
      opened(cookieValue(seen.setCookie[0]), { ...row, keys: [keyOf(row)] }).endpoint,
      POD,
      row.it,
    );
  }
});

test("a token with any of its bits flipped makes a new client", () => {
  const root = sampleRoot();
  for (const endpoint of [POD, "[2001:db8::1]:9080", "/run/pod.sock"]) {
    const bytes = Buffer.from(sampleToken(endpoint), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expectNewClient(root, bytes.toString("base64url"), `bit ${bit} of ${endpoint}`);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  }
});

test("a token's text with any bit of any character flipped makes a new client", () => {
  const root = sampleRoot();
  const token = sampleToken(POD);
  for (let at = 0; at < token.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = String.fromCharCode(token.charCodeAt(at) ^ (1 << bit));
      expectNewClient(
        root,
        token.slice(0, at) + changed + token.slice(at + 1),
        `bit ${bit} of character ${at}`,
      );
    }
  }
});

test("a token that is cut or goes on, anywhere, makes a new client", () => {
  const root = sampleRoot();
  const token = sampleToken(POD);
  for (let at = 0; at < token.length; at++) {
    expectNewClient(root, token.slice(0, at), `the first ${at}`);
    expectNewClient(root, token.slice(at + 1), `all behind ${at}`);
    expectNewClient(root, `${token.slice(0, at)}A${token.slice(at)}`, `an A at ${at}`);
  }
  for (const more of ["A", "AA", "AAA", "AAAA", "=", "==", " x", "A".repeat(400), token]) {
    expectNewClient(root, token + more, `followed by ${more}`);
  }
});

test("thousands of random values make new clients and never trap", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  for (let turn = 0; turn < 5000; turn++) {
    const bytes = random.bytes(random.below(420));
    // A head that gets past the first look, often.
    if (bytes.length > 2 && turn % 4 > 0) bytes.set([1, KEY.id]);
    const cookie = `affinity=${turn % 5 === 0 ? bytes.toString("latin1").replace(/[\0\r\n;]/g, "x") : bytes.toString("base64url")}`;
    const seen = visit(root, { cookie, host: POD });
    assert.equal(seen.asked, null, cookie);
    assert.equal(seen.setCookie.length, 1, cookie);
  }
});

test("thousands of tokens open in both directions, under random keys, scopes, names, endpoints and clocks", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const vm = new Vm();
  for (let round = 0; round < 150; round++) {
    const key: TokenKey = { id: random.below(256), bytes: random.bytes(32) };
    const scope = random.text(1 + random.below(80), "abcXYZ019/:.-_{}\"\\'~!");
    const sessionName = random.text(1 + random.below(30), TOKEN_NAME_SIGNS);
    const root = sampleRoot({ scope, sessionName, keys: [{ id: key.id, secret: base64(key) }] }, vm);
    for (let turn = 0; turn < 40; turn++) {
      vm.now = random.u32();
      const endpoint = randomEndpoint(random);
      const first = visit(root, { host: endpoint });
      const token = opened(cookieValue(first.setCookie[0]), { keys: [key], scope, sessionName });
      const { session, ...rest } = token;
      assert.deepEqual(rest, { keyId: key.id, issued: vm.now, seen: vm.now, endpoint });
      const fields = { issued: random.u32(), seen: random.u32(), session, endpoint };
      const value = sealToken(fields, key, { scope, sessionName }, random.bytes(12));
      const next = visit(root, { cookie: `${sessionName}=${value}`, host: endpoint });
      assert.equal(next.asked, endpoint);
      assert.deepEqual(next.setCookie, []);
    }
    root.close();
  }
});

function expectNewClient(root: Root, value: string, what: string): void {
  // NUL, CR and LF cannot be in a header, and a semicolon or a blank may end the value before the change.
  if (/[\0\r\n; \t]/.test(value)) return;
  const seen = visit(root, { cookie: `affinity=${value}`, host: POD });
  assert.equal(seen.asked, null, what);
  assert.equal(seen.setCookie.length, 1, what);
}

function randomEndpoint(random: Random): string {
  switch (random.below(4)) {
    case 0:
      return `[2001:db8::${(1 + random.below(65535)).toString(16)}]:${random.below(65536)}`;
    case 1:
      return `/${random.text(random.below(255), "abc/._-0123456789")}`;
    default:
      return random.ipv4();
  }
}
