import assert from "node:assert/strict";
import { test } from "node:test";
import type { TokenKey } from "../../cli/token.ts";
import { Vm, type Root } from "./host.ts";
import {
  base64,
  opened,
  OTHER_POD,
  POD,
  sampleConfiguration,
  sampleKey,
  sampleRoot,
  sampleToken,
} from "./sample.ts";
import { cookieValue, visit } from "./visit.ts";

const OLD = sampleKey(1);
const NEW = sampleKey(2);

function rootWith(keys: readonly TokenKey[]): Root {
  return sampleRoot({ keys: keys.map((key) => ({ id: key.id, secret: base64(key) })) });
}

test("the first key seals and all open, in either order", () => {
  for (const keys of [
    [NEW, OLD],
    [OLD, NEW],
  ]) {
    const root = rootWith(keys);
    const sealed = opened(cookieValue(visit(root, { host: POD }).setCookie[0]), { keys });
    assert.equal(sealed.keyId, keys[0]!.id);
    for (const key of keys) {
      const seen = visit(root, { cookie: `affinity=${sampleToken(POD, { key })}`, host: POD });
      assert.equal(seen.asked, POD, `key ${key.id}`);
      // What another than the first has sealed is sealed anew.
      const expected = key === keys[0] ? [] : [keys[0]!.id];
      assert.deepEqual(
        seen.setCookie.map((line) => opened(cookieValue(line), { keys }).keyId),
        expected,
        `key ${key.id}`,
      );
    }
  }
});

test("a session that moves after a rotation goes on under the new key", () => {
  const root = rootWith([NEW, OLD]);
  const value = sampleToken(POD, { key: OLD });
  const moved = visit(root, { cookie: `affinity=${value}`, host: OTHER_POD });
  assert.equal(moved.asked, POD);
  const after = opened(cookieValue(moved.setCookie[0]), { keys: [NEW] });
  const before = opened(value, { keys: [OLD] });
  assert.deepEqual([after.session, after.issued, after.endpoint], [before.session, before.issued, OTHER_POD]);
});

test("a key that was taken out opens nothing any more, also when another key has its id", () => {
  const cookie = `affinity=${sampleToken(POD, { key: OLD })}`;
  for (const keys of [[NEW], [NEW, sampleKey(OLD.id, "another")]]) {
    const seen = visit(rootWith(keys), { cookie, host: POD });
    assert.equal(seen.asked, null);
    assert.equal(opened(cookieValue(seen.setCookie[0]), { keys: [NEW] }).endpoint, POD);
  }
});

test("255 older keys all open", () => {
  const keys = Array.from({ length: 256 }, (_, index) => sampleKey(255 - index));
  const root = rootWith(keys);
  assert.equal(opened(cookieValue(visit(root, { host: POD }).setCookie[0]), { keys }).keyId, 255);
  for (const key of keys) {
    assert.equal(
      visit(root, { cookie: `affinity=${sampleToken(POD, { key })}` }).asked,
      POD,
      `key ${key.id}`,
    );
  }
});

test("a key comes from the environment of the VM as well as from the configuration", () => {
  const env = { OTHER: "x", AFFINITY_KEY: base64(NEW), AFFINITY_KEY_2: base64(sampleKey(3)), EMPTY: "" };
  const vm = new Vm({ env });
  const root = sampleRoot(
    {
      keys: [
        { id: 2, env: "AFFINITY_KEY" },
        { id: 1, secret: base64(OLD) },
      ],
    },
    vm,
  );
  assert.equal(opened(cookieValue(visit(root, { host: POD }).setCookie[0]), { keys: [NEW] }).keyId, 2);
  assert.equal(visit(root, { cookie: `affinity=${sampleToken(POD, { key: OLD })}` }).asked, POD);
});

test("a key in the environment is refused when it is not base64 of 32 bytes, under the variable's name", () => {
  const key = base64(NEW);
  const short = Buffer.from(NEW.bytes).subarray(1).toString("base64");
  const long = Buffer.concat([NEW.bytes, Buffer.from("x")]).toString("base64");
  const double = Buffer.concat([NEW.bytes, NEW.bytes]).toString("base64");
  for (const value of ["", "x", short, long, double, key.slice(0, -1), `!${key.slice(1)}`, `${key}${key}`]) {
    const root = new Vm({ env: { SOME_KEY: value } }).root({
      configuration: sampleConfiguration({ keys: [{ id: 1, env: "SOME_KEY" }] }),
    });
    assert.equal(root.accepted, false, value);
    const text = root.logs.map((line) => line.text).join("\n");
    assert.ok(text.includes('$.keys[0].env = "SOME_KEY"'), text);
    assert.ok(value.length < 12 || !text.includes(value.slice(0, 12)), text);
  }
});

test("a key in the configuration is refused when it is not base64 of 32 bytes", () => {
  const key = base64(NEW);
  for (const secret of [
    "",
    "x",
    key.slice(4),
    `${key}AAAA`,
    key.slice(0, -1),
    `${key.slice(0, -2)}==`,
    `*${key.slice(1)}`,
    5,
  ]) {
    const configuration = sampleConfiguration({ keys: [{ id: 1, secret }] });
    const root = new Vm().root({ configuration });
    assert.equal(root.accepted, false, String(secret));
    assert.ok(root.logs[0]!.text.includes("$.keys[0].secret"), root.logs[0]!.text);
  }
});

test("another gateway with the same key opens the cookie, also after a restart", () => {
  const value = cookieValue(visit(rootWith([NEW]), { host: POD }).setCookie[0]);
  for (let restart = 0; restart < 3; restart++) {
    const seen = visit(rootWith([NEW]), { cookie: `affinity=${value}`, host: POD });
    assert.equal(seen.asked, POD);
    assert.deepEqual(seen.setCookie, []);
  }
});
