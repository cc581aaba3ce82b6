import { deepEqual, equal, match } from "node:assert/strict";
import type { Route } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import {
  affinity,
  at,
  backend,
  headers,
  modelOf,
  retries,
  rules,
  source,
  to,
  written,
} from "../support/istio-model.ts";

test("a route removes what is not for pods, and retries at pods that were not tried", () => {
  const model = modelOf({ name: "shop.example.com", routes: [at("/", backend("app", { affinity }))] });
  deepEqual(written(model).specs("VirtualService"), [
    {
      hosts: ["shop.example.com"],
      gateways: ["affinity"],
      http: [{ match: [{ uri: { prefix: "/" } }], route: [to("app.shop")], headers, retries }],
    },
  ]);
});

test("a host without affinity keeps Istio's own retries and has no plugin", () => {
  const { specs, documents } = written(
    modelOf({ name: "shop.example.com", routes: [at("/", backend("app"))] }),
  );
  deepEqual(specs("VirtualService"), [
    {
      hosts: ["shop.example.com"],
      gateways: ["affinity"],
      http: [{ match: [{ uri: { prefix: "/" } }], route: [to("app.shop")], headers }],
    },
  ]);
  deepEqual(
    documents.map(({ kind }) => kind),
    ["Gateway", "VirtualService"],
  );
});

const paths: [Route["match"], string, object[]][] = [
  ["exact", "/a", [{ uri: { exact: "/a" } }]],
  ["prefix", "/a", [{ uri: { exact: "/a" } }, { uri: { prefix: "/a/" } }]],
  ["prefix", "/a/", [{ uri: { prefix: "/a/" } }]],
  ["prefix", "/", [{ uri: { prefix: "/" } }]],
  ["start", "/a", [{ uri: { prefix: "/a" } }]],
  ["regex", "/a/[0-9]+", [{ uri: { regex: "(?i)/a/[0-9]+.*" } }]],
  ["regex", "/a|/b", [{ uri: { regex: "(?i)(?:/a|/b).*" } }]],
];
for (const [kind, path, expected] of paths)
  test(`the path ${path} of kind ${kind} matches as nginx does`, () => {
    const [rule] = rules(modelOf({ name: "a.example", routes: [at(path, backend("app"), { match: kind })] }));
    deepEqual((rule as { match: object[] }).match, expected);
  });

test("rules stand in the order of the routes", () => {
  const model = modelOf({
    name: "a.example",
    routes: [at("/z", backend("z")), at("/a", backend("a"), { match: "exact" }), at("/", backend("rest"))],
  });
  deepEqual(
    rules(model).map((rule) => (rule as { route: object[] }).route),
    [[to("z.shop")], [to("a.shop")], [to("rest.shop")]],
  );
});

test("a regular expression that RE2 does not know is lost, with the path it was for", () => {
  const bad = at("/(?!admin)", backend("app"), { match: "regex" });
  const model = modelOf({ name: "a.example", routes: [bad, at("/", backend("rest"))] });
  const { notes } = written(model);
  equal(rules(model).length, 1);
  deepEqual(notes, [
    {
      outcome: "lost",
      ...source,
      subject: "spec.rules.http.paths.path",
      value: "/(?!admin)",
      text: "the path is left out: Envoy's regular expressions (RE2) know no (?!.",
    },
  ]);
});

test("hosts with one Secret share a server, and a Secret of another namespace is to be copied", () => {
  const tls = { namespace: "shop", name: "cert" };
  const { specs, manifests, notes } = written(
    modelOf(
      { name: "a.example", routes: [at("/", backend("app"))], tls },
      { name: "b.example", routes: [at("/", backend("app"))], tls },
      {
        name: "c.example",
        routes: [at("/", backend("app"))],
        tls: { namespace: "istio-ingress", name: "cert" },
      },
      { name: "plain.example", routes: [at("/", backend("app"))] },
    ),
  );
  deepEqual(specs("Gateway"), [
    {
      selector: { istio: "ingressgateway" },
      servers: [
        {
          port: { number: 80, name: "http", protocol: "HTTP" },
          hosts: ["a.example", "b.example", "c.example", "plain.example"],
        },
        {
          port: { number: 443, name: "https-1", protocol: "HTTPS" },
          tls: { mode: "SIMPLE", credentialName: "shop.cert" },
          hosts: ["a.example", "b.example"],
        },
        {
          port: { number: 443, name: "https-2", protocol: "HTTPS" },
          tls: { mode: "SIMPLE", credentialName: "cert" },
          hosts: ["c.example"],
        },
      ],
    },
  ]);
  match(manifests[0]?.why ?? "", /Secret shop\/cert as shop\.cert\./);
  deepEqual(
    notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [
      ["different", "spec.tls", "shop/cert"],
      ["different", "spec.tls", "shop/cert"],
      ["different", "spec.tls", "istio-ingress/cert"],
    ],
  );
});

test("all other hosts are one of Istio's, whose names are those of objects", () => {
  const { documents, specs, notes } = written(
    modelOf(
      { name: "wildcard.a.example", routes: [at("/", backend("app"))] },
      { name: "*.a.example", routes: [at("/", backend("app"))] },
      { name: "*", routes: [at("/", backend("app"))] },
    ),
  );
  deepEqual(
    documents.flatMap(({ kind, metadata }) => (kind === "VirtualService" ? [metadata.name] : [])),
    ["wildcard.a.example", "wildcard.a.example-2", "any-host"],
  );
  deepEqual(
    specs("VirtualService").map((spec) => (spec as { hosts: string[] }).hosts),
    [["wildcard.a.example"], ["*.a.example"], ["*"]],
  );
  deepEqual(
    (specs("Gateway") as [{ servers: { hosts: string[] }[] }])[0].servers.map(({ hosts }) => hosts),
    [["*"]],
  );
  deepEqual(
    notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [["different", "spec.rules.host", "*.a.example"]],
  );
});
