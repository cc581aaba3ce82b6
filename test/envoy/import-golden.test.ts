/** What `import --to envoy` wrote of every input in test/cli/import, as Envoy sees it. */
import { equal, ok } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { parse } from "yaml";
import { findEnvoy } from "../../cli/envoy.ts";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";
import { test } from "../support/check.ts";
import { secret } from "../support/gateway.ts";
import { folder, golden, goldenFile, inputs } from "../support/golden.ts";

interface Listener {
  name: string;
  address: { socket_address: { port_value: number } };
}

interface Bootstrap {
  static_resources: { listeners: Listener[]; clusters: { name: string }[] };
}

// Those whose golden output is empty have nothing to validate; they are few.
const files = inputs.map((input) => goldenFile(input, "envoy")).filter((file) => golden(file) !== "");
const elsewhere = mkdtempSync(join(tmpdir(), "golden-"));
after(() => rmSync(elsewhere, { recursive: true }));
// The filter's path in them is relative to the checkout.
process.chdir(root);

/** What Envoy has against a configuration; a warning is what it will not take for long, or what does nothing. */
async function problems(envoy: string, path: string): Promise<string> {
  const env = { ...process.env, AFFINITY_KEY: secret, SHOP_KEY: secret };
  const args = ["--mode", "validate", "--log-level", "warning", "-c", path];
  const { code, output } = await run(envoy, args, { env });
  return code === 0 && !/\[(warning|error|critical)\]/.test(output) ? "" : `${path}:\n${output}`;
}

/**
 * One configuration with every listener and every cluster of all of them, as each start of Envoy takes a while. Clusters
 * of a name that is taken get another; routes then lead to the first, which is all that Envoy asks of a route.
 */
function together(): Bootstrap {
  const [first = "", ...others] = files;
  const merged = parse(golden(first)) as Bootstrap;
  const { listeners, clusters } = merged.static_resources;
  const names = new Set(clusters.map(({ name }) => name));
  for (const [index, file] of others.entries()) {
    const { static_resources } = parse(golden(file)) as Bootstrap;
    for (const listener of static_resources.listeners) {
      listener.address.socket_address.port_value = 10_000 + index;
      listeners.push({ ...listener, name: file });
    }
    for (const cluster of static_resources.clusters) {
      const name = names.has(cluster.name) ? `${cluster.name}-${file}` : cluster.name;
      names.add(name);
      clusters.push({ ...cluster, name });
    }
  }
  return merged;
}

test("Envoy takes every configuration that import wrote", async () => {
  ok(files.length >= 40, `${files.length} files`);
  const envoy = await findEnvoy(() => undefined);
  const path = join(elsewhere, "together.json");
  writeFileSync(path, JSON.stringify(together()));
  let found = await problems(envoy, path);
  // Which of them it is, Envoy does not always say.
  if (found !== "") for (const file of files) found += await problems(envoy, join(folder, file));
  equal(found, "");
});
