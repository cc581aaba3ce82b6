import { deepEqual, equal, match } from "node:assert/strict";
import type { Outcome } from "../../cli/import/emit.ts";
import type { Canary } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import { ingress, path, read, settled, type Fields } from "../support/ingress-files.ts";

const primary = ingress("a", { annotations: settled });
const canary = (annotations: Fields, name = "next", service = "next") =>
  ingress(name, { annotations: { canary: "true", ...annotations }, paths: [path("/", service)] });
const NEXT = "Ingress shop/next";

type Row = [annotations: Fields, expected: Partial<Omit<Canary, "backend">>, outcomes: Outcome[]];
const rows: Row[] = [
  [{}, {}, []],
  [{ "canary-weight": "10" }, { weight: 10 }, ["converted"]],
  [{ "canary-weight": "+5" }, { weight: 5 }, ["converted"]],
  [{ "canary-weight": "-1" }, { weight: 0 }, ["converted"]],
  [{ "canary-weight": "200" }, { weight: 100 }, ["converted"]],
  [{ "canary-weight": "ten" }, {}, ["invalid"]],
  [{ "canary-weight": "1.5" }, {}, ["invalid"]],
  [
    { "canary-weight-total": "1000", "canary-weight": "200" },
    { weight: 200, total: 1000 },
    ["converted", "converted"],
  ],
  [{ "canary-weight-total": "10" }, {}, ["converted"]],
  [{ "canary-weight-total": "many" }, {}, ["invalid"]],
  [{ "canary-by-header": "X-Canary" }, { header: { name: "X-Canary" } }, ["converted"]],
  [{ "canary-by-header": "x_canary" }, { header: { name: "x-canary" } }, ["converted"]],
  [{ "canary-by-header": "x/y" }, {}, ["invalid"]],
  [{ "canary-by-header": "x;y" }, {}, ["invalid"]],
  [
    { "canary-by-header": "x-v", "canary-by-header-value": "2" },
    { header: { name: "x-v", value: "2" } },
    ["converted", "converted"],
  ],
  [
    { "canary-by-header": "x-v", "canary-by-header-pattern": "^2|3$" },
    { header: { name: "x-v", pattern: "^2|3$" } },
    ["converted", "converted"],
  ],
  [
    { "canary-by-header": "x-v", "canary-by-header-value": "2", "canary-by-header-pattern": "3" },
    { header: { name: "x-v", value: "2" } },
    ["converted", "converted", "invalid"],
  ],
  [
    { "canary-by-header": "x-v", "canary-by-header-pattern": "(2" },
    { header: { name: "x-v" } },
    ["converted", "invalid"],
  ],
  [
    { "canary-by-header": "x-v", "canary-by-header-pattern": "2;3" },
    { header: { name: "x-v" } },
    ["converted", "invalid"],
  ],
  [{ "canary-by-header-value": "2" }, {}, ["invalid"]],
  [{ "canary-by-header-value": "\u00fc" }, {}, ["invalid"]],
  [{ "canary-by-cookie": "try_me" }, { cookie: "try_me" }, ["converted"]],
  [{ "canary-by-cookie": "a:b" }, {}, ["invalid"]],
  [{ "canary-by-cookie": "a;b" }, {}, ["invalid"]],
  [{ "affinity-canary-behavior": "legacy" }, { sticky: false }, ["converted"]],
  [{ "affinity-canary-behavior": "sticky" }, {}, ["converted"]],
  [{ "affinity-canary-behavior": "Legacy" }, {}, ["invalid"]],
];
for (const [annotations, expected, outcomes] of rows)
  test(`a canary with ${JSON.stringify(annotations)}`, () => {
    const { routes, notes } = read([primary, canary(annotations)]);
    const { backend, ...rest } = routes()[0]?.canary as Canary;
    equal(backend.name, "shop-next-80");
    deepEqual(rest, { weight: 0, total: 100, sticky: true, ...expected });
    const told = notes.filter(({ object, subject }) => object === NEXT && subject !== "canary");
    deepEqual(told.map(({ outcome }) => outcome).sort(), outcomes);
  });

for (const value of ["false", "no", ""])
  test(`canary ${JSON.stringify(value)} is none, and what belongs to it has no effect`, () => {
    const { routes, told } = read([
      ingress("a"),
      ingress("next", {
        annotations: { canary: value, "canary-weight": "10", "affinity-canary-behavior": "legacy" },
        paths: [path("/next", "next")],
      }),
    ]);
    deepEqual(
      routes().map((route) => [route.path, route.canary]),
      [
        ["/next", undefined],
        ["/", undefined],
      ],
    );
    deepEqual(told(NEXT), [
      ["invalid", "affinity-canary-behavior", "legacy"],
      ...(value === "false" ? [] : [["invalid", "canary", value]]),
      ["invalid", "canary-weight", "10"],
    ]);
  });

const alone: [what: string, objects: Fields[]][] = [
  ["another path", [ingress("a", { paths: [path("/other", "app")] }), canary({})]],
  ["another host", [ingress("a", { host: "other.example" }), canary({})]],
  ["another type of path", [ingress("a", { paths: [path("/", "app", { pathType: "Exact" })] }), canary({})]],
];
for (const [what, objects] of alone)
  test(`a canary of ${what} has no first version, which is told`, () => {
    const { model, told } = read([...objects]);
    equal(
      model.hosts.flatMap(({ routes }) => routes).some((route) => route.canary !== undefined),
      false,
    );
    deepEqual(told(NEXT), [
      ["invalid", "canary", "shop-next-80"],
      ["invalid", "canary", "true"],
    ]);
  });

test("of several second versions only the first is one", () => {
  const { routes, notes } = read([
    primary,
    canary({ "canary-weight": "10" }, "second", "second"),
    canary({ "canary-weight": "20" }),
  ]);
  equal(routes()[0]?.canary?.backend.service, "second");
  match(
    notes.find(({ object, subject }) => object === NEXT && subject === "canary")?.text ?? "",
    /shop-app-80 has a second version already, shop-second-80 of Ingress shop\/second/,
  );
});

test("a second version is one of its backend, at all of that backend's paths", () => {
  const { routes } = read([
    ingress("a", { paths: [path("/", "app"), path("/more", "app"), path("/other", "other")] }),
    canary({ "canary-weight": "10" }),
  ]);
  deepEqual(
    routes().map((route) => [route.path, route.canary?.backend.service]),
    [
      ["/other", undefined],
      ["/more", "next"],
      ["/", "next"],
    ],
  );
});

test("the canary takes the affinity of its first version, and its own has no effect", () => {
  const { affinity, told } = read([
    primary,
    canary({
      affinity: "cookie",
      "session-cookie-name": "mine",
      "server-alias": "www.example",
      "use-regex": "true",
    }),
  ]);
  equal(affinity("shop-next-80"), undefined);
  equal(affinity()?.cookie.name, "INGRESSCOOKIE");
  deepEqual(told(NEXT), [
    ["invalid", "affinity", "cookie"],
    ["invalid", "session-cookie-name", "mine"],
    ["invalid", "server-alias", "www.example"],
    ["invalid", "use-regex", "true"],
  ]);
});

test("the oldest Ingress that names a second version says who goes there", () => {
  const other = ingress("b", { host: "b.example", paths: [path("/", "b")] });
  const later = ingress("later", {
    host: "b.example",
    annotations: { canary: "true", "canary-weight": "50" },
    paths: [path("/", "next")],
  });
  const { routes, told } = read([primary, other, canary({ "canary-weight": "10" }), later]);
  equal(routes("b.example")[0]?.canary?.weight, 10);
  deepEqual(told("Ingress shop/later"), [
    ["invalid", "canary", "shop-next-80"],
    ["invalid", "canary", "true"],
    ["invalid", "canary-weight", "50"],
  ]);
});

test("a canary of a default backend is one of all paths of the hosts that no rule has", () => {
  const backend = (name: string) => ({ service: { name, port: { number: 80 } } });
  const { routes } = read([
    ingress("a", { rules: [], spec: { defaultBackend: backend("app") } }),
    ingress("next", {
      annotations: { canary: "true", "canary-weight": "10" },
      rules: [],
      spec: { defaultBackend: backend("next") },
    }),
  ]);
  equal(routes("*")[0]?.canary?.backend.service, "next");
});
