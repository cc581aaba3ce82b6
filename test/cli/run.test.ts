import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeProcesses } from "../node-processes.ts";
import { runSuites, type SuiteRun } from "../queue.ts";
import { nodeTestOptions } from "../suites.ts";
import { closeLater, test } from "../support/check.ts";
import { Tally } from "../tally.ts";

const TIMEOUT_MS = 60_000;

/** Runs suites of these files, each the program of a node process under the reporter of `npm test`: what each came to. */
async function runAll(
  suites: Record<string, Record<string, string>>,
  { lanes = 1, longest = [] as string[], processes = new NodeProcesses(), said = [] as string[] } = {},
): Promise<Record<string, Tally>> {
  const folder = mkdtempSync(join(tmpdir(), "run-test-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  const options = nodeTestOptions(TIMEOUT_MS);
  const runs = Object.entries(suites).map(([name, programs]): SuiteRun => {
    mkdirSync(join(folder, "test", name), { recursive: true });
    const suite = {
      name,
      file: /\.test\.js$/,
      processes: (files: string[]) =>
        files.map((file) => ({ files: [file], args: [...options, join(folder, file)] })),
    };
    const files = Object.entries(programs).map(([file, program]) => {
      const path = `test/${name}/${file}.test.js`;
      writeFileSync(join(folder, path), PRELUDE + program.replaceAll("FOLDER", folder));
      return path;
    });
    return { suite, files, tally: new Tally(), seconds: 0 };
  });
  await runSuites(runs, processes, { lanes, longest, say: (output) => void said.push(output) });
  return Object.fromEntries(runs.map(({ suite, tally }) => [suite.name, tally]));
}

const PRELUDE = `
  import { test } from "node:test";
  import assert from "node:assert/strict";
  import { appendFileSync, existsSync, readFileSync } from "node:fs";
`;

test("each suite has its own count, and a failure its file, its name and what it says", async () => {
  const said: string[] = [];
  const { one, other } = await runAll(
    {
      one: { sound: `test("a", () => {}); test("b", () => {});` },
      other: {
        broken: `test("adds up", () => {\n  assert.equal(1 + 1, 3);\n}); test("sound", () => {});`,
        text: `test("throws a text", () => { throw "no error"; });`,
      },
    },
    { said },
  );
  equal(said.length, 3);
  match(said[0]!, /^\ntest\/one\/sound\.test\.js \(\d+\.\d s\)\n✔ a \(.*\n✔ b \(/);
  equal(String(one), "2 passed, 0 failed");
  equal(String(other), "1 passed, 2 failed");
  deepEqual(other!.failures[0]!.split("\n").slice(0, 3), [
    "test/other/broken.test.js: adds up",
    "    test/other/broken.test.js:6",
    "    Expected values to be strictly equal:",
  ]);
  match(other!.failures[0]!, /\n {4}2 !== 3$/m);
  equal(other!.failures[1], "test/other/text.test.js: throws a text\n    no error");
});

test("of a long message the first ten lines are shown, and how many are left", async () => {
  const { one } = await runAll({
    one: {
      long: `test("long", () => { throw new Error(Array.from({ length: 13 }, (_, n) => "line " + n).join("\\n")); });`,
    },
  });
  const lines = one!.failures[0]!.split("\n");
  deepEqual(lines.slice(1), [
    "    test/one/long.test.js:5",
    ...Array.from({ length: 9 }, (_, number) => `    line ${number}`),
    "    ... (4 lines more above)",
  ]);
});

test("a failure in a compiled test names the line of its source", async () => {
  const { one } = await runAll({
    one: {
      placed: `test("placed", () => {
        const error = new Error("why");
        error.stack = "Error: why\\n    at check (/x/test/support/check.ts:1:1)\\n    at /x/test/one/a.test.ts:7:3";
        throw error;
      });`,
    },
  });
  equal(one!.failures[0], "test/one/placed.test.js: placed\n    test/one/a.test.ts:7\n    why");
});

test("a file that runs no test, one that skips, and a process that breaks are failures, with the last it said", async () => {
  const { one } = await runAll({
    one: {
      silent: `console.log("nothing here");`,
      skipped: `test.skip("later", () => {});`,
      broken: `test("fine", () => {}); process.on("exit", () => process.exit(3));`,
      dead: `console.log("last words"); process.kill(process.pid, "SIGKILL");`,
    },
  });
  const failures = Object.fromEntries(
    one!.failures.map((failure) => [/test\/one\/(\w+)/.exec(failure)![1], failure]),
  );
  match(failures["silent"]!, /: ran no test\n {4}[^]*nothing here/);
  match(failures["skipped"]!, /: later: skipped$/);
  equal(one!.failures.length, 4, one!.failures.join("\n"));
  ok("broken" in failures && "dead" in failures, one!.failures.join("\n"));
});

test("the longest files begin first, whatever their suite, and the others keep their order", async () => {
  const begins = (name: string): string =>
    `test("${name}", () => appendFileSync("FOLDER/order", "${name} "));`;
  const { last } = await runAll(
    {
      one: { a: begins("a"), b: begins("b") },
      two: { c: begins("c"), d: begins("d") },
      last: {
        order: `test("order", () => assert.equal(readFileSync("FOLDER/order", "utf8"), "d b a c "));`,
      },
    },
    { longest: ["test/two/d.test.js", "test/one/b.test.js"] },
  );
  equal(String(last), "1 passed, 0 failed", last!.failures.join("\n"));
});

test("lanes run files of different suites at a time, and each has ports of its own", async () => {
  // Each waits for the other: one after another they would never end.
  const meets = (own: string, other: string): string => `test("meets", async () => {
    const [from, to] = process.env.TEST_PORTS.split("-").map(Number);
    appendFileSync("FOLDER/${own}", from + " " + to);
    while (!existsSync("FOLDER/${other}") || readFileSync("FOLDER/${other}", "utf8") === "")
      await new Promise((resolve) => setTimeout(resolve, 10));
    const [otherFrom, otherTo] = readFileSync("FOLDER/${other}", "utf8").split(" ").map(Number);
    assert.ok(from > 1024 && from < to && (to < otherFrom || otherTo < from), [from, to, otherFrom, otherTo]);
  });`;
  const { one, two } = await runAll(
    { one: { a: meets("a", "b") }, two: { b: meets("b", "a") } },
    { lanes: 2 },
  );
  equal(`${one}; ${two}`, "1 passed, 0 failed; 1 passed, 0 failed", one!.failures.join());
});

test("a signal ends what runs, begins nothing more, and fails nothing that was never begun", async () => {
  const processes = new NodeProcesses();
  const ended = setInterval(() => {}, 1000);
  closeLater({ close: () => clearInterval(ended) });
  const running = runAll(
    {
      one: { waits: `test("waits", () => new Promise((resolve) => setTimeout(resolve, 600_000)));` },
      two: { never: `test("never", () => {});` },
    },
    { processes },
  );
  // Its process is spawned by now, as the first lane begins at once.
  processes.end("SIGTERM");
  const { one, two } = await running;
  equal(one!.passed + two!.passed + two!.failures.length, 0);
});
