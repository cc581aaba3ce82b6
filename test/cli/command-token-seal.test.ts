import { deepEqual, equal, match, ok } from "node:assert/strict";
import { shippedBinding } from "../../cli/gateway.ts";
import { test } from "../support/check.ts";
import { tokenRows } from "../support/vectors.ts";
import { commandLine, temporary } from "./command-line.ts";

const NOW = 1_800_000_000;
const [row] = tokenRows.opens as [(typeof tokenRows.opens)[number]];
const KEY = row.key;
const OTHER_KEY = "ZWdxkF4e9zH2XNCg2fsGEjg4ChoBLmq9+Ebsx9LqNv0=";
const env = { AFFINITY_KEY: KEY, OTHER_KEY };

test("the defaults are what the shipped gateway seals under", async () => {
  const { scope, sessionName, keyId } = shippedBinding();
  const { stdout } = await commandLine(["token", "seal", "--json", "--endpoint", "none"], { env });
  const sealed = JSON.parse(stdout) as Record<string, unknown>;
  deepEqual(
    { scope: sealed["scope"], sessionName: sealed["sessionName"], keyId: sealed["keyId"] },
    { scope, sessionName, keyId },
  );
});

// What is sealed opens as the same; CBF43926 is the check value of CRC-32, that of "123456789".
const sealed = [
  { args: ["--endpoint", "10.0.0.7:9080"], fields: { endpoint: "10.0.0.7:9080", issuedAge: 0, seenAge: 0 } },
  { args: ["--endpoint", "[2001:db8::7]:9080"], fields: { endpoint: "[2001:db8::7]:9080" } },
  { args: ["--endpoint", "none"], fields: { endpoint: "" } },
  { args: ["--endpoint", "none", "--session", "00ABCDEF01234567"], fields: { session: "00abcdef01234567" } },
  { args: ["--endpoint", "none", "--issued", "1799999000"], fields: { issuedAge: 1000, seenAge: 1000 } },
  {
    args: ["--endpoint", "none", "--issued", "2027-01-15T08:00:00+01:00", "--seen", "2027-01-15T07:59:59.9Z"],
    fields: { issued: "2027-01-15T07:00:00Z", issuedAge: 3600, seen: "2027-01-15T07:59:59Z", seenAge: 1 },
  },
  { args: ["--endpoint", "none", "--issued", "4294967295"], fields: { issued: "2106-02-07T06:28:15Z" } },
  { args: ["--endpoint", "none", "--key-id", "255"], fields: { keyId: 255 } },
  { args: ["--endpoint", "none", "--key-env", "7=OTHER_KEY"], fields: { keyId: 7 }, key: "OTHER_KEY" },
  {
    args: ["--endpoint", "none", "--cluster", "123456789"],
    fields: { cluster: { crc32: "cbf43926", name: null } },
  },
];

for (const { args, fields, key = "AFFINITY_KEY" } of sealed) {
  test(`sealed, it opens as the same: ${args.join(" ")}`, async () => {
    const made = await commandLine(["token", "seal", ...args], { env, now: NOW });
    deepEqual({ code: made.code, stderr: made.stderr }, { code: 0, stderr: "" });
    match(made.stdout, /^[A-Za-z0-9_-]{64,}\n$/);
    const opened = await commandLine(["token", "open", "--json", "--key-env", key], {
      env,
      now: NOW,
      stdin: made.stdout,
    });
    equal(opened.code, 0, opened.stdout);
    const found = JSON.parse(opened.stdout) as Record<string, unknown>;
    for (const [name, value] of Object.entries(fields)) deepEqual(found[name], value, name);
  });
}

for (const [args, why] of [
  [[], /--endpoint: missing/],
  [["--endpoint", "10.0.0.7"], /--endpoint 10\.0\.0\.7: not IP:PORT/],
  [["--endpoint", "pod-1:80"], /not IP:PORT/],
  [["--endpoint", "10.0.0.256:80"], /not IP:PORT/],
  [["--endpoint", "10.0.0.7:65536"], /not IP:PORT/],
  [["--endpoint", "[2001:DB8::7]:80"], /not IP:PORT/],
  [["--endpoint", "none", "--session", "123"], /--session 123: not 16 hexadecimal digits/],
  [["--endpoint", "none", "--issued", "yesterday"], /--issued yesterday: not a time/],
  [["--endpoint", "none", "--issued", "2027-02-30T00:00:00Z"], /not a time/],
  [["--endpoint", "none", "--issued", "4294967296"], /not a time/],
  [["--endpoint", "none", "--seen=-1"], /--seen -1: not a time/],
  [["--endpoint", "none", "--key-env", "AFFINITY_KEY", "--key-env", "OTHER_KEY"], /one seals a token/],
] as const) {
  test(`not sealed: ${args.join(" ")}`, async () => {
    const { stdout, stderr, code } = await commandLine(["token", "seal", ...args], { env });
    deepEqual({ code, stdout }, { code: 2, stdout: "" });
    match(stderr, why);
  });
}

const policy = {
  scope: "shop/cart",
  sessionName: "cart",
  keys: [
    { id: 9, env: "AFFINITY_KEY" },
    { id: 4, secret: OTHER_KEY },
  ],
  cluster: { names: ["cart-v1", "123456789"] },
};

test("a token of a cookie that is Secure is sealed with --secure, and shown as such", async () => {
  const seal = ["token", "seal", "--endpoint", "10.0.0.7:9080", "--json"];
  for (const secure of [true, false]) {
    const made = JSON.parse((await commandLine([...seal, ...(secure ? ["--secure"] : [])], { env })).stdout);
    equal(made.secure, secure);
    const open = (...args: string[]) => commandLine(["token", "open", ...args, made.token], { env });
    const { stdout } = await open();
    equal(/^cookie {4}Secure$/m.test(stdout), secure, stdout);
    equal(JSON.parse((await open("--json")).stdout).secure, secure);
  }
});

test("keys, scope, name and clusters come from a configuration of the filter", async () => {
  const config = ["--config", temporary("filter.json", JSON.stringify(policy))];
  const { stdout } = await commandLine(
    ["token", "seal", "--json", "--endpoint", "none", "--cluster", "123456789", ...config],
    { env },
  );
  const { token, cookie, keyId } = JSON.parse(stdout) as Record<string, string>;
  equal(keyId, 9, "the first key seals");
  equal(cookie, `cart=${token}`);
  const opened = await commandLine(["token", "open", ...config, `a=b; ${cookie}`], { env });
  match(opened.stdout, /^cluster {3}123456789 \(CRC-32 cbf43926\)$/m);
  const otherwise = ["--key-env", "9=AFFINITY_KEY", "--scope", "shop/cart", "--session-name", "cart"];
  equal((await commandLine(["token", "open", ...otherwise, token!], { env })).code, 0);
});

test("a key of the configuration that is not in the environment is left out, with a note", async () => {
  const config = ["--config", temporary("filter.json", JSON.stringify(policy))];
  const { stdout, stderr, code } = await commandLine([
    "token",
    "seal",
    "--json",
    "--endpoint",
    "none",
    ...config,
  ]);
  equal(code, 0);
  match(stderr, /AFFINITY_KEY: no such variable in the environment; key 9 is left out/);
  equal(JSON.parse(stdout).keyId, 4);
});

test("an Envoy configuration serves as well, by the plugin's name where it has several filters", async () => {
  const plugin = (name: string, value: object): object => ({
    name,
    vm_config: { environment_variables: { key_values: { OTHER: OTHER_KEY } } },
    configuration: {
      "@type": "type.googleapis.com/google.protobuf.StringValue",
      value: JSON.stringify(value),
    },
  });
  const keys = [{ id: 3, env: "OTHER" }];
  const both = [plugin("one", { keys }), plugin("two", { keys, type: "Header", sessionName: "X-Session" })];
  const file = temporary("envoy.json", JSON.stringify({ static_resources: both }));
  const seal = ["token", "seal", "--json", "--endpoint", "none", "--config", file];
  const several = await commandLine(seal);
  equal(several.code, 2);
  match(several.stderr, /has 2 filters \(one, two\); name one by: --plugin-name NAME/);
  const { scope, sessionName, keyId } = JSON.parse(
    (await commandLine([...seal, "--plugin-name", "two"])).stdout,
  );
  deepEqual({ scope, sessionName, keyId }, { scope: "two", sessionName: "x-session", keyId: 3 });
});

for (const [content, why] of [
  ["{}", /no configuration of the filter in it that has keys/],
  ['{"keys": "x"}', /\$\.keys: not as the filter wants it; see: .*config check/],
  ['{"keys": [{"id": 300, "secret": "x"}], "scope": "a"}', /\$\.keys\[0\]\.id/],
  ['{"keys": [5], "scope": "a"}', /\$\.keys\[0\]/],
  ['{"keys": [{"id": 1, "secret": "c2VjcmV0c2VjcmV0"}], "scope": "a"}', /\$\.keys\[0\]\.secret: not base64/],
  ['{"keys": [{"id": 1, "env": "NONE"}], "scope": "a"}', /none of its keys is in the environment/],
  [`{"keys": [{"id": 1, "secret": "${KEY}"}]}`, /no scope; give it by: --scope/],
  [`{"keys": [{"id": 1, "secret": "${KEY}"}], "scope": 5}`, /\$\.scope/],
  ['{"keys": ["c2VjcmV0c2VjcmV0"', /no configuration of the filter in it that has keys/],
  ["", /empty/],
] as const) {
  test(`a configuration that names no key, scope or name: ${content.slice(0, 50)}`, async () => {
    const file = temporary("bad.json", content);
    const { stdout, stderr, code } = await commandLine(["token", "open", "--config", file, row.token], {
      env,
    });
    deepEqual({ code, stdout }, { code: 2, stdout: "" });
    match(stderr, why);
    ok(!/c2VjcmV0|zH0DJT2j/.test(stderr), stderr);
  });
}
