/** Every input of test/cli/import for every target. `UPDATE_GOLDEN=1 npm test -- cli/import-golden` writes what comes out. */
import { deepEqual, equal } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "../support/check.ts";
import { NOW, argumentsFor, folder, golden, goldenFile, inputs, renew, targets } from "../support/golden.ts";
import { commandLine } from "./command-line.ts";

// Files are named in the notes as they were on the command line.
process.chdir(folder);

for (const input of inputs)
  test(`${input} becomes what its golden files say`, async () => {
    let notes = "";
    for (const target of targets) {
      const { stdout, stderr, code } = await commandLine(argumentsFor(input, target), { now: NOW });
      const file = goldenFile(input, target);
      renew(file, stdout);
      equal(stdout, golden(file), file);
      notes += `== ${target}: exit code ${code}\n${stderr}`;
    }
    const file = goldenFile(input, "notes");
    renew(file, notes);
    equal(notes, golden(file), file);
  });

test("every golden file belongs to an input, and there are enough", () => {
  const expected = inputs.flatMap((input) => [
    input,
    ...([...targets, "notes"] as const).map((of) => goldenFile(input, of)),
  ]);
  const others = readdirSync(folder).filter(
    (file) => !expected.includes(file) && !file.endsWith(".endpoints.yaml"),
  );
  deepEqual(others, []);
  equal(inputs.length >= 40, true, `${inputs.length} inputs`);
});
