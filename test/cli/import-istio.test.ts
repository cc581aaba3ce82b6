import { deepEqual, match } from "node:assert/strict";
import type { Backend } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import { commandLine } from "./command-line.ts";
import {
  affinity,
  at,
  backend,
  canary,
  modelOf,
  retries,
  rules,
  written,
  type Document,
} from "../support/istio-model.ts";

test("a service with affinity gets gateway, routes, plugin, filter and destination rule, in this order", () => {
  const model = modelOf({ name: "shop.example.com", routes: [at("/", backend("app", { affinity }))] });
  const { documents, manifests, notes } = written(model);
  deepEqual(
    documents.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace]),
    [
      ["Gateway", "affinity", "istio-ingress"],
      ["VirtualService", "shop.example.com", "istio-ingress"],
      ["WasmPlugin", "affinity", "istio-ingress"],
      ["EnvoyFilter", "affinity", "istio-ingress"],
      ["DestinationRule", "app.shop", "istio-ingress"],
    ],
  );
  deepEqual(
    manifests.map(({ file }) => file),
    ["gateway.yaml", "routes.yaml", "affinity.yaml", "affinity.yaml", "affinity.yaml"],
  );
  deepEqual(notes, []);
});

test("nothing to serve writes nothing", () => {
  deepEqual(written({ hosts: [], backends: [] }).manifests, []);
});

test("a port known by its name alone is lost; with the Service's number it is not", () => {
  const named: Backend = { name: "shop-app-http", namespace: "shop", service: "app", port: "http", affinity };
  const { notes, manifests } = written(modelOf({ name: "a.example", routes: [at("/", named)] }));
  deepEqual(manifests, []);
  deepEqual(
    notes.map(({ outcome, subject, value }) => [outcome, subject, value]),
    [["lost", "service.port.name", "http"]],
  );
  const known = modelOf({ name: "a.example", routes: [at("/", { ...named, servicePort: 8080 })] });
  const [plugin] = written(known).specs("WasmPlugin") as [{ pluginConfig: { services: object[] } }];
  deepEqual(written(known).notes, []);
  deepEqual(plugin.pluginConfig.services, [
    {
      clusters: ["outbound|8080||app.shop.svc.cluster.local"],
      sessionName: "route-affinity",
      scope: "shop/app:http",
      keys: [{ id: 1, env: "AFFINITY_KEY" }],
      cookie: { path: "/", sameSite: "" },
      keyHeader: "x-affinity-key",
    },
  ]);
});

test("one plugin holds the policies of all services, and none of those without affinity", () => {
  const { specs } = written(
    modelOf(
      { name: "a.example", routes: [at("/", backend("a", { affinity })), at("/plain", backend("plain"))] },
      {
        name: "b.example",
        routes: [at("/", backend("b", { affinity })), at("/a", backend("a", { affinity }))],
      },
    ),
    { wasm: "oci://registry.example.com/other:2", keyEnv: "MY_KEY" },
  );
  const policy = (service: string) => ({
    clusters: [`outbound|80||${service}.shop.svc.cluster.local`],
    sessionName: "route-affinity",
    scope: `shop/${service}:80`,
    keys: [{ id: 1, env: "MY_KEY" }],
    cookie: { path: "/", sameSite: "" },
    keyHeader: "x-affinity-key",
  });
  deepEqual(specs("WasmPlugin"), [
    {
      selector: { matchLabels: { istio: "ingressgateway" } },
      url: "oci://registry.example.com/other:2",
      imagePullPolicy: "IfNotPresent",
      phase: "STATS",
      pluginName: "affinity",
      failStrategy: "FAIL_RELOAD",
      vmConfig: { env: [{ name: "MY_KEY", valueFrom: "HOST" }] },
      pluginConfig: { services: [policy("a"), policy("b")] },
    },
  ]);
});

test("each Service of a policy is hashed by the key on its ports, for this gateway alone", () => {
  const admin = backend("app", { name: "shop-app-81", port: 81, servicePort: 81, affinity });
  const { specs } = written(
    modelOf({ name: "a.example", routes: [at("/admin", admin), at("/", backend("app", { affinity }))] }),
  );
  const settings = (number: number) => ({
    port: { number },
    loadBalancer: { consistentHash: { httpHeaderName: "x-affinity-key", maglev: { tableSize: 65537 } } },
    connectionPool: { tcp: { connectTimeout: "2s" } },
  });
  deepEqual(specs("DestinationRule"), [
    {
      host: "app.shop.svc.cluster.local",
      exportTo: ["."],
      trafficPolicy: { portLevelSettings: [settings(81), settings(80)] },
    },
  ]);
});

test("clients' own headers are removed early, and stateful_session stands before the router", () => {
  const { specs, manifests } = written(
    modelOf({ name: "a.example", routes: [at("/", backend("app", { affinity }))] }),
  );
  const manager = "envoy.filters.network.http_connection_manager";
  deepEqual(specs("EnvoyFilter"), [
    {
      workloadSelector: { labels: { istio: "ingressgateway" } },
      configPatches: [
        {
          applyTo: "NETWORK_FILTER",
          match: { context: "GATEWAY", listener: { filterChain: { filter: { name: manager } } } },
          patch: {
            operation: "MERGE",
            value: {
              typed_config: {
                "@type":
                  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                early_header_mutation_extensions: [
                  {
                    name: "envoy.http.early_header_mutation.header_mutation",
                    typed_config: {
                      "@type":
                        "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                      mutations: [
                        { remove: "x-affinity-host" },
                        { remove: "x-affinity-key" },
                        { remove: "x-affinity-cluster" },
                      ],
                    },
                  },
                ],
              },
            },
          },
        },
        {
          applyTo: "HTTP_FILTER",
          match: {
            context: "GATEWAY",
            listener: {
              filterChain: { filter: { name: manager, subFilter: { name: "envoy.filters.http.router" } } },
            },
          },
          patch: {
            operation: "INSERT_BEFORE",
            value: {
              name: "affinity.stateful_session",
              typed_config: {
                "@type":
                  "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
                session_state: {
                  name: "envoy.http.stateful_session.header",
                  typed_config: {
                    "@type":
                      "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
                    name: "x-affinity-host",
                  },
                },
              },
            },
          },
        },
      ],
    },
  ]);
  const { why } = manifests.find(({ document }) => (document as Document).kind === "EnvoyFilter") ?? {
    why: "",
  };
  match(why, /^kubectl label service -n shop app istio\.io\/persistent-session=unused$/m);
});

test("the filter takes the plugin's configuration as Istio hands it over", async () => {
  const endpoints = ["10.0.0.1:80", "[fd00::1]:80"];
  const model = modelOf(
    {
      name: "a.example",
      routes: [at("/", backend("app", { affinity, endpoints }), { canary: canary() })],
    },
    {
      name: "b.example",
      routes: [at("/", backend("b", { affinity: { ...affinity, mode: "balanced" }, endpoints }))],
    },
  );
  for (const keepBalanced of [false, true]) {
    const [plugin] = written(model, { keepBalanced }).specs("WasmPlugin") as [{ pluginConfig: object }];
    const { stdout, code } = await commandLine(["config", "check", "--json", "-"], {
      stdin: JSON.stringify(plugin.pluginConfig),
      env: { AFFINITY_KEY: "zH0DJT2jH5kvdrGhuZ8+AyTFySbUpI7sKKkqTMw+1V8=" },
    });
    const checks = JSON.parse(stdout) as { problems: string[] }[];
    deepEqual({ code, problems: checks.map(({ problems }) => problems) }, { code: 0, problems: [[]] });
  }
});

test("one port of a Service by its number and by its name is one policy, whose routes retry alike", () => {
  const named = backend("app", { name: "shop-app-http", port: "http", affinity });
  const model = modelOf({
    name: "a.example",
    routes: [at("/a", backend("app", { affinity }), { match: "start" }), at("/b", named, { match: "start" })],
  });
  const { notes, specs } = written(model);
  const [plugin] = specs("WasmPlugin") as [{ pluginConfig: { services: { scope: string }[] } }];
  deepEqual(
    plugin.pluginConfig.services.map(({ scope }) => scope),
    ["shop/app:80"],
  );
  deepEqual(
    notes.map(({ outcome, subject }) => [outcome, subject]),
    [["different", "affinity"]],
  );
  deepEqual(
    rules(model).map((rule) => (rule as { retries?: object }).retries),
    [retries, retries],
  );
});
