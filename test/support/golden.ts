/** The golden files of `import` in test/cli/import: what goes in, what comes out, and how it is run. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import type { Target } from "../../cli/import/model.ts";

export const folder = join(root, "test/cli/import");
export const targets: readonly Target[] = ["envoy", "envoy-gateway", "istio"];

/** Unix time in seconds: 2027-01-15T08:00:00Z. */
export const NOW = 1_800_000_000;

/** NN-name.yaml or .json; all that has another dot in its name goes with one of these. */
export const inputs = readdirSync(folder)
  .filter((file) => /^\d\d-[a-z0-9-]+\.(yaml|json)$/.test(file))
  .sort();

/** The arguments for an input: those of its first line behind `# import:`, and where the filter is. */
export function argumentsFor(input: string, target: Target): string[] {
  const [, more = ""] = /^# import: (.*)/.exec(readFileSync(join(folder, input), "utf8")) ?? [];
  const wasm = target === "envoy" ? "build/affinity.wasm" : "registry.example.com/affinity:1";
  return ["import", input, "--to", target, "--wasm", wasm, ...more.split(" ").filter((word) => word !== "")];
}

/** The golden file of an input: its manifests for a target, or all that was said. */
export function goldenFile(input: string, of: Target | "notes"): string {
  return `${input.replace(/\.\w+$/, "")}.${of === "notes" ? "notes.txt" : `${of}.yaml`}`;
}

/** The text of a golden file; empty when there is none, as there is for an empty output. */
export function golden(file: string): string {
  const path = join(folder, file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** With UPDATE_GOLDEN=1 in the environment: writes the golden file anew. */
export function renew(file: string, text: string): void {
  if (process.env["UPDATE_GOLDEN"] !== "1") return;
  if (text === "") rmSync(join(folder, file), { force: true });
  else writeFileSync(join(folder, file), text);
}
