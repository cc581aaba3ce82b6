import { equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { policies, policyFile } from "../../cli/policies.ts";
import { root } from "../../cli/root.ts";
import { closeLater, test } from "../support/check.ts";
import { PROGRAM, readyDemo, type Demo } from "./demo.ts";

const exec = promisify(execFile);
const readme = readFileSync(join(root, "README.md"), "utf8");

/** What the curl lines that the demo prints show, one after another, with one cookie file. */
async function tried(demo: Demo): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "curl-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const outputs: string[] = [];
  for (const line of demo.output().match(/^ {2}curl .*$/gm) ?? []) {
    const { stdout } = await exec("/bin/sh", ["-c", line.replace("curl", "curl --silent")], { cwd: folder });
    outputs.push(stdout);
  }
  return outputs;
}

// What the first line of each shows on a fresh demo.
const AFFINITY = /^set-cookie: affinity=[\w-]+; Path=\/; HttpOnly; SameSite=Lax\r$/m;
const NONE = /^(?![^]*set-cookie: affinity)HTTP\/1\.1 200 OK/;
const shown: Record<keyof typeof policies, RegExp> = {
  timeouts: AFFINITY,
  permanent:
    /^set-cookie: affinity=[\w-]+; Expires=.* GMT; Max-Age=1800; Path=\/; HttpOnly; SameSite=Lax\r$/m,
  attributes: /^set-cookie: route=[\w-]+; Domain=sample\.com; Path=\/app; HttpOnly; SameSite=Strict\r$/m,
  balanced: AFFINITY,
  keep: AFFINITY,
  strict: AFFINITY,
  header: /^x-session: [\w-]{71}\r$/m,
  canary: AFFINITY,
  strip: AFFINITY,
  uncached: /^cache-control: private\r$/m,
  off: NONE,
  debug: AFFINITY,
};

// What else shows that it is this policy which runs, once its lines have been tried.
const further: Record<string, (demo: Demo, outputs: string[]) => Promise<void> | void> = {
  canary: async ({ port }, [, answer]) => {
    match(answer ?? "", /OK/);
    const ask = ["--silent", "-H", "Host: abc.sample.com", `http://127.0.0.1:${port}/`];
    match((await exec("curl", ask)).stdout, /^Hostname: session-canary-/, "newcomers meet the canary");
  },
  debug: (demo) => {
    const log = join(root, /log (\S+)$/m.exec(demo.output())![1]!);
    const lines = readFileSync(log, "utf8").match(/ affinity: debug: /g);
    equal(lines?.length, 2, "the log that it names explains the request of its line");
  },
};

for (const name of Object.keys(policies)) {
  test(`npm start -- --policy ${name} runs, and the README tells of it`, async () => {
    const demo = await readyDemo({ PODS: "1" }, [...PROGRAM, "--policy", name]);
    match(demo.output(), new RegExp(`^policy ${name}: .*\n {2}${policyFile(name)}$`, "m"));
    const outputs = await tried(demo);
    match(outputs[0] ?? "", shown[name]!);
    await further[name]?.(demo, outputs);
    ok(readme.includes(`| \`${name}\``), `README.md has no row for ${name}`);
  });
}

test("each row of the README's comparison names a test on a real Envoy that is there", () => {
  const table = /^\| ours +\|[^]*?\n\n/m.exec(readme)?.[0] ?? "";
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:ours|---)/.test(line));
  ok(rows.length >= 30, `${rows.length} rows`);
  for (const row of rows) {
    const file = /\]\((test\/envoy\/[\w-]+\.test\.ts)\) +\|$/.exec(row)?.[1];
    ok(file !== undefined && existsSync(join(root, file)), row);
  }
});
