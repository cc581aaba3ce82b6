import { deepEqual, equal } from "node:assert/strict";
import {
  affinity,
  at,
  backend,
  briefly,
  canaried,
  canary,
  modelOf,
  rules,
  source,
  written,
} from "../support/envoy-gateway-model.ts";
import { test } from "../support/check.ts";

const RULE = "httproute/shop/a.example/rule";
const literal = (text: string): string => text.replaceAll(".", "\\.");
const cluster = (...names: string[]) => ({
  type: names.length > 1 ? "RegularExpression" : "Exact",
  name: "x-affinity-cluster",
  value: names.map((name) => (names.length > 1 ? literal(name) : name)).join("|"),
});
const cookie = (name: string, value: string) => ({
  type: "RegularExpression",
  name: "cookie",
  value: `(?:.*;\\s*)?${name}=${value}(?:\\s*;.*)?`,
});
const says = (value: string) => ({ type: "Exact", name: "X-Canary", value });

test("clients of a canary stay at their version before anything else is asked", () => {
  const model = canaried({ header: { name: "X-Canary" }, cookie: "try_me" });
  const rule = (index: number | string) => `${RULE}/${index}`;
  const [own, second] = [
    [rule(0), rule(3), rule(5), rule("6/backend/0")],
    [rule(1), rule(2), rule(4), rule("6/backend/1")],
  ] as const;
  deepEqual(rules(model).map(briefly), [
    { name: "app-80-belongs", headers: [cluster(...own)], to: ["app"] },
    { name: "next-80-belongs-canary", headers: [cluster(...second)], to: ["next"] },
    { name: "next-80-header-always", headers: [says("always")], to: ["next"] },
    { name: "app-80-header-never", headers: [says("never")], to: ["app"] },
    { name: "next-80-cookie-always", headers: [cookie("(?i:try_me)", "always")], to: ["next"] },
    { name: "app-80-cookie-never", headers: [cookie("(?i:try_me)", "never")], to: ["app"] },
    { name: "app-80-weights", headers: [], to: ["app 90", "next 10"] },
  ]);
  const [policy] = written(model).specs("EnvoyExtensionPolicy") as [
    { targetRefs: object[]; wasm: { config: { cluster: object } }[] },
  ];
  equal(policy.targetRefs.length, 7);
  deepEqual(policy.wasm[0]?.config.cluster, { names: [...own, ...second] });
});

test("the versions are kept apart where weights choose, as a filter of a backend's own makes Envoy Gateway do", () => {
  const weights = rules(canaried({})).at(-1);
  const filters = [
    { type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["x-affinity-cluster"] } },
  ];
  deepEqual(weights?.backendRefs, [
    { name: "app", port: 80, weight: 90, filters },
    { name: "next", port: 80, weight: 10, filters },
  ]);
});

for (const [weight, ...weights] of [
  [0, 100, 0],
  [100, 0, 100],
] as const)
  test(`with weight ${weight} the places of the versions are the same, and those who belong to one stay there`, () => {
    deepEqual(
      rules(canaried({ weight }))
        .map(briefly)
        .map((rule) => (rule as { to: string[] }).to),
      [["app"], ["next"], [`app ${weights[0]}`, `next ${weights[1]}`]],
    );
    deepEqual(
      rules(canaried({ weight }, {})).map(({ backendRefs }) => backendRefs),
      [[{ name: weight === 0 ? "app" : "next", port: 80, weight: 100 }]],
    );
  });

test("no patch is for a version of weight 0, of which Envoy Gateway makes no cluster", () => {
  const [draining] = written(canaried({ weight: 0 })).specs("EnvoyPatchPolicy") as [
    { jsonPatches: { name: string }[] },
  ];
  deepEqual(
    draining.jsonPatches.map(({ name }) => name),
    [`${RULE}/0`, `${RULE}/1`, `${RULE}/2/backend/0`],
  );
});

test("a total that is more than a weight may be is brought down, and no version to nothing", () => {
  const [app, next] = rules(canaried({ weight: 1, total: 4_000_000 })).at(-1)?.backendRefs ?? [];
  deepEqual([app?.weight, next?.weight], [1_000_000, 1]);
});

test("with legacy behaviour a cookie belongs to the first version, and what the second serves is left alone", () => {
  const endpoints = ["10.0.0.1:80"];
  const model = canaried(
    { sticky: false, header: { name: "X-Canary", value: "yes" } },
    { affinity, endpoints },
  );
  // md5hex(md5hex("shop-app-80") + "shop-app-80"), by md5sum(1).
  const former = "[^|;]+\\|41628d37024dc6c77fdc41b3ea716b4c";
  const [belongs, ...others] = rules(model).map(briefly) as [{ headers: { value: string }[] }, ...object[]];
  deepEqual(others, [
    { name: "next-80-header", headers: [says("yes")], to: ["next"] },
    { name: "app-80-weights", headers: [], to: ["app 90", "next 10"] },
  ]);
  deepEqual(belongs, {
    name: "app-80-belongs",
    headers: [cookie("route-affinity", "[^;]*"), cookie("route", former)],
    to: ["app"],
  });
  const [policy] = written(model).specs("EnvoyExtensionPolicy") as [
    { targetRefs: { sectionName: string }[]; wasm: { config: { services: { clusters: string[] }[] } }[] },
  ];
  deepEqual(
    policy.targetRefs.map(({ sectionName }) => sectionName),
    ["app-80-belongs", "app-80-weights"],
  );
  deepEqual(
    policy.wasm[0]?.config.services.map(({ clusters }) => clusters),
    [[`${RULE}/0`, `${RULE}/2/backend/0`]],
  );
});

test("a canary of a service without affinity is chosen for each request", () => {
  const model = canaried({ header: { name: "X-Canary" } }, {});
  deepEqual(
    rules(model).map(({ name, filters, sessionPersistence }) => [name, filters, sessionPersistence]),
    [
      ["next-80-header-always", undefined, undefined],
      ["app-80-header-never", undefined, undefined],
      ["app-80-weights", undefined, undefined],
    ],
  );
});

test("old cookies are honoured for both versions, each by its own", () => {
  const model = canaried(
    { backend: backend("next", { endpoints: ["10.0.1.1:80"] }) },
    { affinity, endpoints: ["10.0.0.1:80"] },
  );
  const [policy] = written(model).specs("EnvoyExtensionPolicy") as [
    {
      wasm: {
        config: { accept: { formats: { backend: string; endpoints: string[]; cluster: string }[] } };
      }[];
    },
  ];
  deepEqual(
    policy.wasm[0]?.config.accept.formats.map(({ backend: of, endpoints, cluster: to }) => [
      of,
      endpoints,
      to,
    ]),
    [
      ["shop-app-80", ["10.0.0.1:80"], `${RULE}/0`],
      ["shop-next-80", ["10.0.1.1:80"], `${RULE}/1`],
    ],
  );
});

test("more clusters than the filter tells apart are lost, not cut off", () => {
  const primary = backend("app", { affinity });
  const header = { name: "X-Canary" };
  const model = modelOf({
    name: "a.example",
    routes: ["/a", "/b", "/c"].map((path) => at(path, primary, { canary: canary({ header }) })),
  });
  const { notes, specs } = written(model);
  deepEqual(
    notes.map(({ outcome, file, object, subject, value }) => [outcome, file, object, subject, value]),
    [["lost", source.file, source.object, "canary", "shop-app-80"]],
  );
  const [policy] = specs("EnvoyExtensionPolicy") as [{ wasm: { config: object }[] }];
  equal("cluster" in (policy.wasm[0]?.config ?? {}), false);
});
