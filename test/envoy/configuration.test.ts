import assert from "node:assert/strict";
import { test, until } from "../support/check.ts";
import { http1 } from "../support/client.ts";
import { Envoy, type Ended, type EnvoyOptions } from "../support/envoy.ts";
import {
  assertNoTrap,
  binding,
  configFor,
  newCookie,
  secret,
  startGateway,
  TRAP,
} from "../support/gateway.ts";
import { ListenerFile } from "../support/lds.ts";
import { Pod } from "../support/pod.ts";
import { freePort } from "../support/ports.ts";
import { httpFilter, type Json } from "../support/shape.ts";
import { configurationRows } from "../support/vectors.ts";

const KEYS = [{ id: 1, env: "AFFINITY_KEY" }];
const POD = { name: "pod", address: "127.0.0.1", port: 1 };

/** The end of an Envoy that has to refuse this configuration of the filter. */
async function refused(
  filter: object | string,
  options: EnvoyOptions & { args?: string[] } = {},
): Promise<Ended> {
  const ports = { port: await freePort(), adminPort: await freePort() };
  const { args, ...rest } = options;
  return Envoy.refused(configFor([POD], ports, { filter }), { env: { AFFINITY_KEY: secret }, ...rest }, args);
}

/** What the filter wrote about its configuration, a line for each problem. */
function reasons(log: string): string[] {
  return log.split("\n").filter((line) => line.includes("configuration refused: "));
}

/** One problem alone, told with its path, its value and what would be right; Envoy ends by it, without a trap. */
function assertRefused({ code, log }: Ended, path: string, value: string, remedy: RegExp): void {
  assert.equal(code, 1);
  const [line = assert.fail(`no reason in the log:\n${log}`), ...more] = reasons(log);
  assert.deepEqual(more, []);
  assert.ok(line.includes(`${path}${value === "" ? "" : ` = ${value}`}:`), `${path} ${value} in: ${line}`);
  assert.match(line, remedy);
  assert.doesNotMatch(log, TRAP);
}

const refusals: [what: string, filter: object | string, path: string, value: string, remedy: RegExp][] = [
  ["text that is no JSON", "keys: none", "$", "", /JSON/],
  ["JSON that ends too early", '{"keys": [', "$", "", /JSON/],
  ["an array", "[]", "$", "[]", /object/],
  ["nothing", "", "$", "", /JSON object/],
  ["a misspelt field", { keys: KEYS, sesionName: "a" }, "$.sesionName", "", /unknown.*sessionName/],
  [
    "a service without clusters",
    { services: [{ scope: "a", keys: KEYS }] },
    "$.services[0].clusters",
    "",
    /missing; write/,
  ],
  ["a mode that is none", { keys: KEYS, mode: "sticky" }, "$.mode", '"sticky"', /persistent balanced/],
  ["a duration that is none", { keys: KEYS, idleTimeout: "30" }, "$.idleTimeout", '"30"', /GEP-2257/],
  [
    "a wrong type",
    { keys: KEYS, cookie: { httpOnly: "yes" } },
    "$.cookie.httpOnly",
    '"yes"',
    /true or false/,
  ],
  ["a bad cookie name", { keys: KEYS, sessionName: "a b" }, "$.sessionName", '"a b"', /6265/],
  ["a bad scope", { keys: KEYS, scope: "\u00e9" }, "$.scope", '"\u00e9"', /ASCII/],
  ["a bad enum", { keys: KEYS, onHostChange: "move" }, "$.onHostChange", '"move"', /repin.*keep/],
  [
    "a cookie path with a semicolon",
    { keys: KEYS, cookie: { path: "/;a" } },
    "$.cookie.path",
    '"/;a"',
    /"\/"/,
  ],
  [
    "a cookie domain with a port",
    { keys: KEYS, cookie: { domain: "a:1" } },
    "$.cookie.domain",
    '"a:1"',
    /port/,
  ],
  [
    "SameSite=None that is never Secure",
    { keys: KEYS, cookie: { sameSite: "None", secure: false } },
    "$.cookie.sameSite",
    '"None"',
    /secure/,
  ],
  [
    "a __Host- cookie with secure auto",
    { keys: KEYS, sessionName: "__Host-a" },
    "$.sessionName",
    '"__Host-a"',
    /secure/i,
  ],
  [
    "a pinning header that is Cookie",
    { keys: KEYS, hostHeader: "Cookie" },
    "$.hostHeader",
    '"Cookie"',
    /x-affinity-host/,
  ],
  ["no keys", { scope: "a" }, "$.keys", "", /missing/],
  ["an empty list of keys", { keys: [] }, "$.keys", "", /at least one|1 to/],
  ["a key id beyond a byte", { keys: [{ id: 256, env: "AFFINITY_KEY" }] }, "$.keys[0].id", "256", /0 to 255/],
  ["two keys of one id", { keys: [...KEYS, ...KEYS] }, "$.keys[1].id", "1", /own/],
  [
    "a key that the environment lacks",
    { keys: [{ id: 1, env: "NO_SUCH" }] },
    "$.keys[0].env",
    '"NO_SUCH"',
    /host_env_keys/,
  ],
  [
    "a secret that is too short",
    { keys: [{ id: 1, secret: "c2hvcnQ=" }] },
    "$.keys[0].secret",
    "",
    /32 bytes/,
  ],
];

for (const [what, filter, path, value, remedy] of refusals) {
  test(`Envoy refuses ${what}, and says where and why`, async () => {
    assertRefused(await refused(filter), path, value, remedy);
  });
}

test("Envoy without the key in its environment refuses to start, and says so", async () => {
  assertRefused(
    await refused({ keys: KEYS }, { env: {} }),
    "$.keys[0].env",
    '"AFFINITY_KEY"',
    /host_env_keys/,
  );
});

test("Envoy with a key of 31 bytes refuses to start, and does not show it", async () => {
  const short = Buffer.alloc(31, 7).toString("base64");
  const ended = await refused({ keys: KEYS }, { env: { AFFINITY_KEY: short } });
  assertRefused(ended, "$.keys[0].env", '"AFFINITY_KEY"', /32 bytes/);
  assert.ok(!ended.log.includes(short));
});

test("several problems are told together", async () => {
  const { code, log } = await refused({ scope: 1, cookie: { path: "x", nothing: true }, keys: [{ id: -1 }] });
  assert.equal(code, 1);
  for (const path of ["$.scope", "$.cookie.path", "$.cookie.nothing", "$.keys[0].id", "$.keys[0]:"]) {
    assert.ok(
      reasons(log).some((line) => line.includes(path)),
      `${path} in:\n${reasons(log).join("\n")}`,
    );
  }
});

test("a secret in the configuration is not shown when something else is refused", async () => {
  const { log } = await refused({ keys: [{ id: 1, secret }], unknown: 1 });
  assert.equal(reasons(log).length, 1);
  assert.ok(!log.includes(secret));
});

test("envoy --mode validate refuses the same, with the same words", async () => {
  const ended = await refused({ keys: KEYS, scope: "a b" }, { args: ["--mode", "validate"] });
  assertRefused(ended, "$.scope", '"a b"', /ASCII/);
});

test("a running Envoy refuses a configuration of the vectors for each path, with path and value", async () => {
  // The module itself is given each of them elsewhere; an Envoy for each would take a minute.
  const rows = new Map(configurationRows.map((row) => [row.path, row]));
  const ports = { port: await freePort(), adminPort: await freePort() };
  const listenerOf = (filter: object | string): Json =>
    JSON.parse(configFor([POD], ports, { filter })) as Json;
  const listener = new ListenerFile();
  const config = listenerOf({ keys: KEYS });
  listener.follow(config);
  const envoy = await Envoy.start(JSON.stringify(config), ports, { env: { AFFINITY_KEY: secret } });
  let refusals = 0;
  for (const row of rows.values()) {
    const before = envoy.log.length;
    listener.set(listenerOf(row.configuration));
    refusals++;
    await until(`${row.it}: refused`, async () => {
      const { update_rejected, update_success } = await updates(envoy);
      assert.equal(update_success, 1, `${row.it}: taken`);
      return update_rejected === refusals;
    });
    const shown = row.value === "" ? row.path : `${row.path} = ${row.value}`;
    await until(`${row.it}: ${shown} in the log`, () =>
      reasons(envoy.log.slice(before)).some((line) => line.includes(shown)),
    );
  }
  assert.ok(refusals > 50, `${refusals} paths`);
  await assertNoTrap(envoy);
});

/** How often Envoy has refused and taken a listener. */
async function updates(envoy: Envoy): Promise<Record<string, number>> {
  const stats = Object.entries(await envoy.stats("^listener_manager\\.lds\\.update_"));
  return Object.fromEntries(stats.map(([name, value]) => [name.split(".").at(-1)!, value]));
}

test("nested a thousand deep, or long, a configuration is refused and traps nothing", async () => {
  for (const filter of ["[".repeat(1000), `{"a":`.repeat(1000), `{"scope": "${"a".repeat(200_000)}"}`]) {
    const { code, log } = await refused(filter);
    assert.equal(code, 1);
    assert.ok(reasons(log).length > 0, log);
    assert.doesNotMatch(log, TRAP);
  }
});

const accepted: [what: string, filter: object, setCookie: RegExp][] = [
  ["the least there can be", { keys: KEYS }, /^affinity=[^;]{71}; Path=\/; HttpOnly; SameSite=Lax$/],
  [
    "every attribute of the cookie",
    {
      keys: KEYS,
      sessionName: "route",
      cookie: {
        path: "/shop",
        domain: "sample.com",
        secure: true,
        httpOnly: false,
        sameSite: "None",
        partitioned: true,
      },
    },
    /^route=[^;]{71}; Domain=sample\.com; Path=\/shop; Secure; SameSite=None; Partitioned$/,
  ],
  [
    "a cookie of the __Host- kind",
    { keys: KEYS, sessionName: "__Host-affinity", cookie: { secure: true } },
    /^__Host-affinity=[^;]{71}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
  ],
  ["defaults spelled out", { mode: "persistent", type: "Cookie", keys: [{ id: 255, secret }] }, /^affinity=/],
];

for (const [what, filter, setCookie] of accepted) {
  test(`Envoy runs on ${what}`, async () => {
    const { port } = await startGateway([await Pod.start("pod")], {
      filter: { scope: binding.scope, ...filter },
    });
    const [line = ""] = (await http1(port)).setCookie;
    assert.match(line, setCookie);
  });
}

test("a Struct, which Envoy hands to a filter as protobuf, is refused and traps nothing", async () => {
  const ports = { port: await freePort(), adminPort: await freePort() };
  const config = configFor([POD], ports, {
    change: (derived) => {
      httpFilter(derived, "affinity").typed_config.config.configuration = {
        "@type": "type.googleapis.com/google.protobuf.Struct",
        value: { scope: binding.scope, keys: KEYS },
      };
    },
  });
  assertRefused(await Envoy.refused(config, { env: { AFFINITY_KEY: secret } }), "$", "", /JSON/);
});

test("another header between the two filters works when both are told", async () => {
  const pods = await Pod.startMany(3);
  const filter = { scope: binding.scope, keys: KEYS, hostHeader: "X-Pinned-To" };
  const { port } = await startGateway(pods, {
    filter,
    change: (config) => {
      httpFilter(config, "stateful_session").typed_config.session_state.typed_config.name = "x-pinned-to";
    },
  });
  const first = await http1(port);
  assert.equal(first.headers["x-pinned-to"], undefined);
  for (let request = 0; request < 30; request++) {
    const answer = await http1(port, { cookie: `affinity=${newCookie(first)}` });
    assert.deepEqual([answer.body, answer.setCookie], [first.body, []]);
  }
});
