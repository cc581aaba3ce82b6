import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Backend, Model } from "../../cli/import/model.ts";
import { readModel } from "../../cli/import/ingress.ts";
import { toYaml } from "../../cli/import/render.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { tutorialModel, written } from "../support/envoy-model.ts";
import { affinity, at, backend, hostOf, modelOf, source } from "../support/istio-model.ts";
import { connectionManager, type Json } from "../support/shape.ts";

const json = (value: unknown): Json => JSON.parse(JSON.stringify(value));
const hostsOf = (config: Json): Json[] => connectionManager(config).route_config.virtual_hosts;
const routesOf = (config: Json): Json[] => hostsOf(config).flatMap(({ routes }) => routes);
const clusterNamesOf = (config: Json): string[] =>
  config.static_resources.clusters.map(({ name }: Json) => name);
const filtersOf = (config: Json): Json[] => connectionManager(config).http_filters;
const settingsOf = (filter: Json): Json => JSON.parse(filter.typed_config.config.configuration.value);
const single = (own: Partial<Backend>, more = {}): Model =>
  modelOf(hostOf("a.example", backend("app", own), more));

test("the tutorial's Ingress becomes the gateway of the demo, envoy/envoy.yaml", () => {
  const file = "demo/ingress.yaml";
  const text = readFileSync(join(root, file), "utf8");
  const read = readModel([{ file, text }], undefined, { note: () => undefined });
  const { manifests } = written(read, { serviceDns: "{service}" });
  equal(toYaml(manifests), readFileSync(join(root, "envoy/envoy.yaml"), "utf8"));
  deepEqual(json(written(tutorialModel, { serviceDns: "{service}" }).config), json(manifests[0]!.document));
});

test("readers of either version of YAML read what is written as what was meant", () => {
  const { manifests, config } = written(
    modelOf(
      hostOf("*", backend("on", { namespace: "no", name: "no-on-80", affinity })),
      hostOf("1e3.example", backend("app", { endpoints: ["[fd00::1]:80", "10.0.0.1:80"] })),
    ),
  );
  for (const version of ["1.1", "1.2"] as const)
    deepEqual(parse(toYaml(manifests), { version, merge: false }), json(config));
});

test("clusters have the names of their Services, with what tells them from others", () => {
  const own = (name: string, more: Partial<Backend>): Backend => backend("app", { name, ...more });
  const { config } = written(
    modelOf({
      name: "a.example",
      routes: [
        at("/1", own("default-app-80", { namespace: "default" })),
        at("/2", own("shop-app-80", {})),
        at("/3", own("lab-app-80", { namespace: "lab" })),
        at("/4", own("lab-app-admin", { namespace: "lab", port: "admin", servicePort: 9000 })),
        at("/5", own("shop-other-80", { service: "other" })),
      ],
    }),
  );
  deepEqual(clusterNamesOf(config), ["app", "app.lab:80", "app.lab:admin", "app.shop", "other.shop"]);
  deepEqual(
    routesOf(config).map(({ route }) => route.cluster),
    ["app", "app.shop", "app.lab:80", "app.lab:admin", "other.shop"],
  );
});

const addresses = (cluster: Json): string[] =>
  cluster.load_assignment.endpoints[0].lb_endpoints.map(
    ({ endpoint }: Json) =>
      `${endpoint.address.socket_address.address} ${endpoint.address.socket_address.port_value}`,
  );

test("pods are those of EndpointSlices, or behind the Service's DNS name at the port that answers there", () => {
  const rows: readonly (readonly [Partial<Backend>, readonly string[]])[] = [
    [{ endpoints: ["10.0.0.1:9080", "[fd00::1]:9080"] }, ["10.0.0.1 9080", "fd00::1 9080"]],
    [{ endpoints: [] }, []],
    [{ headless: true, targetPort: 9080 }, ["app.shop.svc.cluster.local 9080"]],
    [{ headless: false, targetPort: 9080 }, ["app.shop.svc.cluster.local 80"]],
    [{ targetPort: 9080 }, ["app.shop.svc.cluster.local 9080"]],
    [{}, ["app.shop.svc.cluster.local 80"]],
  ];
  for (const [own, expected] of rows) {
    const [cluster] = written(single({ affinity, ...own })).config.static_resources.clusters;
    deepEqual(addresses(cluster), expected);
    equal(cluster.type, own.endpoints ? "STATIC" : undefined);
    equal(cluster.cluster_type?.name, own.endpoints ? undefined : "envoy.cluster.dns");
  }
});

test("one policy's filter is called affinity; of several each has its cluster's name, and routes turn on their own", () => {
  const model = modelOf(hostOf("a.example", backend("app", { affinity })), {
    name: "b.example",
    routes: [at("/c", backend("cart", { affinity })), at("/", backend("plain"))],
  });
  const { config } = written(model);
  deepEqual(
    filtersOf(config).map(({ name, disabled }) => [name, disabled]),
    [
      ["affinity/app.shop", true],
      ["affinity/cart.shop", true],
      ["stateful_session", true],
      ["envoy.filters.http.router", undefined],
    ],
  );
  deepEqual(
    filtersOf(config)
      .slice(0, 2)
      .map((filter) => [settingsOf(filter).scope, filter.typed_config.config.vm_config.vm_id]),
    [
      ["shop/app:80", "affinity"],
      ["shop/cart:80", "affinity"],
    ],
  );
  const [a, b] = hostsOf(config);
  deepEqual(Object.keys(a.typed_per_filter_config), ["affinity/app.shop", "stateful_session"]);
  deepEqual(
    a.routes.map((route: Json) => route.typed_per_filter_config),
    [undefined, undefined],
  );
  equal(b.typed_per_filter_config, undefined);
  deepEqual(
    b.routes.map((route: Json) => Object.keys(route.typed_per_filter_config ?? {})),
    [["affinity/cart.shop", "stateful_session"], ["affinity/cart.shop", "stateful_session"], []],
  );
  deepEqual(filtersOf(written(single({ affinity })).config)[0].name, "affinity");
});

test("a balanced policy has no stateful_session, hashes by the session and has a large table", () => {
  const own = { ...affinity, mode: "balanced" as const };
  const { config } = written(single({ affinity: own }), { keepBalanced: true });
  deepEqual(
    filtersOf(config).map(({ name }) => name),
    ["affinity", "envoy.filters.http.router"],
  );
  deepEqual(Object.keys(hostsOf(config)[0].typed_per_filter_config), ["affinity"]);
  for (const { route } of routesOf(config))
    deepEqual(route.hash_policy, [{ header: { header_name: "x-affinity-key" } }]);
  const [cluster] = config.static_resources.clusters;
  deepEqual(cluster.maglev_lb_config, { table_size: 655373 });
  equal(cluster.common_lb_config.override_host_status, undefined);
  equal(settingsOf(filtersOf(config)[0]).mode, "balanced");
});

test("routes hash by the new cookie, whatever it is called", () => {
  for (const [sameName, suffix, name] of [
    [false, undefined, "route-affinity"],
    [true, undefined, "route"],
    [false, "cart", "route-affinity-cart"],
  ] as const) {
    const cookie = { ...affinity.cookie, ...(suffix && { suffix }) };
    const { config } = written(single({ affinity: { ...affinity, cookie } }), { sameName });
    equal(settingsOf(filtersOf(config)[0]).sessionName, name);
    for (const { route } of routesOf(config)) deepEqual(route.hash_policy, [{ cookie: { name } }]);
  }
});

test("old cookies are accepted where EndpointSlices say the pods", () => {
  const accept = { until: "2027-01-01T00:00:00Z", expireOld: true };
  const endpoints = ["10.0.0.1:80"];
  const { config } = written(single({ affinity, endpoints }), { accept });
  deepEqual(settingsOf(filtersOf(config)[0]).accept, {
    ...accept,
    formats: [
      {
        type: "ingress-nginx",
        sessionName: "route",
        backend: "shop-app-80",
        mode: "persistent",
        endpoints,
        paths: ["/"],
      },
    ],
  });
  equal(settingsOf(filtersOf(written(single({ affinity })).config)[0]).accept, undefined);
});

test("what cannot be written is left out and reported, and nothing is written of a model that has nothing else", () => {
  const lost = written(
    modelOf({
      name: "a.example",
      routes: [
        at("/a(?!b)", backend("app"), { match: "regex" }),
        at("/(", backend("app"), { match: "regex" }),
        at("/p", { name: "shop-web-http", namespace: "shop", service: "web", port: "http" }),
      ],
    }),
  );
  deepEqual(lost.manifests, []);
  deepEqual(
    lost.notes.map(({ outcome, subject, value, text }) => [outcome, subject, value, text.split(":")[0]]),
    [
      ["lost", "spec.rules.http.paths.path", "/a(?!b)", "a.example/a(?!b) is left out"],
      ["lost", "spec.rules.http.paths.path", "/(", "a.example/( is left out"],
      ["lost", "service.port.name", "http", "a.example/p is left out"],
    ],
  );
});

test("a canary whose header pattern Envoy cannot read goes on without it", () => {
  const next = { backend: backend("next"), weight: 0, total: 100, sticky: true };
  const model = single({}, { canary: { ...next, header: { name: "x", pattern: "a(?=b)" } } });
  const { config, notes } = written(model);
  deepEqual(
    routesOf(config).map(({ name }) => name),
    ["weights"],
  );
  deepEqual(
    notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [["lost", "canary-by-header-pattern", "a(?=b)"]],
  );
});

test("certificates, Services without pods of their own, and balanced pods that refuse are reported", () => {
  const tls = { namespace: "shop", name: "cert" };
  const outcomes = (model: Model, more = {}) =>
    written(model, more).notes.map(({ outcome, subject, object }) => [outcome, subject, object]);
  const named = (outcome: string, subject: string) => [[outcome, subject, source.object]];
  deepEqual(outcomes(modelOf({ ...hostOf("a.example", backend("app")), tls })), named("lost", "spec.tls"));
  deepEqual(outcomes(single({ affinity, headless: true })), []);
  deepEqual(outcomes(single({ affinity, endpoints: ["10.0.0.1:80"] })), []);
  deepEqual(outcomes(single({ affinity })), named("different", "affinity"));
  deepEqual(outcomes(single({ affinity, headless: false })), named("lost", "affinity"));
  deepEqual(outcomes(single({ headless: false })), []);
  const refusing = { ...affinity, mode: "balanced" as const, changeOnFailure: false };
  deepEqual(
    outcomes(single({ affinity: refusing, headless: true }), { keepBalanced: true }),
    named("different", "session-cookie-change-on-failure"),
  );
  deepEqual(outcomes(single({ affinity: refusing, headless: true })), []);
});

test("what is said in a comment is said once", () => {
  const hosts = ["a", "b", "c"].map((name) => hostOf(`${name}.example`, backend(name, { affinity })));
  const lines = toYaml(written(modelOf(...hosts)).manifests)
    .split("\n")
    .filter((line) => /^ *# /.test(line))
    .map((line) => line.trim());
  ok(lines.length > 20);
  deepEqual(
    lines.filter((line, index) => lines.indexOf(line) !== index),
    [],
  );
});
