import { equal } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEnvoy } from "../../cli/envoy.ts";
import type { EmitOptions } from "../../cli/import/emit.ts";
import type { Affinity, Canary, Model } from "../../cli/import/model.ts";
import { toYaml } from "../../cli/import/render.ts";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";
import { closeLater, test } from "../support/check.ts";
import { tutorialModel, written } from "../support/envoy-model.ts";
import { secret } from "../support/gateway.ts";
import { affinity, at, backend, canaried, hostOf, modelOf } from "../support/istio-model.ts";

const cookie = {
  ...affinity.cookie,
  domain: "a.example",
  lifetime: 3600,
  secure: true,
  sameSite: "None" as const,
};
const affinities: Readonly<Record<string, Affinity>> = {
  persistent: affinity,
  balanced: { ...affinity, mode: "balanced" },
  "clients stay at a pod that refuses": { ...affinity, changeOnFailure: false },
  "every field of the cookie": {
    ...affinity,
    cookie: {
      ...cookie,
      conditionalSameSiteNone: true,
      partitioned: true,
      formerPaths: ["/", "/a"],
      suffix: "b",
    },
  },
};
const canaries: Readonly<Record<string, Partial<Canary>>> = {
  weight: {},
  "weight 0": { weight: 0 },
  "all of 1000": { weight: 1000, total: 1000 },
  header: { header: { name: "X-Canary" } },
  "header's value": { header: { name: "X-Canary", value: 'a "b" \\ ; c' } },
  "header's pattern": { header: { name: "X-Canary", pattern: "^(a|b)+\\d{1,3}$" } },
  "cookie of odd characters": { cookie: "a.b+c|d" },
  legacy: { sticky: false, header: { name: "x" }, cookie: "y" },
};
const paths = modelOf({
  name: "*",
  routes: [
    at("/", backend("a"), { match: "exact" }),
    at("/a?b", backend("a")),
    at("/a/", backend("a")),
    at("/a#", backend("a")),
    at("/é b", backend("a")),
    at("/[a-z]{2,5}/(?i:x)|/y$", backend("a"), { match: "regex" }),
    at("", backend("a"), { match: "start" }),
    at("/", backend("a")),
  ],
});

const models: Record<string, readonly [Model, Partial<EmitOptions>?]> = {
  "the tutorial's": [tutorialModel],
  paths: [paths],
  "hosts of all kinds": [
    modelOf(
      ...["a.example", "*.a.example", "*.b.a.example", "*"].map((name) =>
        hostOf(name, backend("a", { affinity })),
      ),
    ),
  ],
  "many services of one name": [
    modelOf(
      ...Array.from({ length: 30 }, (_, index) => {
        const namespace = `ns-${index}`;
        return hostOf(
          `h${index}.example`,
          backend("app", { name: `${namespace}-app-80`, namespace, affinity }),
        );
      }),
    ),
  ],
  "endpoints of both families, and none": [
    modelOf(
      hostOf("a.example", backend("a", { affinity, endpoints: ["10.0.0.1:80", "[fd00::1]:80"] })),
      hostOf("b.example", backend("b", { affinity, endpoints: [] })),
    ),
  ],
};
for (const [name, own] of Object.entries(affinities)) {
  const endpoints = ["10.0.0.1:80", "10.0.0.2:80"];
  models[name] = [modelOf(hostOf("a.example", backend("a", { affinity: own, endpoints })))];
  models[`${name}, kept balanced`] = [
    modelOf(hostOf("a.example", backend("a", { affinity: own }))),
    { keepBalanced: true, sameName: true },
  ];
  for (const [by, more] of Object.entries(canaries))
    models[`${name}, canary by ${by}`] = [canaried(more, { affinity: own }), { keepBalanced: true }];
}
for (const [by, more] of Object.entries(canaries)) models[`canary by ${by}`] = [canaried(more, {})];

test(`Envoy takes what is written of each of ${Object.keys(models).length} models`, async () => {
  const envoy = await findEnvoy((line) => process.stderr.write(`${line}\n`));
  const folder = mkdtempSync(join(tmpdir(), "affinity-import-"));
  closeLater({ close: () => rmSync(folder, { recursive: true }) });
  const file = join(folder, "envoy.yaml");
  for (const [name, [model, more]] of Object.entries(models)) {
    writeFileSync(
      file,
      toYaml(written(model, { wasm: join(root, "build/affinity.wasm"), ...more }).manifests),
    );
    const args = ["--mode", "validate", "--log-level", "warning", "-c", file];
    const { code, output } = await run(envoy, args, { env: { AFFINITY_KEY: secret } });
    equal(code, 0, `${name}: ${output}`);
  }
});
