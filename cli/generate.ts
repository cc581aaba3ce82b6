/**
 * `npm run generate`, its part for people: writes envoy/policies. With --check nothing is written; a stale file is named
 * and the exit code is 1.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { format, resolveConfig } from "prettier";
import { policies, policyFile, policyText } from "./policies.ts";
import { root } from "./root.ts";

const FOLDER = dirname(policyFile("any"));
const check = process.argv.includes("--check");
let stale = 0;

function found(file: string, mend: () => void): void {
  if (!check) return mend();
  console.error(`${file}: not what cli/policies.ts and envoy/gateway.yaml make; run: npm run generate`);
  stale++;
}

mkdirSync(join(root, FOLDER), { recursive: true });
const options = await resolveConfig(join(root, policyFile("any")));
for (const [name, policy] of Object.entries(policies)) {
  const file = policyFile(name);
  const path = join(root, file);
  const text = await format(policyText(name, policy), { ...options, parser: "yaml" });
  const current = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (current !== text) found(file, () => writeFileSync(path, text));
}
for (const name of readdirSync(join(root, FOLDER))) {
  const file = `${FOLDER}/${name}`;
  if (!Object.keys(policies).some((policy) => policyFile(policy) === file))
    found(file, () => rmSync(join(root, file)));
}
process.exitCode = stale === 0 ? 0 : 1;
