import { deepEqual, equal, match, ok } from "node:assert/strict";
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
