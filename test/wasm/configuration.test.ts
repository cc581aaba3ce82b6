import assert from "node:assert/strict";
import { test } from "node:test";
import { LogLevel } from "./abi.ts";
import { Vm } from "./host.ts";
import { base64, KEY, NOW, opened, POD, sampleConfiguration, sampleKey, sampleRoot } from "./sample.ts";
import { configurationRows } from "../support/vectors.ts";
import { cookieValue, visit } from "./visit.ts";

for (const { it, configuration, path, value } of configurationRows) {
  test(`refused, with its path and what would be right: ${it}`, () => {
    const root = new Vm().root({ configuration });
    assert.equal(root.accepted, false);
    const lines = root.logs.map((line) => line.text);
    const shown = value === "" ? path : `${path} = ${value}`;
    const line = lines.find((text) => text.includes(shown));
    assert.ok(line !== undefined, `expected a line with ${shown}, received:\n${lines.join("\n")}`);
    // Behind path and value: the reason; the remedy.
    assert.match(line.slice(line.indexOf(shown) + shown.length), /: \S.{5,}; \S.{5,}$/);
    assert.ok(root.logs.every(({ level }) => level >= LogLevel.error));
  });
}

test("each of several mistakes is named at once", () => {
  const more = { sessionName: "", onHostChange: "x", cookie: { path: "y" }, hostHeader: "z z" };
  const text = new Vm()
    .root({ configuration: sampleConfiguration(more) })
    .logs.map((line) => line.text)
    .join("\n");
  for (const path of ["$.sessionName", "$.onHostChange", "$.cookie.path", "$.hostHeader"]) {
    assert.ok(text.includes(`${path} = `), `${path} is missing in:\n${text}`);
  }
});

test("what is not JSON is refused with the place, and never traps", () => {
  const valid = JSON.stringify(sampleConfiguration());
  const texts = [
    "",
    " ",
    "{",
    "}",
    "[]",
    "null",
    "5",
    '"x"',
    "true",
    valid.slice(0, -1),
    `${valid}x`,
    `${valid}${valid}`,
  ];
  texts.push(valid.replace("{", "{,"), valid.replace("}", ",}"), valid.replaceAll('"', "'"), `/**/${valid}`);
  texts.push(
    valid.replace('"id":1', '"id":01'),
    valid.replace('"id":1', '"id":+1'),
    valid.replace('"id":1', '"id":1.'),
  );
  texts.push(
    valid.replace('"id":1', '"id":NaN'),
    valid.replace('"id":1', '"id":0x1'),
    valid.replace('"id":1', '"id"'),
  );
  texts.push(
    valid.replace("default", "def\u0001ault"),
    valid.replace("default", "\\x41"),
    valid.replace("default", "\\u12g4"),
  );
  const vm = new Vm();
  for (const configuration of texts) {
    const root = vm.root({ configuration });
    assert.equal(root.accepted, false, configuration);
    assert.equal(root.logs.length, 1, configuration);
    assert.match(root.logs[0]!.text, /\$.*: \S.{5,}; \S.{5,}$/, configuration);
  }
});

test("a field that stands twice is refused, in every object", () => {
  const valid = JSON.stringify(sampleConfiguration({ cookie: { path: "/a" } }));
  const twice = [
    [valid.replace("{", '{"scope":"other",'), "scope"],
    [valid.replace('{"path"', '{"path":"/b","path"'), "path"],
    [valid.replace('{"id"', '{"id":2,"id"'), "id"],
    [valid.replace("{", '{"\\u0073cope":"other",'), "scope"],
  ] as const;
  for (const [configuration, name] of twice) {
    const root = new Vm().root({ configuration });
    assert.equal(root.accepted, false, configuration);
    assert.ok(root.logs[0]!.text.includes(name), root.logs[0]!.text);
  }
});

test("the defaults may be written out, and so may what only a later version changes", () => {
  const more = {
    mode: "persistent",
    type: "Cookie",
    sessionName: "affinity",
    onHostChange: "repin",
    hostHeader: "x-affinity-host",
    stripFromRequest: false,
    preventCaching: false,
    cookie: {
      path: "/",
      domain: "",
      secure: "auto",
      httpOnly: true,
      sameSite: "Lax",
      conditionalSameSiteNone: false,
      partitioned: false,
      lifetimeType: "Session",
    },
  };
  const written = visit(sampleRoot(more), { host: POD }).setCookie[0]!;
  assert.match(written, /^affinity=[A-Za-z0-9_-]{71}; Path=\/; HttpOnly; SameSite=Lax$/);
});

test("numbers and text as another JSON writer spells them are read alike", () => {
  const configuration = ` {"keys" :[ {"id":1.0,\t"secret":"${base64(KEY).replaceAll("/", "\\/")}"} ],\r\n "scope":"\\u0061\\/b"}\n`;
  const root = new Vm().root({ configuration });
  assert.equal(root.accepted, true, root.logs[0]?.text);
  assert.equal(opened(cookieValue(visit(root, { host: POD }).setCookie[0]), { scope: "a/b" }).issued, NOW);
});

test("without a scope the plugin's name stands in, and without either the configuration is refused", () => {
  const configuration = sampleConfiguration({ scope: undefined });
  const root = new Vm().root({ name: "shop/cart", configuration });
  assert.equal(root.accepted, true);
  assert.equal(
    opened(cookieValue(visit(root, { host: POD }).setCookie[0]), { scope: "shop/cart" }).endpoint,
    POD,
  );
  const nameless = new Vm().root({ name: "", configuration });
  assert.equal(nameless.accepted, false);
  assert.ok(nameless.logs[0]!.text.includes("$.scope"), nameless.logs[0]!.text);
});

test("name prefixes are accepted where their rules are kept", () => {
  for (const [sessionName, cookie, end] of [
    ["__Host-a", { secure: true }, "Path=/; Secure; HttpOnly; SameSite=Lax"],
    [
      "__Secure-a",
      { secure: true, path: "/x", domain: "a.b" },
      "Domain=a.b; Path=/x; Secure; HttpOnly; SameSite=Lax",
    ],
  ] as const) {
    const [line] = visit(sampleRoot({ sessionName, cookie }), { host: POD }).setCookie;
    assert.equal(line!.slice(line!.indexOf("; ") + 2), end);
  }
});

test("no log line ever shows a key, wherever in the configuration it was put", () => {
  const secret = base64(sampleKey(9));
  const wrong = [
    { keys: secret },
    { keys: [secret] },
    { keys: { id: 1, secret } },
    { keys: [{ id: 1, secrets: secret }] },
    { keys: [{ id: 1, secret: [secret] }] },
    { keys: [{ id: 1, secret: `${secret}=` }] },
    { keys: [{ id: 1, secret: secret.slice(0, 30) }] },
    { keys: [{ id: secret, env: "KEY" }] },
    { keys: [{ id: 1, env: secret }] },
    { keys: [{ id: 1, env: "KEY", secret }] },
    { keys: [{ id: 1, env: "KEY" }] },
    { key: secret },
    { secret },
    { debug: { header: "x", secret } },
  ];
  for (const more of wrong) {
    const root = new Vm({ env: { KEY: `${secret}x` } }).root({ configuration: sampleConfiguration(more) });
    assert.equal(root.accepted, false, JSON.stringify(more));
    const text = root.logs.map((line) => line.text).join("\n");
    assert.equal(text.includes(secret.slice(0, 12)), false, `${JSON.stringify(more)} is shown:\n${text}`);
  }
});

test("a root that was refused lets every request through, without pin or cookie", () => {
  const vm = new Vm();
  const root = vm.root({ configuration: "{}" });
  assert.equal(root.accepted, false);
  const seen = visit(root, { cookie: "affinity=x", host: POD });
  assert.deepEqual(seen.setCookie, []);
  root.close();
  assert.equal(visit(sampleRoot({}, vm), { host: POD }).setCookie.length, 1);
});
