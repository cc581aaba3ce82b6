import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, openSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { temporary } from "./command-line.ts";

const BIN = join(root, "cli/bin.mjs");
const KEY = "zH0DJT2jH5kvdrGhuZ8+AyTFySbUpI7sKKkqTMw+1V8=";

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; what it reads is `input`, or a file. */
function run(command: string, args: string[], input: string | number = ""): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, AFFINITY_KEY: KEY },
      stdio: [typeof input === "number" ? input : "pipe", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    // It may end without having read it all.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

function bin(...args: string[]): Promise<Ended> {
  return run(process.execPath, [BIN, ...args]);
}

/** A line for a shell in which "$0" is node and "$1" the program. */
function shell(line: string, ...more: string[]): Promise<Ended> {
  return run("bash", ["-c", line, process.execPath, BIN, ...more]);
}

test("the program is marked as one, so that npm can link it", async () => {
  ok(statSync(BIN).mode & 0o100, "cli/bin.mjs is not executable");
  const { stdout, code } = await run(BIN, ["key"]);
  equal(code, 0);
  match(stdout, /^[A-Za-z0-9+/]{43}=\n$/);
});

test("exit codes: 0 done, 1 the answer is no, 2 unusable", async () => {
  const sealed = await bin("token", "seal", "--endpoint", "10.0.0.7:9080");
  equal(sealed.code, 0, sealed.stderr);
  const token = sealed.stdout.trim();
  const opened = await run(process.execPath, [BIN, "token", "open", "--json"], token);
  equal(opened.code, 0);
  equal(JSON.parse(opened.stdout).endpoint, "10.0.0.7:9080");
  const no = await bin("token", "open", "--scope", "other", token);
  deepEqual({ code: no.code, stderr: no.stderr }, { code: 1, stderr: "" });
  match(no.stdout, /^does not open: /);
  const unusable = await bin("token", "frob");
  deepEqual({ code: unusable.code, stdout: unusable.stdout }, { code: 2, stdout: "" });
});

test("config check reads files, pipes and standard input", async () => {
  const file = temporary("good.json", JSON.stringify({ scope: "a", keys: [{ id: 1, env: "AFFINITY_KEY" }] }));
  const { stdout, stderr, code } = await shell('"$0" "$1" config check "$2" <(cat "$2") - < "$2"', file);
  equal(code, 0, stderr);
  match(stdout, /^\S+good\.json: \$: ok\n\/dev\/fd\/\d+: \$: ok\n-: \$: ok\n$/);
});

test("a named pipe is read when its writer comes", async () => {
  const pipe = temporary("pipe");
  execFileSync("mkfifo", [pipe]);
  const { stdout, code } = await shell('("$0" -e "" ; echo "{}" > "$2") & "$0" "$1" config check "$2"', pipe);
  equal(code, 1);
  match(stdout, /^\S+pipe: \$: affinity: configuration refused: /);
});

test("a folder or an endless device in place of a file is a sentence", async () => {
  const { stdout, stderr, code } = await bin("config", "check", temporary("."), "/dev/zero");
  deepEqual({ code, stdout }, { code: 2, stdout: "" });
  match(stderr, /^.*: a folder; name a file\n.*\/dev\/zero: longer than 16 MiB.*\n$/);
  const input = await run(process.execPath, [BIN, "token", "open"], openSync(temporary("."), "r"));
  equal(input.code, 2);
  match(input.stderr, /^envoy-cookie-affinity: standard input: [^\n]*\n$/);
});

test("endless standard input is not read without end", async () => {
  const { stdout, stderr, code } = await shell('yes | "$0" "$1" token open');
  deepEqual({ code, stdout }, { code: 2, stdout: "" });
  match(stderr, /standard input: longer than 1 MiB/);
});

test("who stops reading changes neither the answer nor the peace", async () => {
  // More output than a pipe holds, so that writing meets its end.
  const file = temporary("refused.json", `[${Array(3000).fill(refused()).join()}]`);
  const { stdout, stderr } = await shell(
    '"$0" "$1" config check "$2" | head -1; echo "${PIPESTATUS[0]}"',
    file,
  );
  equal(stderr, "");
  const lines = stdout.trimEnd().split("\n");
  equal(lines.length, 2);
  match(lines[0]!, /refused\.json: \$\[0\]\.configuration: affinity: configuration refused: /);
  equal(lines[1], "1", "exit code");
});

function refused(): string {
  const type = "type.googleapis.com/google.protobuf.StringValue";
  return JSON.stringify({ configuration: { "@type": type, value: '{"scope":5}' } });
}

test("output that cannot be written is a failure", async () => {
  const { stderr, code } = await shell('"$0" "$1" key > /dev/full');
  equal(code, 2);
  match(stderr, /standard output cannot be written \(ENOSPC\)/);
});

test("closed streams are no fault", async () => {
  const { stdout, code } = await shell('"$0" "$1" key <&- 2>&-');
  equal(code, 0);
  match(stdout, /^[A-Za-z0-9+/]{43}=\n$/);
});

/** A copy of the package as it would be installed, in a folder of its own. */
function installed(name: string, ...parts: string[]): string {
  const home = temporary(name);
  for (const part of ["package.json", "cli/bin.mjs", ...parts]) {
    mkdirSync(join(home, part, ".."), { recursive: true });
    cpSync(join(root, part), join(home, part), { recursive: true });
  }
  mkdirSync(join(home, "node_modules"));
  symlinkSync(join(root, "node_modules/yaml"), join(home, "node_modules/yaml"));
  return home;
}

test("a checkout that is not built says so", async () => {
  const home = installed("unbuilt");
  const { stdout, stderr, code } = await run(process.execPath, [join(home, "cli/bin.mjs"), "key"]);
  deepEqual({ code, stdout }, { code: 2, stdout: "" });
  match(stderr, /^envoy-cookie-affinity: not built yet; .*npm install && npm run build\n$/);
});

test("a package needs the compiled commands, the filter and yaml, and nothing else", async () => {
  const home = installed("packed", "build/ts/cli", "build/affinity.wasm");
  // As npm links it.
  symlinkSync(join(home, "cli/bin.mjs"), temporary("linked"));
  const program = temporary("linked");
  equal((await run(program, ["--version"])).code, 0);
  const file = temporary("packed.yaml");
  cpSync(join(root, "envoy/gateway.yaml"), file);
  const checked = await run(program, ["config", "check", file]);
  equal(checked.code, 0, checked.stderr + checked.stdout);
  const sealed = await run(program, ["token", "seal", "--config", file, "--endpoint", "none"]);
  equal(sealed.code, 0, sealed.stderr);

  rmSync(join(home, "build/affinity.wasm"));
  const { stdout, stderr, code } = await run(program, ["config", "check", file]);
  deepEqual({ code, stdout }, { code: 2, stdout: "" });
  match(stderr, /build\/affinity\.wasm: the filter is not built yet; .*npm run build\n$/);
});
