import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "../support/check.ts";
import { ingress, path, read, type Fields } from "../support/ingress-files.ts";

type Brief = [path: string, match: string, service: string];

function briefly(objects: readonly unknown[], host?: string): Brief[] {
  return read(objects)
    .routes(host)
    .map((route) => [route.path, route.match, route.backend.service]);
}

const types: [given: Fields, expected: Brief][] = [
  [path("/a", "app"), ["/a", "prefix", "app"]],
  [path("/a", "app", { pathType: "Exact" }), ["/a", "exact", "app"]],
  [path("/a", "app", { pathType: "ImplementationSpecific" }), ["/a", "prefix", "app"]],
  [path("/a", "app", { pathType: undefined }), ["/a", "prefix", "app"]],
  [path("", "app"), ["/", "prefix", "app"]],
  [path(undefined, "app"), ["/", "prefix", "app"]],
];
for (const [given, expected] of types)
  test(`the path ${String(given["path"])} of type ${String(given["pathType"])} is taken as ingress-nginx does`, () => {
    deepEqual(briefly([ingress("a", { paths: [given] })]), [expected]);
  });

test("paths are tried longest first, of equal length the later in the alphabet, exact before prefix", () => {
  const paths = [
    path("/", "root"),
    path("/a", "a"),
    path("/long/path", "long"),
    path("/b", "b"),
    path("/a", "exact", { pathType: "Exact" }),
  ];
  deepEqual(briefly([ingress("a", { paths })]), [
    ["/long/path", "prefix", "long"],
    ["/b", "prefix", "b"],
    ["/a", "exact", "exact"],
    ["/a", "prefix", "a"],
    ["/", "prefix", "root"],
  ]);
});

test("of two Ingresses with one path the older wins, as in ingress-nginx", () => {
  const young = ingress("young", { created: "2026-02-01T00:00:00Z", paths: [path("/", "young")] });
  const old = ingress("old", { created: "2026-01-01T00:00:00Z", paths: [path("/", "old")] });
  const { routes, told } = read([young, old]);
  deepEqual(
    routes().map(({ backend }) => backend.service),
    ["old"],
  );
  deepEqual(told(), [["invalid", "spec.rules.http.paths.path", "/"]]);
});

const orders: [what: string, times: [string | undefined, string | undefined], wins: string][] = [
  ["of one second the later name is first", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"], "b"],
  ["without times the files' order stands", [undefined, undefined], "a"],
  ["what was never in a cluster is the youngest", [undefined, "2026-01-01T00:00:00Z"], "b"],
];
for (const [what, [first, second], wins] of orders)
  test(`of two Ingresses, ${what}`, () => {
    const made = (name: string, created?: string) =>
      ingress(name, { paths: [path("/", name)], ...(created !== undefined && { created }) });
    deepEqual(briefly([made("a", first), made("b", second)]), [["/", "prefix", wins]]);
  });

test("use-regex turns all paths of the host into regular expressions, those of other Ingresses too", () => {
  const objects = [
    ingress("a", { annotations: { "use-regex": "true" }, paths: [path("/v[0-9]+/", "regex")] }),
    ingress("b", { paths: [path("/plain", "plain"), path("/exact", "exact", { pathType: "Exact" })] }),
    ingress("c", { host: "other.example", paths: [path("/plain", "plain")] }),
  ];
  deepEqual(briefly(objects), [
    ["/v[0-9]+/", "regex", "regex"],
    ["/plain", "regex", "plain"],
    ["/exact", "regex", "exact"],
  ]);
  deepEqual(briefly(objects, "other.example"), [["/plain", "prefix", "plain"]]);
});

test("rewrite-target makes regular expressions as well, unless it is the path itself", () => {
  const annotations = { "rewrite-target": "/$2" };
  deepEqual(briefly([ingress("a", { annotations, paths: [path("/app(/|$)(.*)", "app")] })]), [
    ["/app(/|$)(.*)", "regex", "app"],
  ]);
  deepEqual(
    briefly([ingress("a", { annotations: { "rewrite-target": "/app" }, paths: [path("/app", "app")] })]),
    [["/app", "prefix", "app"]],
  );
  equal(read([ingress("a", { annotations })]).noteOf("rewrite-target")?.outcome, "untouched");
});

test("beside an exact path a prefix is what is below it, where both are regular expressions", () => {
  const objects = [
    ingress("a", { annotations: { "use-regex": "true" }, paths: [path("/x.*", "regex")] }),
    ingress("b", { paths: [path("/a", "prefix"), path("/a", "exact", { pathType: "Exact" })] }),
  ];
  deepEqual(briefly(objects), [
    ["/x.*", "regex", "regex"],
    ["/a/", "regex", "prefix"],
    ["/a", "regex", "exact"],
  ]);
});

test("a regular expression that cannot be read is lost, and the others stay", () => {
  const annotations = { "use-regex": "true" };
  const { routes, told } = read([
    ingress("a", {
      annotations,
      paths: [path("/a(", "bad"), path("/b(?i)c(?:d)++(?<n>x)[[:alpha:]]", "good"), path("/(?!x)", "ahead")],
    }),
  ]);
  deepEqual(
    routes().map(({ backend }) => backend.service),
    ["good", "ahead"],
  );
  deepEqual(told(), [["lost", "spec.rules.http.paths.path", "/a("]]);
});

test("hosts are sorted, in lower case, with what takes the rest last", () => {
  const objects = [
    ingress("a", { host: "" }),
    ingress("b", { host: "*.shop.example" }),
    ingress("c", { host: "Z.example" }),
    ingress("d", { host: "a.example" }),
  ];
  deepEqual(
    read(objects).model.hosts.map(({ name }) => name),
    ["*.shop.example", "a.example", "z.example", "*"],
  );
});

test("server-alias gives further hosts, but none that a rule has", () => {
  const annotations = { "server-alias": "www.example, B.example, ~^x\\d+$, *.many.example, shop.example" };
  const { model, told } = read([
    ingress("a", { annotations }),
    ingress("b", { host: "b.example", paths: [path("/", "b")] }),
  ]);
  deepEqual(
    model.hosts.map(({ name, routes }) => [name, routes[0]?.backend.service]),
    [
      ["*.many.example", "app"],
      ["b.example", "b"],
      ["shop.example", "app"],
      ["www.example", "app"],
    ],
  );
  deepEqual(told().sort(), [
    ["different", "server-alias", "*.many.example"],
    ["invalid", "server-alias", "B.example"],
    ["lost", "server-alias", "~^x\\d+$"],
  ]);
});

for (const alias of ["a;b", "", " , ", "x y"])
  test(`the alias ${JSON.stringify(alias)} is invalid`, () => {
    const { model, noteOf } = read([ingress("a", { annotations: { "server-alias": alias } })]);
    equal(model.hosts.length, 1);
    equal(noteOf("server-alias")?.outcome, "invalid");
  });

const fallback = { defaultBackend: { service: { name: "fallback", port: { number: 80 } } } };

test("a default backend without rules takes all other hosts", () => {
  const { model } = read([ingress("a"), ingress("rest", { rules: [], spec: fallback })]);
  deepEqual(
    model.hosts.map(({ name, routes }) => [name, routes.map(({ path, backend }) => [path, backend.service])]),
    [
      ["shop.example", [["/", "app"]]],
      ["*", [["/", "fallback"]]],
    ],
  );
});

test("a default backend beside rules takes the rest of their hosts, unless a rule has /", () => {
  const objects = [
    ingress("a", { paths: [path("/a", "app")], spec: fallback }),
    ingress("b", { host: "whole.example", spec: fallback }),
  ];
  deepEqual(briefly(objects), [
    ["/a", "prefix", "app"],
    ["/", "prefix", "fallback"],
  ]);
  deepEqual(briefly(objects, "whole.example"), [["/", "prefix", "app"]]);
});

test("the default backend of a younger Ingress of the same host has no effect, and that is told", () => {
  const { routes, told } = read([ingress("a"), ingress("b", { paths: [path("/b", "b")], spec: fallback })]);
  equal(routes().length, 2);
  deepEqual(told(), [["invalid", "spec.defaultBackend", "shop-fallback-80"]]);
});

const secrets: [tls: unknown, name: string | undefined][] = [
  [[{ hosts: ["shop.example"], secretName: "cert" }], "cert"],
  [[{ hosts: ["SHOP.example"], secretName: "cert" }], "cert"],
  [[{ hosts: ["*.example"], secretName: "wild" }], "wild"],
  [[{ secretName: "any" }], "any"],
  [[{ hosts: ["other.example"], secretName: "cert" }], undefined],
  [[{ hosts: ["shop.example"] }], undefined],
  [undefined, undefined],
];
for (const [tls, name] of secrets)
  test(`tls ${JSON.stringify(tls)} serves the host by ${name}`, () => {
    const { model, told } = read([ingress("a", { spec: { tls } })]);
    equal(told().length, name === undefined && tls !== undefined ? 1 : 0);
    deepEqual(model.hosts[0]?.tls, name === undefined ? undefined : { namespace: "shop", name });
  });

test("the first Ingress with tls for a host says which certificate, also when it says none", () => {
  const tls = (secretName?: string) => ({ tls: [{ hosts: ["shop.example"], secretName }] });
  const { model } = read([
    ingress("a", { spec: tls() }),
    ingress("b", { paths: [path("/b", "b")], spec: tls("late") }),
  ]);
  equal(model.hosts[0]?.tls, undefined);
});

test("what no host or path can be is left out, with its place", () => {
  const rules = [
    { host: "under_score.example", http: { paths: [path("/", "a")] } },
    { host: "10.0.0.1", http: { paths: [path("/", "a")] } },
    { host: "good.example", http: { paths: [path("relative", "a"), path('/"; }', "a"), path("/", "good")] } },
  ];
  const { model, told, notes } = read([ingress("a", { rules })]);
  deepEqual(
    model.hosts.map(({ name, routes }) => [name, routes.length]),
    [["good.example", 1]],
  );
  deepEqual(told(), [
    ["lost", "spec.rules.host", "under_score.example"],
    ["lost", "spec.rules.host", "10.0.0.1"],
    ["lost", "spec.rules.http.paths.path", "relative"],
    ["lost", "spec.rules.http.paths.path", '/"; }'],
  ]);
  match(notes[2]?.text ?? "", /^spec\.rules\[2\]\.http\.paths\[0\]\.path: /);
});

for (const value of ["false", "yes", ""])
  test(`use-regex ${JSON.stringify(value)} leaves the paths as they are`, () => {
    const { routes, noteOf } = read([ingress("a", { annotations: { "use-regex": value } })]);
    equal(routes()[0]?.match, "prefix");
    equal(noteOf("use-regex")?.outcome, value === "false" ? "converted" : "invalid");
  });
