import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { ownFiles } from "../../cli/files.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { configurationRows } from "../support/vectors.ts";
import { commandLine, temporary, type Line } from "./command-line.ts";

const KEY = "zH0DJT2jH5kvdrGhuZ8+AyTFySbUpI7sKKkqTMw+1V8=";
const STRING_VALUE = "type.googleapis.com/google.protobuf.StringValue";
const good = { scope: "a", keys: [{ id: 1, env: "AFFINITY_KEY" }] };
const env = { AFFINITY_KEY: KEY };

interface Check {
  file: string;
  path: string;
  plugin: string;
  ok: boolean;
  problems: string[];
}

/** Checks what stands on standard input. */
async function check(stdin: string | Uint8Array, args: string[] = [], line: Line = { env }) {
  const { stdout, stderr, code } = await commandLine(["config", "check", "--json", ...args, "-"], {
    ...line,
    stdin,
  });
  return { checks: stdout === "" ? [] : (JSON.parse(stdout) as Check[]), stderr, code };
}

/** A wasm filter as Envoy's configuration has it. */
function wasmFilter(value: unknown, vm: object = {}, type = STRING_VALUE): object {
  return {
    name: "affinity",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
      config: {
        name: "plugin",
        vm_config: { runtime: "envoy.wasm.runtime.v8", ...vm },
        configuration: { "@type": type, value: typeof value === "string" ? value : JSON.stringify(value) },
      },
    },
  };
}

const handsKey = { environment_variables: { host_env_keys: ["AFFINITY_KEY"] } };

// A file that holds no object is none of the filter's.
const isObject = ({ configuration }: { configuration: string }): boolean => configuration.startsWith("{");

for (const { it, configuration } of configurationRows.filter((row) => !isObject(row))) {
  test(`no configuration at all: ${it}`, async () => {
    const { checks, stderr, code } = await check(configuration);
    deepEqual({ code, checks }, { code: 2, checks: [] });
    match(stderr, /^envoy-cookie-affinity: -: [^\n]*\n$/);
  });
}

for (const { it, configuration, path } of configurationRows.filter(isObject)) {
  test(`refused, as Envoy would: ${it}`, async () => {
    const { checks, code } = await check(configuration);
    equal(code, 1);
    equal(checks.length, 1);
    const [{ ok: accepted, problems }] = checks as [Check];
    equal(accepted, false);
    ok(
      problems.some((problem) => problem.startsWith("affinity: ") && problem.includes(path)),
      problems.join("\n"),
    );
  });
}

test("the filter's own JSON is accepted, with the key of the environment", async () => {
  const file = temporary("good.json", JSON.stringify(good));
  deepEqual(await commandLine(["config", "check", file], { env }), {
    stdout: `${file}: $: ok\n`,
    stderr: "",
    code: 0,
  });
});

test("a refusal has a line for each problem, after file and path", async () => {
  const file = temporary("bad.json", JSON.stringify({ ...good, sessionName: "a b", hostHeader: "cookie" }));
  const { stdout, stderr, code } = await commandLine(["config", "check", file], { env });
  deepEqual({ code, stderr }, { code: 1, stderr: "" });
  const lines = stdout.trimEnd().split("\n");
  equal(lines.length, 2);
  for (const line of lines) ok(line.startsWith(`${file}: $: affinity: configuration refused: $.`), line);
});

test("a key that is not in the environment is a refusal, unless a placeholder may stand in", async () => {
  for (const variables of [{}, { AFFINITY_KEY: "" }]) {
    const line = { env: variables };
    const { checks, code } = await check(JSON.stringify(good), [], line);
    equal(code, 1);
    ok(checks[0]!.problems[0]!.includes("$.keys[0].env"), checks[0]!.problems[0]);
    equal((await check(JSON.stringify(good), ["--placeholder-keys"], line)).code, 0);
  }
  const wrong = { env: { AFFINITY_KEY: "short" } };
  equal((await check(JSON.stringify(good), ["--placeholder-keys"], wrong)).code, 1, "what is set counts");
});

test("--plugin-name stands in for a missing scope", async () => {
  const nameless = JSON.stringify({ keys: good.keys });
  const { checks, code } = await check(nameless);
  equal(code, 1);
  ok(checks[0]!.problems[0]!.includes("$.scope"));
  const named = await check(nameless, ["--plugin-name", "shop"]);
  deepEqual({ code: named.code, plugin: named.checks[0]!.plugin }, { code: 0, plugin: "shop" });
});

for (const file of ownFiles(/\.yaml$/, "envoy")) {
  test(`${file}: accepted`, async () => {
    const args = ["config", "check", "--json", "--placeholder-keys", join(root, file)];
    const { stdout, stderr, code } = await commandLine(args);
    equal(code, 0, stdout + stderr);
    const checks = JSON.parse(stdout) as Check[];
    ok(checks.length > 0 && checks.every((one) => one.ok));
    match(
      checks[0]!.path,
      /^\$\.static_resources\.listeners\[0\]\..*\.http_filters\[0\]\..*\.configuration$/,
    );
    const without = await commandLine(args.filter((arg) => arg !== "--placeholder-keys"));
    equal(without.code, 1, "its key is not in this environment");
  });
}

test("filters are found wherever they are nested, and named by their path", async () => {
  const nested = {
    resources: [
      { http_filters: [wasmFilter(good, handsKey), { name: "router" }] },
      { "a-b": { "1": wasmFilter({ ...good, scope: 5 }, handsKey) } },
    ],
  };
  const { checks, code } = await check(JSON.stringify(nested));
  equal(code, 1);
  deepEqual(
    checks.map(({ path, plugin, ok: accepted }) => ({ path, plugin, accepted })),
    [
      {
        path: "$.resources[0].http_filters[0].typed_config.config.configuration",
        plugin: "plugin",
        accepted: true,
      },
      {
        path: '$.resources[1]["a-b"]["1"].typed_config.config.configuration',
        plugin: "plugin",
        accepted: false,
      },
    ],
  );
});

test("YAML of several documents, with anchors, is read as Envoy reads it", async () => {
  const yaml = `
a: 1
---
x: !ignore
  y: 2
!ignore templates: &on
  name: one
  configuration: &text { "@type": ${STRING_VALUE}, value: '{"scope": 5}' }
filters:
  - *on
  - name: two
    configuration: { "@type": ${STRING_VALUE}, value: '{"keys": []}' }
  - *on
`;
  const { checks, code } = await check(yaml);
  equal(code, 1);
  deepEqual(
    checks.map(({ path, plugin }) => ({ path, plugin })),
    [
      { path: "document 2: $.filters[0].configuration", plugin: "one" },
      { path: "document 2: $.filters[1].configuration", plugin: "two" },
    ],
  );
});

// What the VM of an Envoy configuration sees of the environment.
const environments = [
  { it: "nothing is handed over", vm: {}, code: 1 },
  { it: "host_env_keys names the variable", vm: handsKey, code: 0 },
  { it: "in camel case", vm: { environmentVariables: { hostEnvKeys: ["AFFINITY_KEY"] } }, code: 0 },
  { it: "another is named", vm: { environment_variables: { host_env_keys: ["OTHER"] } }, code: 1 },
  { it: "key_values has it", vm: { environment_variables: { key_values: { AFFINITY_KEY: KEY } } }, code: 0 },
  { it: "it is no list", vm: { environment_variables: { host_env_keys: { toString: 5 } } }, code: 1 },
];

for (const { it, vm, code } of environments) {
  test(`an Envoy configuration where ${it}: exit code ${code}`, async () => {
    const found = await check(JSON.stringify({ node: {}, filters: [wasmFilter(good, vm)] }));
    equal(found.code, code, JSON.stringify(found));
    equal(found.checks.length, 1);
  });
}

test("other wasm filters are named as not checked", async () => {
  const others = [
    wasmFilter(good, handsKey),
    wasmFilter("plain text", {}),
    wasmFilter({}, {}, "type.googleapis.com/google.protobuf.Struct"),
    { config: { vm_config: {} } },
  ];
  const { checks, stderr, code } = await check(JSON.stringify(others));
  equal(code, 0);
  equal(checks.length, 1);
  match(stderr, /\$\[1\]\.typed_config\.config\.configuration: not checked: its text is no JSON object/);
  match(stderr, /\$\[2\]\.\S+: not checked: a google\.protobuf\.Struct; .*google\.protobuf\.StringValue/);
  match(stderr, /\$\[3\]\.config\.configuration: not checked: it has no configuration/);
  const none = await check(JSON.stringify(others.slice(1)));
  equal(none.code, 2);
  match(none.stderr, /nothing in it to check/);
});

const deepYaml = Array.from({ length: 500 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join("");
const bomb = Array.from(
  { length: 40 },
  (_, level) =>
    `a${level}: &a${level} [${
      level === 0
        ? "x"
        : Array(9)
            .fill(`*a${level - 1}`)
            .join()
    }]\n`,
).join("");
// Each within two seconds or so on any machine; a parser that recurses, or expands, would never end or run out of memory.
const hostile = [
  { it: "nothing", text: "", why: /empty/ },
  { it: "binary junk", text: Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe, 0]), why: /not text in UTF-8/ },
  { it: "NULs", text: "\0".repeat(1000), why: /neither/ },
  { it: "prose", text: "Dear Envoy,\nplease.\n", why: /neither/ },
  {
    it: "an Envoy configuration without wasm",
    text: "static_resources: {}",
    why: /with a wasm filter in it/,
  },
  { it: "the same in JSON", text: '{"static_resources": {}}', why: /with a wasm filter in it/ },
  { it: "a list", text: "[1, 2]", why: /neither/ },
  { it: "an alias bomb", text: bomb, why: /with a wasm filter in it/ },
  { it: "an alias of itself", text: "a: &a [*a]", why: /line 1, column 8: an alias of no anchor before it/ },
  { it: "brackets without end", text: "[".repeat(200_000), why: /neither/ },
  { it: "JSON nested without end", text: `${"[".repeat(1e6)}${"]".repeat(1e6)}`, why: /neither/ },
  { it: "YAML nested deep", text: deepYaml, why: /nested more than 100 deep/ },
  { it: "dashes without end", text: "- ".repeat(200_000), why: /nested more than 100 deep/ },
  { it: "brackets that close nothing", text: "]".repeat(20_000), why: /column 1: nothing may stand here/ },
  {
    it: "keys without end",
    text: Array.from({ length: 30_000 }, (_, i) => `k${i}: v`).join("\n"),
    why: /neither/,
  },
  { it: "more YAML than is read", text: `a: b\n${"# x\n".repeat(300_000)}`, why: /more YAML than 1 MiB/ },
  { it: "more than is read", text: Buffer.alloc(17 * 1024 * 1024, 32), why: /longer than 16 MiB/ },
  { it: "a secret in broken YAML", text: `a: "${KEY}\n b: [}`, why: /line 2, column 7: / },
];

for (const { it, text, why } of hostile) {
  test(`unusable: ${it}`, async () => {
    const { checks, stderr, code } = await check(text);
    deepEqual({ code, checks }, { code: 2, checks: [] });
    match(stderr, why);
    match(stderr, /^envoy-cookie-affinity: [^\n]*\n$/, "one line");
    ok(!stderr.includes(KEY.slice(0, 12)));
  });
}

// What begins as the filter's JSON, and is wrong in a way that the filter itself has to name.
for (const [it, text] of [
  ["a comma too many", '{"scope": "a",}'],
  ["no end", '{"scope": "a"'],
  ["braces without end", "{".repeat(200_000)],
  ["objects without end", `${'{"keys":'.repeat(50_000)}1${"}".repeat(50_000)}`],
  ["more than the filter takes", JSON.stringify({ scope: "a".repeat(300_000) })],
  ["a field named __proto__", '{"__proto__": {"env": "__proto__"}}'],
] as const) {
  test(`refused by the filter: ${it}`, async () => {
    const { checks, code } = await check(text);
    equal(code, 1);
    deepEqual(
      checks.map(({ path, ok: accepted }) => ({ path, accepted })),
      [{ path: "$", accepted: false }],
    );
    match(checks[0]!.problems[0]!, /^affinity: configuration refused: \$/);
  });
}

test("what would act on a terminal is shown as text", async () => {
  const fields = { ...good, "\u009b31m\u202e": 1 };
  const file = temporary("bad\u001b[31m.json", JSON.stringify(fields));
  const { stdout, code } = await commandLine(["config", "check", file], { env });
  equal(code, 1);
  ok(stdout.includes("bad\\u001b[31m.json: $: affinity: "), JSON.stringify(stdout));
  ok(!/[\u001b\u009b\u202e]/.test(stdout), JSON.stringify(stdout));
});

test("each file is checked, also after one that cannot be read, and that is exit code 2", async () => {
  const first = temporary("first.json", JSON.stringify(good));
  const missing = temporary("missing.json");
  const last = temporary("last.json", "{}");
  const folder = temporary(".");
  const { stdout, stderr, code } = await commandLine(["config", "check", first, missing, folder, last], {
    env,
  });
  equal(code, 2);
  ok(stdout.startsWith(`${first}: $: ok\n${last}: $: affinity: configuration refused: `), stdout);
  ok(stderr.includes(`${missing}: no such file\n`) && stderr.includes(": a folder; name a file\n"), stderr);
});

test("no output shows a key, wherever it stands", async () => {
  for (const configuration of [
    { ...good, keys: [{ id: 1, secret: `${KEY}x` }] },
    { ...good, keys: [{ id: 1, env: KEY }] },
    { ...good, secret: KEY },
    { ...good, scope: KEY, sessionName: KEY, hostHeader: KEY },
    { ...good, debug: { header: "x", secret: KEY } },
  ]) {
    const vm = { environment_variables: { key_values: { AFFINITY_KEY: `${KEY}x` } } };
    for (const text of [JSON.stringify(configuration), JSON.stringify([wasmFilter(configuration, vm)])]) {
      const line = { env: { AFFINITY_KEY: `${KEY}x` }, stdin: text };
      const { stdout, stderr, code } = await commandLine(["config", "check", "-"], line);
      equal(code, 1);
      ok(!`${stdout}${stderr}`.includes(KEY.slice(0, 12)), stdout + stderr);
    }
  }
});
