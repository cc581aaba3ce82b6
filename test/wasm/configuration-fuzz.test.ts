import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm } from "./host.ts";
import { Random } from "./random.ts";
import { base64, KEY, POD, sampleConfiguration } from "./sample.ts";
import { visit } from "./visit.ts";

const SECRET = base64(KEY);
const VALID = JSON.stringify({
  ...sampleConfiguration(),
  mode: "persistent",
  sessionName: "affinity",
  keys: [
    { id: 2, env: "AFFINITY_KEY" },
    { id: 1, secret: SECRET },
  ],
  onHostChange: "keep",
  cookie: {
    path: "/",
    domain: "a.example",
    secure: "auto",
    httpOnly: true,
    sameSite: "None",
    partitioned: true,
  },
  hostHeader: "x-affinity-host",
});

/** Configures a root: it serves when it is accepted, says why when not, never traps and never shows the key. */
function tryConfiguration(vm: Vm, configuration: string | Uint8Array): boolean {
  const root = vm.root({ configuration });
  if (root.accepted) visit(root, { host: POD, cookie: "affinity=x" });
  else assert.ok(root.logs.length > 0, `refused without a word: ${configuration}`);
  root.close();
  // A mutation may make the key a part of some other value, which no one could tell.
  const isKept = Buffer.from(configuration).includes(`"secret":"${SECRET}"`);
  for (const { text } of isKept ? root.logs : []) {
    for (let at = 0; at + 12 <= SECRET.length; at++) {
      assert.equal(text.includes(SECRET.slice(at, at + 12)), false, `shows a part of the key: ${text}`);
    }
  }
  return root.accepted;
}

function newVm(): Vm {
  return new Vm({ env: { AFFINITY_KEY: SECRET, "": "", "=": "=" } });
}

test("the configuration that the mutations start from is valid", () => {
  assert.equal(tryConfiguration(newVm(), VALID), true);
});

test("each bit flip of a valid configuration is accepted or refused with a reason, and never traps", () => {
  const vm = newVm();
  const bytes = Buffer.from(VALID);
  let refused = 0;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    if (!tryConfiguration(vm, bytes)) refused++;
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  assert.ok(refused > bytes.length, `only ${refused} were refused`);
});

test("a valid configuration that ends early is refused, wherever it ends", () => {
  const vm = newVm();
  for (let end = 0; end < VALID.length; end++) {
    assert.equal(tryConfiguration(vm, VALID.slice(0, end)), false, VALID.slice(0, end));
  }
});

test("thousands of random mutations never trap", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const vm = newVm();
  const pieces = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\\",
    "\\u",
    "\\ud83d",
    "\\ude00",
    "null",
    "true",
    "1e9",
    "-",
    "0",
  ];
  pieces.push(
    " ",
    "\n",
    "\0",
    "\xff",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    '"keys":',
    '"id":',
    "{}",
  );
  for (let turn = 0; turn < 6000; turn++) {
    let text = VALID;
    for (let count = 1 + random.below(4); count > 0; count--) {
      const from = random.below(text.length + 1);
      const to = random.below(3) === 0 ? random.below(text.length + 1) : from + random.below(8);
      const piece =
        random.below(4) === 0 ? text.slice(Math.min(from, to), Math.max(from, to)) : random.pick(pieces);
      text = text.slice(0, from) + piece + text.slice(Math.max(from, to));
    }
    tryConfiguration(vm, Buffer.from(text, "latin1"));
  }
});

test("random bytes are refused and never trap", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const vm = newVm();
  for (let turn = 0; turn < 2000; turn++) {
    assert.equal(tryConfiguration(vm, random.bytes(random.below(300))), false);
  }
});

test("nesting of 100,000 levels is refused and never traps", () => {
  const vm = newVm();
  const levels = 100_000;
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
    ['[{"a":', "}]"],
  ] as const) {
    const deep = `${open.repeat(levels)}1${close.repeat(levels)}`;
    for (const text of [
      deep,
      open.repeat(levels),
      VALID.replace("{", `{"scope":${deep},`),
      VALID.replace('"keep"', deep),
      VALID.replace('{"path"', `{"path":${deep},"domain"`),
      VALID.replace("[{", `[${deep},{`),
    ]) {
      assert.equal(tryConfiguration(vm, text), false, text.slice(0, 80));
    }
  }
});

test("huge numbers, strings, arrays and objects are refused and never trap", () => {
  const vm = newVm();
  const many = (text: string, count: number): string => Array.from({ length: count }, () => text).join(",");
  const values = [
    "1e999999999",
    "-1e-999999999",
    "9".repeat(100_000),
    `0.${"1".repeat(100_000)}`,
    "18446744073709551617",
  ];
  values.push(`"${"x".repeat(1_000_000)}"`, `"${"\\u00e9".repeat(100_000)}"`, `"${"\\n".repeat(100_000)}"`);
  values.push(`[${many("0", 100_000)}]`, `[${many("{}", 20_000)}]`, `{${many('"a":1', 50_000)}}`);
  for (const value of values) {
    for (const name of ["scope", "sessionName", "keys", "cookie", "onHostChange", "unknown"]) {
      const text = VALID.replace(`"${name}"`, `"was-${name}"`).replace("{", `{"${name}":${value},`);
      assert.equal(tryConfiguration(vm, text), false, text.slice(0, 80));
    }
    assert.equal(tryConfiguration(vm, VALID.replace('"id":2', `"id":${value}`)), false, value.slice(0, 80));
  }
});

test("lone surrogates and broken UTF-8 in any text are refused and never trap", () => {
  const vm = newVm();
  const broken = ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud800x", "\\u0000", "\\uffff"];
  broken.push(
    "\xff",
    "\x80",
    "\xc3",
    "\xe2\x82",
    "\xc0\xaf",
    "\xed\xa0\x80",
    "\xf8\x88\x80\x80\x80",
    "\xf4\x90\x80\x80",
  );
  for (const piece of broken) {
    for (const text of [
      "default",
      "affinity",
      "/",
      "a.example",
      "auto",
      "keep",
      "x-affinity-host",
      "AFFINITY_KEY",
    ]) {
      const spoilt = VALID.replace(`"${text}`, `"${piece}${text}`);
      assert.notEqual(spoilt, VALID);
      assert.equal(tryConfiguration(vm, Buffer.from(spoilt, "latin1")), false, JSON.stringify(spoilt));
    }
  }
});
