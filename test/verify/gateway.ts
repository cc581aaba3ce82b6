/**
 * `npm run verify:gateway`: has Envoy Gateway itself check what `import --to envoy-gateway` writes, and translate it for
 * Envoy. Not part of `npm test`, which needs no Go. The last line is `N passed, N failed`.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { EmitOptions, Manifest } from "../../cli/import/emit.ts";
import type { Model } from "../../cli/import/model.ts";
import { toYaml } from "../../cli/import/render.ts";
import {
  affinity,
  at,
  backend,
  canaried,
  everything,
  modelOf,
  written,
} from "../support/envoy-gateway-model.ts";
import type { Json } from "../support/shape.ts";
import { buildEgctl, translate, validate } from "./egctl.ts";
import { offline } from "./offline.ts";

const header = { name: "X-Canary" };
const models: Record<string, [Model, Partial<EmitOptions>?]> = {
  "one-service": [modelOf({ name: "a.example", routes: [at("/", backend("app", { affinity }))] })],
  "no-affinity": [modelOf({ name: "a.example", routes: [at("/", backend("app"))] })],
  "file-by-http": [
    modelOf({ name: "a.example", routes: [at("/", backend("app", { affinity }))] }),
    { wasm: "https://files.example.com/affinity.wasm" },
  ],
  "odd-paths": [
    modelOf({
      name: "a.example",
      routes: ["/i//j", "/k/../l", "/m%2fn", "/ö p", "/q/"].map((path, index) =>
        at(path, backend(`s${index}`)),
      ),
    }),
  ],
  "many-rules": [
    modelOf({
      name: "a.example",
      routes: Array.from({ length: 40 }, (_, index) =>
        at(`/${index}`, backend(`s${index % 2}`, { affinity })),
      ),
    }),
  ],
  "many-paths": [
    modelOf({
      name: "a.example",
      routes: Array.from({ length: 200 }, (_, index) => at(`/${index}`, backend("app", { affinity }))),
    }),
  ],
  "canary-header-cookie": [canaried({ header, cookie: "beta" })],
  "canary-weight-0": [canaried({ weight: 0 })],
  "canary-weight-100": [canaried({ weight: 100 })],
  "canary-legacy": [canaried({ sticky: false, header: { name: "X-Canary", value: "yes" } })],
  "canary-no-affinity": [canaried({ header: { name: "X-Canary", pattern: "^v[12]" } }, {})],
  everything: [everything],
  "everything-balanced": [everything, { keepBalanced: true }],
};

/** One manifest of everything, broken in one place, and what Envoy Gateway is to say of it. */
const broken: Record<string, [kind: string, (spec: Json) => void, RegExp]> = {
  "a field that is not there": [
    "HTTPRoute",
    ({ rules }) => (pinned(rules).sessionPersistence.strict = true),
    /strict/,
  ],
  "a cookie's settings for a header": [
    "HTTPRoute",
    ({ rules }) => (pinned(rules).sessionPersistence.cookieConfig = { lifetimeType: "Session" }),
    /cookieConfig can only be set with type Cookie/,
  ],
  "17 rules": [
    "HTTPRoute",
    (spec) =>
      (spec.rules = Array.from({ length: 17 }, (_, index) => ({ ...spec.rules[0], name: `r${index}` }))),
    /must have at most 16 items/,
  ],
  "an order of a filter that is not there": [
    "EnvoyProxy",
    ({ filterOrder }) => (filterOrder[0].name = "envoy.filters.http.router"),
    /filterOrder\[0\]\.name.*Unsupported value/,
  ],
  "an image and a file": [
    "EnvoyExtensionPolicy",
    ({ wasm }) => (wasm[0].code.http = { url: "https://files.example.com/affinity.wasm" }),
    /If type is HTTP, http field needs to be set/,
  ],
  "a policy of a Service": [
    "EnvoyExtensionPolicy",
    ({ targetRefs }) => (targetRefs[0] = { group: "", kind: "Service", name: "app" }),
    /targetRefs\[\*\]\.group/,
  ],
  "a reason to retry that is not there": [
    "BackendTrafficPolicy",
    ({ retry }) => retry.retryOn.triggers.push("reset-somehow"),
    /reset-somehow/,
  ],
  "a listener for https without a certificate": [
    "Gateway",
    ({ listeners }) => delete listeners[1].tls.certificateRefs,
    /certificateRefs or options must be specified/,
  ],
  "a patch without a target": ["EnvoyPatchPolicy", (spec) => delete spec.targetRef, /targetRef/],
};

const pinned = (rules: Json[]): Json => rules.find((rule) => rule.sessionPersistence);

const checks: [string, () => void][] = [
  ...Object.entries(models).map(([name, [model, more]]): [string, () => void] => [
    `Envoy Gateway takes ${name}`,
    () => equal(validate(name, toYaml(written(model, more).manifests)), ""),
  ]),
  ...Object.entries(broken).map(([name, [kind, spoil, said]]): [string, () => void] => [
    `Envoy Gateway refuses ${name}`,
    () => {
      const manifests = structuredClone(written(everything).manifests) as Manifest[];
      const { document }: { document: Json } = manifests.find(
        (each: Json) => each.document.kind === kind,
      ) as Json;
      spoil(document.spec);
      match(validate("broken", toYaml(manifests)), said);
    },
  ]),
  ...Object.entries(models)
    .filter(([, [model]]) => model.backends.some((each) => each.affinity))
    .map(([name, [model, more]]): [string, () => void] => [
      `Envoy Gateway makes the clusters of ${name} that its policies name, and patches them`,
      () => assertClusters(name, model, more),
    ]),
  ["Envoy Gateway keeps the order of rules and paths", assertOrder],
];

function assertClusters(name: string, model: Model, more?: Partial<EmitOptions>): void {
  const { manifests, specs } = written(model, more);
  const patched = new Set(
    specs("EnvoyPatchPolicy")
      .flatMap((spec) => (spec as Json).jsonPatches)
      .filter(({ type }: Json) => type.endsWith(".Cluster"))
      .map((patch: Json) => patch.name as string),
  );
  const named = specs("EnvoyExtensionPolicy").flatMap((spec) => {
    const { services, ...single } = (spec as Json).wasm[0].config;
    const policies: Json[] = services ?? [single];
    return policies.flatMap(({ clusters = [], cluster }) => [...clusters, ...(cluster?.names ?? [])]);
  });
  const made = clustersOf(translate(name, offline(manifests)));
  const isPinned = ({ commonLbConfig = {} }: Json): boolean =>
    commonLbConfig.overrideHostStatus?.statuses?.includes("DRAINING") ?? false;
  deepEqual(
    made.filter(isPinned).map((each) => each.name),
    made.filter((each) => patched.has(each.name)).map((each) => each.name),
  );
  equal(made.filter(isPinned).length, patched.size);
  const names = new Set(made.map((each) => each.name as string));
  // A version of weight 0 has none.
  const absent = named.filter((each: string) => !names.has(each));
  deepEqual(
    absent.filter((each: string) => !/\/backend\/\d$/.test(each)),
    [],
  );
  if (!name.startsWith("canary-weight")) deepEqual(absent, []);
}

function assertOrder(): void {
  const { manifests, specs } = written(everything);
  const hosts = new Map<string, Json[]>(
    sections(translate("order", offline(manifests)), "RoutesConfigDump")
      .flatMap(({ dynamicRouteConfigs }) => dynamicRouteConfigs)
      .flatMap(({ routeConfig }: Json) => routeConfig.virtualHosts ?? [])
      .map(({ domains, routes }: Json) => [domains[0], routes]),
  );
  const routes = specs("HTTPRoute") as Json[];
  ok(routes.length > 2);
  for (const { hostnames = ["*"], rules } of routes)
    deepEqual(
      hosts
        .get(hostnames[0])
        ?.map(({ match: { path, prefix, pathSeparatedPrefix, safeRegex } }) => [
          path ?? prefix ?? pathSeparatedPrefix ?? safeRegex.regex,
        ]),
      rules.flatMap(({ matches }: Json) => matches.map(({ path }: Json) => [path.value])),
    );
}

function clustersOf(dump: unknown): Json[] {
  return sections(dump, "ClustersConfigDump").flatMap(({ dynamicActiveClusters = [] }) =>
    dynamicActiveClusters.map(({ cluster }: Json) => cluster),
  );
}

function sections(dump: unknown, type: string): Json[] {
  const { xds } = dump as Json;
  return Object.values(xds).flatMap(({ configs }: Json) =>
    configs.filter((each: Json) => each["@type"].endsWith(`.${type}`)),
  );
}

try {
  buildEgctl();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
let failed = 0;
for (const [name, check] of checks) {
  try {
    check();
    console.log(`✔ ${name}`);
  } catch (error) {
    failed++;
    console.error(`✖ ${name}\n${(error as Error).message}`);
  }
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
