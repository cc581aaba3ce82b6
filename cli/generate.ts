/**
 * `npm run generate`, its part for people: writes the demo's gateways in envoy/, and the table of annotations in
 * docs/migration.md. With --check nothing is written; a stale file is named and the exit code is 1.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { format, resolveConfig } from "prettier";
import { ADDITIONS, GATEWAY, IMPORTED, INGRESS, gatewayText, importedText } from "./demo-gateway.ts";
import { withAnnotationTable } from "./annotation-table.ts";
import { policies, policyFile, policyText } from "./policies.ts";
import { root } from "./root.ts";

const FOLDER = dirname(policyFile("any"));
const GUIDE = "docs/migration.md";
const check = process.argv.includes("--check");
let stale = 0;

function found(file: string, sources: string, mend: () => void): void {
  if (!check) return mend();
  console.error(`${file}: not what is made of ${sources}; run: npm run generate`);
  stale++;
}

async function generate(file: string, sources: string, text: string): Promise<void> {
  const path = join(root, file);
  const formatted = await format(text, { ...(await resolveConfig(path)), filepath: path });
  const current = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (current !== formatted) found(file, sources, () => writeFileSync(path, formatted));
}

// Each of the gateways is made of the one before.
await generate(IMPORTED, `${INGRESS} by the importer`, importedText());
await generate(GATEWAY, `${IMPORTED} and ${ADDITIONS}`, gatewayText());
mkdirSync(join(root, FOLDER), { recursive: true });
for (const [name, policy] of Object.entries(policies))
  await generate(policyFile(name), `cli/policies.ts and ${GATEWAY}`, policyText(name, policy));
for (const name of readdirSync(join(root, FOLDER))) {
  const file = `${FOLDER}/${name}`;
  if (!Object.keys(policies).some((policy) => policyFile(policy) === file))
    found(file, "cli/policies.ts", () => rmSync(join(root, file)));
}
await generate(
  GUIDE,
  "cli/import/annotations.ts",
  withAnnotationTable(readFileSync(join(root, GUIDE), "utf8")),
);
process.exitCode = stale === 0 ? 0 : 1;
