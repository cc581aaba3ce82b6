import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "../support/check.ts";
import {
  affinity,
  at,
  backend,
  briefly,
  canaried,
  canary,
  modelOf,
  rules,
  to,
  written,
} from "../support/istio-model.ts";

const root = { uri: { prefix: "/" } };
const belongs = (version: string, service: string) => ({
  name: `belongs-to-${version}`,
  matches: [
    {
      ...root,
      headers: { "x-affinity-cluster": { exact: `outbound|80||${service}.shop.svc.cluster.local` } },
    },
  ],
  route: [to(`${service}.shop`)],
});
const weights = {
  name: "weights",
  matches: [root],
  route: [
    { ...to("app.shop"), weight: 90 },
    { ...to("next.shop"), weight: 10 },
  ],
};

test("clients of a canary stay at their version before anything else is asked", () => {
  const model = canaried({ header: { name: "X-Canary" }, cookie: "try_me" });
  const asks = (name: string, by: object, service: string) => ({
    name,
    matches: [{ ...root, headers: by }],
    route: [to(`${service}.shop`)],
  });
  const cookie = (value: string) => ({
    cookie: { regex: `(?:.*;\\s*)?(?i:try_me)=${value}(?:\\s*;.*)?` },
  });
  deepEqual(rules(model).map(briefly), [
    belongs("primary", "app"),
    belongs("canary", "next"),
    asks("header-always", { "x-canary": { exact: "always" } }, "next"),
    asks("header-never", { "x-canary": { exact: "never" } }, "app"),
    asks("cookie-always", cookie("always"), "next"),
    asks("cookie-never", cookie("never"), "app"),
    weights,
  ]);
});

test("a canary and its first version have one policy, and both are hashed", () => {
  const { specs } = written(canaried({}));
  const clusters = ["outbound|80||app.shop.svc.cluster.local", "outbound|80||next.shop.svc.cluster.local"];
  const [plugin] = specs("WasmPlugin") as [{ pluginConfig: { services: object[] } }];
  deepEqual(plugin.pluginConfig.services, [
    {
      clusters,
      sessionName: "route-affinity",
      scope: "shop/app:80",
      keys: [{ id: 1, env: "AFFINITY_KEY" }],
      cookie: { path: "/", sameSite: "" },
      keyHeader: "x-affinity-key",
      cluster: { names: clusters },
    },
  ]);
  deepEqual(
    specs("DestinationRule").map((spec) => (spec as { host: string }).host),
    ["app.shop.svc.cluster.local", "next.shop.svc.cluster.local"],
  );
});

test("a prefix of a canary is matched in both its forms by every rule", () => {
  const route = at("/a", backend("app", { affinity }), {
    canary: canary({ header: { name: "x-v", value: "2" } }),
  });
  const [, , header, last] = rules(modelOf({ name: "a.example", routes: [route] })).map(briefly);
  deepEqual(header, {
    name: "header",
    matches: [
      { uri: { exact: "/a" }, headers: { "x-v": { exact: "2" } } },
      { uri: { prefix: "/a/" }, headers: { "x-v": { exact: "2" } } },
    ],
    route: [to("next.shop")],
  });
  deepEqual(last, { ...weights, matches: [{ uri: { exact: "/a" } }, { uri: { prefix: "/a/" } }] });
});

test("a header's pattern may match anywhere in it, and one that RE2 does not know is lost", () => {
  const [, , header] = rules(canaried({ header: { name: "x-v", pattern: "2|3" } })).map(briefly);
  deepEqual(header, {
    name: "header",
    matches: [{ ...root, headers: { "x-v": { regex: ".*(?:2|3).*" } } }],
    route: [to("next.shop")],
  });
  const foreign = canaried({ header: { name: "x-v", pattern: "(?=2)" }, cookie: "try" });
  deepEqual(
    rules(foreign).map((rule) => (rule as { name: string }).name),
    ["belongs-to-primary", "belongs-to-canary", "cookie-always", "cookie-never", "weights"],
  );
  deepEqual(
    written(foreign).notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [["lost", "canary-by-header-pattern", "(?=2)"]],
  );
});

const drawn: [number, object[]][] = [
  [0, [to("app.shop")]],
  [1000, [to("next.shop")]],
  [
    1,
    [
      { ...to("app.shop"), weight: 999 },
      { ...to("next.shop"), weight: 1 },
    ],
  ],
];
for (const [weight, route] of drawn)
  test(`a weight of ${weight} of 1000 draws newcomers so, and sessions stay where they are`, () => {
    const found = rules(canaried({ weight, total: 1000 })).map(briefly);
    deepEqual(found, [belongs("primary", "app"), belongs("canary", "next"), { ...weights, route }]);
  });

test("with legacy behaviour who has the first version's cookie stays there, and the others are drawn each time", () => {
  const model = canaried({ sticky: false });
  deepEqual(rules(model).map(briefly), [
    {
      name: "belongs-to-primary",
      matches: [{ ...root, headers: { cookie: { regex: "(?:.*;\\s*)?route-affinity=[^;]*(?:\\s*;.*)?" } } }],
      route: [to("app.shop")],
    },
    weights,
  ]);
  const [plugin] = written(model).specs("WasmPlugin") as [{ pluginConfig: { services: object[] } }];
  deepEqual(
    plugin.pluginConfig.services.map((service) => (service as { clusters: string[] }).clusters),
    [["outbound|80||app.shop.svc.cluster.local"]],
  );
});

test("with legacy behaviour an old cookie that names the first version counts while old cookies do", () => {
  const former = { affinity, name: "default-echo-80", endpoints: ["10.0.0.1:80"] };
  const [first] = rules(canaried({ sticky: false }, former));
  const [, { headers }] = (first as { match: [object, { headers: { cookie: { regex: string } } }] }).match;
  // ingress-nginx's own key of default-echo-80.
  const key = "df61074cff0dc933beb37e1d8124ac6f";
  const whole = new RegExp(`^(?:${headers.cookie.regex})$`);
  ok(whole.test(`route=1700000001.5.46.231123|${key}`));
  ok(whole.test(`a=b; route=abc|${key}; c=d`));
  ok(!whole.test(`route=abc|${"0".repeat(32)}`));
  ok(!whole.test(`xroute=abc|${key}`));
  ok(!whole.test("route=abc"));
});

test("a canary without affinity is drawn each time", () => {
  deepEqual(rules(canaried({}, {})).map(briefly), [weights]);
});

test("a Service that is a version of two backends is so for the first, and lost for the other", () => {
  const model = modelOf(
    { name: "a.example", routes: [at("/", backend("app", { affinity }), { canary: canary() })] },
    { name: "b.example", routes: [at("/", backend("old", { affinity }), { canary: canary() })] },
  );
  const { notes, specs } = written(model);
  deepEqual(
    notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [["lost", "canary", "shop-next-80"]],
  );
  const [plugin] = specs("WasmPlugin") as [{ pluginConfig: { services: { clusters: string[] }[] } }];
  const clusters = plugin.pluginConfig.services.flatMap((service) => service.clusters);
  equal(new Set(clusters).size, 3);
  equal(clusters.length, 3);
});

test("a canary's Service that has affinity of its own keeps one policy, and that is told", () => {
  const next = backend("next", { affinity });
  const model = modelOf(
    { name: "a.example", routes: [at("/", next)] },
    {
      name: "b.example",
      routes: [at("/", backend("app", { affinity }), { canary: canary({ backend: next }) })],
    },
  );
  const { notes, specs } = written(model);
  deepEqual(
    notes.map(({ outcome, subject }) => [outcome, subject]),
    [["different", "affinity"]],
  );
  const [plugin] = specs("WasmPlugin") as [{ pluginConfig: { services: { clusters: string[] }[] } }];
  deepEqual(
    plugin.pluginConfig.services.map((service) => service.clusters),
    [["outbound|80||app.shop.svc.cluster.local", "outbound|80||next.shop.svc.cluster.local"]],
  );
});
