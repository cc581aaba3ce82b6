import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../cli/command.ts";
import { commands } from "../../cli/commands/table.ts";
import type { Command } from "../../cli/commands/types.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { commandLine } from "./command-line.ts";

const SECRET = "zH0DJT2jH5kvdrGhuZ8+AyTFySbUpI7sKKkqTMw+1V8=";

test("--help names every command, the exit codes and an example", async () => {
  for (const args of [["--help"], ["-h"], ["help"]]) {
    const { stdout, stderr, code } = await commandLine(args);
    equal(code, 0);
    equal(stderr, "");
    for (const { name, summary } of commands) ok(stdout.includes(name) && stdout.includes(summary), name);
    match(stdout, /Exit code: 0 .*, 1 .*, 2 /);
    match(stdout, /Example.*\n\n {2}\S/);
  }
});

for (const { name, options } of commands) {
  test(`${name} --help has usage, every option, an example and the exit codes`, async () => {
    const { stdout, stderr, code } = await commandLine([...name.split(" "), "--help"]);
    deepEqual({ code, stderr }, { code: 0, stderr: "" });
    ok(stdout.startsWith(`Usage: npx envoy-cookie-affinity ${name} `), stdout);
    for (const option of Object.keys(options)) match(stdout, new RegExp(`^ {2}--${option}\\b`, "m"));
    match(stdout, /\nExamples?:\n {2}.*envoy-cookie-affinity /);
    match(stdout, /\nExit code: 0 /);
    equal((await commandLine(["help", ...name.split(" ")])).stdout, stdout);
    equal((await commandLine([...name.split(" "), "-h"])).stdout, stdout);
  });
}

test("the help of a first word lists the commands that it begins", async () => {
  const { stdout, code } = await commandLine(["token", "--help"]);
  equal(code, 0);
  match(stdout, /token open[^]*token seal/);
  ok(!stdout.includes("config check"));
});

test("--version prints the version of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  deepEqual(await commandLine(["--version"]), { stdout: `${version}\n`, stderr: "", code: 0 });
});

// Each is unusable: a sentence on standard error that names the thing, nothing on standard output.
const unusable = [
  { args: [], names: /no command; see: .* --help/ },
  { args: ["tokn"], names: /tokn: no such command; there are: key, token open/ },
  { args: ["token"], names: /token: no such command; there are: token open, token seal/ },
  { args: ["token", "frob"], names: /token frob: no such command; there are: token open, token seal/ },
  { args: ["--frob"], names: /--frob: no option that stands before a command/ },
  { args: ["--json", "key"], names: /--json: no option that stands before a command/ },
  { args: ["key", "--frob"], names: /--frob: no such option; see: .* key --help/ },
  { args: ["key", "-x"], names: /-x: no such option/ },
  { args: ["key", "--json=yes"], names: /--json: takes no value/ },
  { args: ["key", "a"], names: /a: one argument too many; key takes none/ },
  { args: ["token", "open", "a", "b"], names: /b: one argument too many; token open takes 1/ },
  { args: ["token", "open", "--scope"], names: /--scope: needs a value/ },
  { args: ["token", "open", "--scope", "--json"], names: /--scope: needs a value/ },
  { args: ["token", "open", "--scope", "a", "--scope", "b"], names: /--scope: given more than once/ },
  { args: ["config", "check"], names: /config check: nothing named; it takes FILE/ },
  { args: ["key", "\u001b[31mred"], names: /\\u001b\[31mred: one argument too many/ },
];

for (const { args, names } of unusable) {
  test(`unusable: ${JSON.stringify(args.join(" "))}`, async () => {
    const { stdout, stderr, code } = await commandLine(args);
    deepEqual({ code, stdout }, { code: 2, stdout: "" });
    match(stderr, names);
    match(stderr, /^envoy-cookie-affinity: [^\n]*\n$/, "one line");
  });
}

for (const args of [
  ["token", "open", "--key", SECRET],
  ["token", "open", `--key=${SECRET}`, "x"],
  ["token", "seal", "--endpoint", "10.0.0.7:9080", "--key", SECRET],
  ["key", "--key", SECRET],
  ["config", "check", "--key", SECRET, "x"],
]) {
  test(`a key on the command line is refused with the reason and not shown: ${args.slice(0, 3).join(" ").slice(0, 22)}`, async () => {
    const { stdout, stderr, code } = await commandLine(args);
    deepEqual({ code, stdout }, { code: 2, stdout: "" });
    match(
      stderr,
      /--key: not taken, as everyone on this machine can read a command line; .*--key-file.*--key-env/,
    );
    ok(!stderr.includes(SECRET.slice(0, 12)), stderr);
  });
}

test("a key that stands where a word or a file is due is not shown", async () => {
  const env = { AFFINITY_KEY: SECRET };
  for (const args of [
    [SECRET],
    ["key", SECRET],
    ["token", SECRET],
    ["token", "open", "--key-env", SECRET, "x"],
    ["token", "open", "--key-env", `2=${SECRET}`, "x"],
    ["token", "open", "--key-file", SECRET, "x"],
    ["token", "open", "--key-file", `2=${SECRET}`, "x"],
    ["token", "open", "--key-id", SECRET, "x"],
    ["token", "open", "--config", SECRET, "x"],
    ["token", "seal", "--endpoint", SECRET],
    ["token", "seal", "--endpoint", "10.0.0.7:9080", "--session", SECRET],
    ["token", "seal", "--endpoint", "10.0.0.7:9080", "--issued", SECRET],
    ["config", "check", SECRET],
  ]) {
    const { stdout, stderr, code } = await commandLine(args, { env });
    deepEqual({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
    ok(!stderr.includes(SECRET.slice(0, 12)), stderr);
  }
});

test("key prints base64 of 32 bytes, another each time", async () => {
  const first = await commandLine(["key"]);
  deepEqual({ code: first.code, stderr: first.stderr }, { code: 0, stderr: "" });
  match(first.stdout, /^[A-Za-z0-9+/]{43}=\n$/);
  equal(Buffer.from(first.stdout, "base64").length, 32);
  const { key } = JSON.parse((await commandLine(["key", "--json"])).stdout) as { key: string };
  match(key, /^[A-Za-z0-9+/]{43}=$/);
  notEqual(`${key}\n`, first.stdout);
});

test("a command that breaks is a sentence, not a stack", async () => {
  const broken: Command = {
    name: "break",
    summary: "",
    operands: "",
    operandCount: [0, 0],
    description: "",
    options: {},
    examples: [],
    exitCodes: "",
    run() {
      throw new TypeError("of undefined\n    at f (g.js:1:1)");
    },
  };
  const surroundings = { env: {}, stdin: [], now: 0, home: root };
  const { stdout, stderr, code } = await runCommand([broken], ["break"], surroundings);
  deepEqual({ code, stdout }, { code: 2, stdout: "" });
  match(stderr, /^envoy-cookie-affinity: failed by a fault of its own: TypeError: of undefined[^\n]*\n$/);
});

test("every command has another name", () => {
  equal(new Set(commands.map(({ name }) => name)).size, commands.length);
});
