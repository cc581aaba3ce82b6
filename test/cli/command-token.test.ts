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

/** Opens with the binding of a row of the vectors. */
function openRow(of: { key: string; keyId: number; scope: string; sessionName: string; token: string }) {
  const binding = ["--scope", of.scope, "--session-name", of.sessionName];
  return commandLine(["token", "open", "--json", "--key-env", `${of.keyId}=K`, ...binding, "--", of.token], {
    env: { K: of.key },
    now: NOW + 3600,
  });
}

for (const one of tokenRows.opens) {
  test(`opens: ${one.it}`, async () => {
    const { stdout, stderr, code } = await openRow(one);
    equal(stderr, "");
    equal(code, 0);
    const { endpoint, session, issuedAge, seenAge, keyId, secure, cluster } = JSON.parse(stdout);
    deepEqual(
      { endpoint, session, issuedAge, seenAge, keyId, secure },
      {
        endpoint: one.endpoint,
        session: one.session,
        issuedAge: NOW + 3600 - one.issued,
        seenAge: NOW + 3600 - one.seen,
        keyId: one.keyId,
        secure: one.secure ?? false,
      },
    );
    equal(cluster?.crc32, one.hasCluster ? one.cluster!.toString(16).padStart(8, "0") : undefined);
  });
}

for (const one of tokenRows.refused) {
  test(`does not open: ${one.it}`, async () => {
    const { stdout, code } = await openRow(one);
    // An empty text, or one that is a line of HTTP, holds no token at all.
    if (code === 2) return ok(one.token === "" || /[=;:\s]/.test(one.token), one.token);
    equal(code, 1);
    const { opens, reason, problem } = JSON.parse(stdout);
    equal(opens, false);
    match(reason, /^(not-base64url|length|version|key-id|sealed-otherwise)$/);
    ok(problem.length > 10 && !problem.includes(one.key.slice(0, 12)));
  });
}

test("for people: endpoint, session, times with their age, key", async () => {
  deepEqual(await commandLine(["token", "open", row.token], { env, now: row.seen + 93_784 }), {
    stdout: `endpoint  10.244.1.7:9080
session   0123456789abcdef
issued    2027-01-15T08:00:00Z (1 d 2 h ago)
seen      2027-01-15T08:10:00Z (1 d 2 h ago)
key id    1
`,
    stderr: "",
    code: 0,
  });
});

for (const [now, age] of [
  [row.issued, "just now"],
  [row.issued + 59, "59 s ago"],
  [row.issued + 3601, "1 h ago"],
  [row.issued + 90, "1 min 30 s ago"],
  [row.issued - 300, "in 5 min: by a clock that is ahead"],
] as const) {
  test(`a token's age: ${age}`, async () => {
    const { stdout } = await commandLine(["token", "open", row.token], { env, now });
    ok(stdout.includes(`issued    2027-01-15T08:00:00Z (${age})\n`), stdout);
  });
}

// Texts that people copy, with the token in them.
const copied = {
  "the token": row.token,
  "the token, with blanks": `  ${row.token}\r\n`,
  "a cookie": `affinity=${row.token}`,
  "a quoted cookie": `affinity="${row.token}"`,
  "a Cookie line": `a=b; affinity=${row.token}; c=d`,
  "a Cookie line with its name": `cookie: a=b;affinity=${row.token}`,
  "a Set-Cookie line": `Set-Cookie: affinity=${row.token}; Path=/; HttpOnly; SameSite=Lax`,
  "a header of that name": `Affinity: ${row.token}`,
  "a response of curl -i": `HTTP/1.1 200 OK\r\ndate: x\r\nset-cookie: affinity=${row.token}; Path=/\r\n\r\n<p>a=b\n`,
  "a response of curl -v": `< HTTP/1.1 200 OK\r\n< set-cookie: affinity=${row.token}; Path=/\r\n`,
  "curl's cookie file": `# Netscape HTTP Cookie File\n\n#HttpOnly_abc.sample.com\tFALSE\t/\tFALSE\t0\taffinity\t${row.token}\n`,
};

for (const [what, text] of Object.entries(copied)) {
  test(`a token is found in ${what}`, async () => {
    const byArgument = await commandLine(["token", "open", "--json", text], { env, now: NOW });
    equal(byArgument.code, 0, byArgument.stderr + byArgument.stdout);
    equal(JSON.parse(byArgument.stdout).endpoint, row.endpoint);
    for (const args of [[], ["-"]]) {
      const byInput = await commandLine(["token", "open", "--json", ...args], { env, now: NOW, stdin: text });
      deepEqual(byInput, byArgument);
    }
  });
}

test("of several cookies of that name, the one that opens counts", async () => {
  const text = `affinity=x; affinity=${row.token}`;
  const { stdout, stderr, code } = await commandLine(["token", "open", text], { env });
  equal(code, 0);
  match(stdout, /^endpoint {2}10\.244\.1\.7:9080$/m);
  match(stderr, /2 tokens/);
});

// What does not open, and why as far as can be told.
const refused = [
  { token: "x.y", why: /character 2 is none of base64url/ },
  { token: `${row.token}==`, why: /character 72 is none of base64url/ },
  { token: "AQ", why: /1 bytes \(2 characters\); a token has 48 to 307 bytes/ },
  { token: "A".repeat(20_000), why: /15000 bytes .*a token has 48 to 307 bytes/ },
  { token: "affinity=", why: /0 bytes/ },
  { token: `${row.token.slice(0, -1)}t`, why: /last character has bits that stand for nothing/ },
  { token: `Ag${row.token.slice(2)}`, why: /version 2; this program knows version 1/ },
  { token: row.token, more: ["--key-id", "7"], why: /sealed by key 1; given was key 7/ },
  {
    token: row.token,
    more: ["--key-env", "2=OTHER_KEY", "--key-env", "3=AFFINITY_KEY"],
    why: /sealed by key 1; given were keys 2, 3/,
  },
  { token: row.token, more: ["--key-env", "OTHER_KEY"], why: /another key, scope or name, or altered/ },
  { token: row.token, more: ["--scope", "a/b"], why: /another key, scope or name, .*scope a\/b/ },
  { token: row.token, more: ["--session-name", "b"], why: /another key, scope or name, .*name b/ },
];

for (const { token, more = [], why } of refused) {
  test(`says why it does not open: ${why.source}`, async () => {
    const { stdout, stderr, code } = await commandLine(["token", "open", ...more, token], { env });
    equal(code, 1, stderr);
    equal(stderr, "");
    match(stdout, /^does not open: /);
    match(stdout, why);
  });
}

test("keys come from variables and files, with an id or for any", async () => {
  const file = temporary("key", `${KEY}\n`);
  const foreign = temporary("foreign", OTHER_KEY);
  for (const args of [
    ["--key-file", file],
    ["--key-file", `1=${file}`],
    ["--key-file", file, "--key-id", "1"],
    ["--key-env", "KEY_OF_MINE"],
    ["--key-env", "1=KEY_OF_MINE"],
    ["--key-file", foreign, "--key-env", "KEY_OF_MINE"],
    ["--key-file", `2=${foreign}`, "--key-file", `1=${file}`],
  ]) {
    const { stderr, code } = await commandLine(["token", "open", ...args, row.token], {
      env: { KEY_OF_MINE: ` ${KEY}\n` },
    });
    equal(code, 0, `${args.join(" ")}: ${stderr}`);
  }
});

// What keeps a token from being looked at.
const unusable = [
  { args: [row.token], env: {}, why: /AFFINITY_KEY: no such variable .*--key-env NAME.*--key-file FILE/ },
  { args: [row.token], env: { AFFINITY_KEY: "" }, why: /AFFINITY_KEY: no such variable/ },
  { args: [row.token], env: { AFFINITY_KEY: KEY.slice(4) }, why: /AFFINITY_KEY: not base64 of exactly 32/ },
  { args: ["--key-env", "toString", row.token], env, why: /toString: no such variable/ },
  { args: ["--key-file", temporary("none"), row.token], env, why: /none: no such file/ },
  { args: ["--key-file", temporary("."), row.token], env, why: /a folder; name a file/ },
  { args: ["--key-file", temporary("raw", Buffer.alloc(32, 200)), row.token], env, why: /raw: not base64/ },
  { args: ["--key-file", temporary("long", "A".repeat(5000)), row.token], env, why: /longer than 4 KiB/ },
  { args: ["--key-file", `256=${temporary("key1", KEY)}`, row.token], env, why: /256: not an id of a key/ },
  { args: ["--key-id", "1.5", row.token], env, why: /--key-id 1\.5: not a whole number from 0 to 255/ },
  { args: ["--scope", "", row.token], env, why: /no scope/ },
  { args: [""], env, why: /TOKEN: empty/ },
  { args: [], env, why: /standard input: empty/ },
  { args: ["a=b; c=d"], env, why: /TOKEN: holds nothing named affinity/ },
];

for (const { args, env: variables, why } of unusable) {
  test(`unusable: ${why.source}`, async () => {
    const { stdout, stderr, code } = await commandLine(["token", "open", ...args], { env: variables });
    deepEqual({ code, stdout }, { code: 2, stdout: "" });
    match(stderr, why);
    ok(!stderr.includes(KEY.slice(8, 20)));
  });
}

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
