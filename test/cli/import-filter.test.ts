/** The filter's word on every configuration in the golden files of `import`. */
import { deepEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { configurationsIn } from "../../cli/commands/configurations.ts";
import { configure, loadFilter } from "../../cli/filter-module.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { golden, goldenFile, inputs, targets } from "../support/golden.ts";

const KEY = Buffer.alloc(32, 7).toString("base64");

interface Manifest {
  readonly kind?: string;
  readonly spec?: {
    readonly pluginConfig?: object;
    readonly wasm?: readonly { readonly config?: object }[];
  };
}

/** The JSON that the filter is handed, by an Envoy of its own or by a control plane. */
function configurationsOf(file: string): string[] {
  const text = golden(file);
  if (text === "") return [];
  if (file.endsWith(".envoy.yaml")) {
    // Without affinity there is no filter in it, and so nothing to find.
    if (!text.includes("google.protobuf.StringValue")) return [];
    const { found } = configurationsIn(Buffer.from(text), file, "");
    return found.map(({ configuration }) => Buffer.from(configuration).toString());
  }
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest | null);
  return manifests.flatMap((manifest) => {
    const { pluginConfig, wasm = [] } = manifest?.spec ?? {};
    return [pluginConfig, ...wasm.map(({ config }) => config)].flatMap((config) =>
      config === undefined ? [] : [JSON.stringify(config)],
    );
  });
}

const filter = loadFilter(join(root, "build/affinity.wasm"));

for (const target of targets)
  test(`the filter takes every configuration that import wrote for ${target}`, () => {
    const problems: string[] = [];
    let count = 0;
    for (const file of inputs.map((input) => goldenFile(input, target)))
      for (const configuration of configurationsOf(file)) {
        count++;
        const { accepted, lines } = configure(filter, {
          configuration: Buffer.from(configuration),
          pluginName: "affinity",
          environment: { AFFINITY_KEY: KEY, SHOP_KEY: KEY },
        });
        if (!accepted) problems.push(`${file}: ${lines.join("\n")}`);
      }
    deepEqual(problems, []);
    ok(count >= 40, `${count} configurations`);
  });
