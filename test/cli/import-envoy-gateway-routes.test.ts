import { deepEqual, ok } from "node:assert/strict";
import type { Backend, Route } from "../../cli/import/model.ts";
import { affinity, at, backend, modelOf, rules, written } from "../support/envoy-gateway-model.ts";
import { test } from "../support/check.ts";

test("paths are matched as ingress-nginx matches them", () => {
  const routes: [string, Route["match"], object][] = [
    ["/a", "exact", { type: "Exact", value: "/a" }],
    ["/a", "prefix", { type: "PathPrefix", value: "/a" }],
    ["/", "prefix", { type: "PathPrefix", value: "/" }],
    // A prefix of Gateway API's takes no heed of a slash at its end: it would take `/b` as well.
    ["/b/", "prefix", { type: "RegularExpression", value: "/b/.*" }],
    ["/c.d", "start", { type: "RegularExpression", value: "/c\\.d.*" }],
    ["/", "start", { type: "PathPrefix", value: "/" }],
    ["/e/(f|g)", "regex", { type: "RegularExpression", value: "(?i)(?:/e/(f|g)).*" }],
    ["/h$", "regex", { type: "RegularExpression", value: "(?i)/h$.*" }],
    // Of these Gateway API's Exact and PathPrefix take none.
    ["/i//j", "prefix", { type: "RegularExpression", value: "/i//j(?:/.*)?" }],
    ["/k/../l", "exact", { type: "RegularExpression", value: "/k/\\.\\./l" }],
    ["/m%2fn", "exact", { type: "RegularExpression", value: "/m%2fn" }],
    ["/ö p", "prefix", { type: "RegularExpression", value: "/ö p(?:/.*)?" }],
  ];
  const model = modelOf({
    name: "a.example",
    routes: routes.map(([path, match], index) => at(path, backend(`s${index}`), { match })),
  });
  deepEqual(
    rules(model).map(({ matches }) => matches),
    routes.map(([, , path]) => [{ path }]),
  );
});

test("neighbours for one backend are one rule, in their order, and others keep theirs", () => {
  const [app, plain] = [backend("app"), backend("plain")];
  const model = modelOf({
    name: "a.example",
    routes: [at("/a", app), at("/b", app), at("/plain", plain), at("/", app)],
  });
  deepEqual(
    rules(model).map(({ name, matches }) => [
      name,
      matches.map(({ path }) => (path as { value: string }).value),
    ]),
    [
      ["app-80", ["/a", "/b"]],
      ["plain-80", ["/plain"]],
      ["app-80-2", ["/"]],
    ],
  );
});

test("more rules than an HTTPRoute has room for go on in others, whose names keep the order", () => {
  const routes = Array.from({ length: 40 }, (_, index) => at(`/${index}`, backend(`s${index % 2}`)));
  const found = written(modelOf({ name: "a.example", routes })).documents.filter(
    ({ kind }) => kind === "HTTPRoute",
  );
  const names = found.map(({ metadata }) => metadata.name);
  deepEqual(names, ["a.example", "a.example-02", "a.example-03"]);
  deepEqual([...names].sort(), names);
  const paths = found.flatMap(({ spec }) =>
    (spec as { rules: { matches: { path: { value: string } }[] }[] }).rules.flatMap(({ matches }) =>
      matches.map(({ path }) => path.value),
    ),
  );
  deepEqual(
    paths,
    routes.map(({ path }) => path),
  );
  for (const { spec } of found) ok((spec as { rules: object[] }).rules.length <= 16);
});

test("hosts with the same paths share an HTTPRoute; any host is one by itself", () => {
  const routes = [at("/", backend("app", { affinity }))];
  const { documents, specs } = written(
    modelOf({ name: "a.example", routes }, { name: "www.a.example", routes }, { name: "*", routes }),
  );
  deepEqual(
    documents.filter(({ kind }) => kind === "HTTPRoute").map(({ metadata }) => metadata.name),
    ["a.example", "any-host"],
  );
  deepEqual(
    specs("HTTPRoute").map((spec) => (spec as { hostnames?: string[] }).hostnames),
    [["a.example", "www.a.example"], undefined],
  );
});

test("a host with a certificate has a listener for https, whose Secret the Gateway is granted", () => {
  const routes = [at("/", backend("app"))];
  const { documents, notes, specs } = written(
    modelOf(
      { name: "a.example", tls: { namespace: "shop", name: "a-tls" }, routes },
      {
        name: "*.b.example",
        tls: { namespace: "envoy-gateway-system", name: "b-tls" },
        routes: [at("/b", backend("b"))],
      },
    ),
  );
  const allowedRoutes = { namespaces: { from: "All" } };
  const secure = (name: string, hostname: string, certificate: object) => ({
    name,
    protocol: "HTTPS",
    port: 443,
    hostname,
    tls: { mode: "Terminate", certificateRefs: [certificate] },
    allowedRoutes,
  });
  deepEqual(specs("Gateway"), [
    {
      gatewayClassName: "affinity",
      listeners: [
        { name: "http", protocol: "HTTP", port: 80, allowedRoutes },
        secure("https-a.example", "a.example", { name: "a-tls", namespace: "shop" }),
        secure("https-wildcard.b.example", "*.b.example", { name: "b-tls" }),
      ],
    },
  ]);
  deepEqual(
    specs("HTTPRoute").map((spec) =>
      (spec as { parentRefs: { sectionName: string }[] }).parentRefs.map(({ sectionName }) => sectionName),
    ),
    [
      ["http", "https-a.example"],
      ["http", "https-wildcard.b.example"],
    ],
  );
  const grants = documents.filter(({ kind }) => kind === "ReferenceGrant");
  deepEqual(
    grants.map(({ metadata, spec }) => [metadata.namespace, spec]),
    [
      [
        "shop",
        {
          from: [{ group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "envoy-gateway-system" }],
          to: [{ group: "", kind: "Secret", name: "a-tls" }],
        },
      ],
    ],
  );
  deepEqual(
    notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [
      ["different", "spec.tls", "shop/a-tls"],
      ["different", "spec.tls", "envoy-gateway-system/b-tls"],
      ["different", "spec.rules.host", "*.b.example"],
    ],
  );
});

test("a host whose Ingresses are of two namespaces is one HTTPRoute, which is granted the other's Services", () => {
  const other: Backend = backend("app", { name: "other-app-80", namespace: "other", affinity });
  const model = modelOf({
    name: "a.example",
    routes: [at("/other", other), at("/", backend("app", { affinity }))],
  });
  const { documents } = written(model);
  deepEqual(
    rules(model).map(({ name, backendRefs }) => [name, backendRefs]),
    [
      ["app-80", [{ name: "app", port: 80 }]],
      ["app-80-2", [{ name: "app", namespace: "shop", port: 80 }]],
    ],
  );
  deepEqual(
    documents.flatMap(({ kind, metadata }) =>
      ["HTTPRoute", "ReferenceGrant", "EnvoyExtensionPolicy"].includes(kind)
        ? [[kind, metadata.namespace, metadata.name]]
        : [],
    ),
    [
      ["HTTPRoute", "other", "a.example"],
      ["ReferenceGrant", "shop", "affinity-httproute-other"],
      ["EnvoyExtensionPolicy", "other", "affinity-app-80"],
      ["EnvoyExtensionPolicy", "other", "affinity-app-80-2"],
    ],
  );
});

test("what Gateway API has no words for is lost, each by itself", () => {
  const app = backend("app");
  const lost = written(
    modelOf(
      { name: "a_b.example", routes: [at("/", app)] },
      {
        name: "c.example",
        routes: [at("/(?!x)", app, { match: "regex" }), at(`/${"y".repeat(1024)}`, app), at("/", app)],
      },
    ),
  );
  deepEqual(
    lost.notes.map(({ outcome, subject }) => [outcome, subject]),
    [
      ["lost", "spec.rules.host"],
      ["lost", "spec.rules.http.paths.path"],
      ["lost", "spec.rules.http.paths.path"],
    ],
  );
  deepEqual(
    lost.specs("HTTPRoute").map((spec) => (spec as { hostnames: string[] }).hostnames),
    [["c.example"]],
  );
});
