import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Backend } from "../../cli/import/model.ts";
import {
  affinity,
  at,
  backend,
  everything,
  modelOf,
  options,
  rules,
  written,
  type Document,
} from "../support/envoy-gateway-model.ts";
import { test } from "../support/check.ts";
import { commandLine } from "./command-line.ts";
import { problemsOf, unknownFields, type Resource } from "./schemas.ts";

const GATEWAY = "envoy-gateway-system";
const single = modelOf({ name: "shop.example.com", routes: [at("/", backend("app", { affinity }))] });

test("a service with affinity gets class, gateway, route, filter and policies, and patches last", () => {
  const { documents, manifests, notes } = written(single);
  deepEqual(
    documents.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace]),
    [
      ["GatewayClass", "affinity", undefined],
      ["EnvoyProxy", "affinity", GATEWAY],
      ["Gateway", "affinity", GATEWAY],
      ["HTTPRoute", "shop.example.com", "shop"],
      ["EnvoyExtensionPolicy", "affinity-app-80", "shop"],
      ["BackendTrafficPolicy", "affinity", "shop"],
      ["ClientTrafficPolicy", "affinity", GATEWAY],
      ["EnvoyPatchPolicy", "affinity-draining", GATEWAY],
      ["EnvoyPatchPolicy", "affinity-reload", GATEWAY],
    ],
  );
  deepEqual(
    [...new Set(manifests.map(({ file }) => file))],
    ["gateway.yaml", "routes.yaml", "affinity.yaml", "patches.yaml"],
  );
  deepEqual(notes, []);
});

test("nothing to serve writes nothing", () => {
  deepEqual(written({ hosts: [], backends: [] }).manifests, []);
});

test("without affinity there are a gateway and routes alone, and Envoy needs no key", () => {
  const { documents, specs } = written(modelOf({ name: "a.example", routes: [at("/", backend("app"))] }));
  deepEqual(
    documents.map(({ kind }) => kind),
    ["GatewayClass", "EnvoyProxy", "Gateway", "HTTPRoute"],
  );
  deepEqual(specs("EnvoyProxy"), [{ routingType: "Endpoint", preserveRouteOrder: true }]);
});

test("Envoy has stateful_session behind the filter, paths in their order, and the key by reference", () => {
  const { specs, manifests } = written(single, { keyEnv: "MY_KEY" });
  deepEqual(specs("EnvoyProxy"), [
    {
      routingType: "Endpoint",
      preserveRouteOrder: true,
      filterOrder: [{ name: "envoy.filters.http.stateful_session", after: "envoy.filters.http.wasm" }],
      provider: {
        type: "Kubernetes",
        kubernetes: {
          envoyDeployment: {
            container: {
              env: [{ name: "MY_KEY", valueFrom: { secretKeyRef: { name: "affinity-key", key: "key" } } }],
            },
          },
        },
      },
    },
  ]);
  const { why } = manifests.find(({ document }) => (document as Document).kind === "EnvoyProxy") ?? {
    why: "",
  };
  match(why, /^kubectl create secret generic affinity-key -n envoy-gateway-system /m);
});

test("the filter and the retries are on the rules with affinity alone, each policy by itself", () => {
  const plain = backend("plain");
  const [a, b] = [backend("a", { affinity }), backend("b", { affinity })];
  const model = modelOf(
    { name: "a.example", routes: [at("/static", plain), at("/", a)] },
    { name: "b.example", routes: [at("/", b), at("/a", a)] },
  );
  const { specs, documents } = written(model, {
    wasm: "oci://registry.example.com/other:2",
    keyEnv: "MY_KEY",
  });
  const target = (name: string, sectionName: string) => ({
    group: "gateway.networking.k8s.io",
    kind: "HTTPRoute",
    name,
    sectionName,
  });
  const policy = (service: string, ...targetRefs: object[]) => ({
    targetRefs,
    wasm: [
      {
        name: "affinity",
        rootID: "affinity",
        code: {
          type: "Image",
          image: { url: "registry.example.com/other:2" },
          pullPolicy: "IfNotPresent",
        },
        failOpen: true,
        env: { hostKeys: ["MY_KEY"] },
        config: {
          sessionName: "route-affinity",
          scope: `shop/${service}:80`,
          keys: [{ id: 1, env: "MY_KEY" }],
          cookie: { path: "/", sameSite: "" },
          keyHeader: "x-affinity-key",
        },
      },
    ],
  });
  const [ofA, ofB] = [
    [target("a.example", "a-80"), target("b.example", "a-80")],
    [target("b.example", "b-80")],
  ];
  deepEqual(specs("EnvoyExtensionPolicy"), [policy("a", ...ofA), policy("b", ...ofB)]);
  deepEqual(specs("BackendTrafficPolicy"), [
    {
      targetRefs: [...ofA, ...ofB],
      loadBalancer: {
        type: "ConsistentHash",
        consistentHash: { type: "Headers", headers: [{ name: "x-affinity-key" }], tableSize: 65537 },
      },
      retry: {
        numRetries: 5,
        retryOn: { triggers: ["connect-failure", "refused-stream", "reset-before-request"] },
        perRetry: { backOff: { baseInterval: "25ms", maxInterval: "250ms" } },
      },
      timeout: { tcp: { connectTimeout: "2s" } },
      healthCheck: { panicThreshold: 0 },
    },
  ]);
  const routes = documents.filter(({ kind }) => kind === "HTTPRoute") as (Document & {
    spec: { rules: { name: string; sessionPersistence?: object }[] };
  })[];
  const pinned = { type: "Header", sessionName: "x-affinity-host" };
  deepEqual(
    routes.map(({ spec }) => spec.rules.map(({ name, sessionPersistence }) => [name, sessionPersistence])),
    [
      [
        ["plain-80", undefined],
        ["a-80", pinned],
      ],
      [
        ["b-80", pinned],
        ["a-80", pinned],
      ],
    ],
  );
});

test("a filter on a server is fetched from there", () => {
  const [spec] = written(single, { wasm: "https://files.example.com/affinity.wasm" }).specs(
    "EnvoyExtensionPolicy",
  ) as [{ wasm: { code: object }[] }];
  deepEqual(
    spec.wasm.map(({ code }) => code),
    [{ type: "HTTP", http: { url: "https://files.example.com/affinity.wasm" } }],
  );
});

test("clients' own headers are removed early, and no answer names a pod", () => {
  deepEqual(written(single).specs("ClientTrafficPolicy"), [
    {
      targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "affinity" }],
      headers: {
        earlyRequestHeaders: { remove: ["x-affinity-host", "x-affinity-key", "x-affinity-cluster"] },
        lateResponseHeaders: { remove: ["x-affinity-host"] },
      },
    },
  ]);
});

test("a balanced service that is to stay so is hashed, pinned nowhere, and needs no patch for draining", () => {
  const balanced = backend("app", { affinity: { ...affinity, mode: "balanced", changeOnFailure: false } });
  const model = modelOf({ name: "a.example", routes: [at("/", balanced)] });
  const kept = written(model, { keepBalanced: true });
  equal(rules(model, { keepBalanced: true })[0]?.sessionPersistence, undefined);
  const [policy] = kept.specs("EnvoyExtensionPolicy") as [{ wasm: { config: { mode?: string } }[] }];
  equal(policy.wasm[0]?.config.mode, "balanced");
  equal(kept.specs("BackendTrafficPolicy").length, 1);
  const patches = ({ documents }: ReturnType<typeof written>): string[] =>
    documents.flatMap(({ kind, metadata }) => (kind === "EnvoyPatchPolicy" ? [metadata.name] : []));
  deepEqual(patches(kept), ["affinity-reload"]);
  deepEqual(kept.notes, []);
  deepEqual(patches(written(model)), ["affinity-draining", "affinity-reload"]);
});

test("that a pod which does not answer loses its clients is a difference unless they asked for it", () => {
  const model = modelOf({
    name: "a.example",
    routes: [at("/", backend("app", { affinity: { ...affinity, changeOnFailure: false } }))],
  });
  deepEqual(
    written(model).notes.map(({ outcome, object, subject, value }) => [outcome, object, subject, value]),
    [["different", "Ingress shop/app", "session-cookie-change-on-failure", "false"]],
  );
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
  deepEqual(written(known).notes, []);
  deepEqual(
    rules(known).map(({ name, backendRefs }) => [name, backendRefs]),
    [["app-http", [{ name: "app", port: 8080 }]]],
  );
});

test("each patch stands for itself, names what Envoy Gateway makes, and says why", () => {
  const { specs, manifests } = written(
    modelOf({
      name: "a.example",
      tls: { namespace: "shop", name: "cert" },
      routes: [at("/static", backend("plain")), at("/", backend("app", { affinity }))],
    }),
  );
  const targetRef = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "affinity" };
  const listener = (name: string) =>
    [
      { op: "remove", path: "fail_open" },
      { op: "add", path: "failure_policy", value: "FAIL_RELOAD" },
    ].map((operation) => ({
      type: "type.googleapis.com/envoy.config.listener.v3.Listener",
      name: `envoy-gateway-system/affinity/${name}`,
      operation: {
        ...operation,
        jsonPath:
          '$..http_filters[?(@.name=="envoy.filters.http.wasm/envoyextensionpolicy/shop/affinity-app-80/wasm/0")].typed_config.config',
      },
    }));
  deepEqual(specs("EnvoyPatchPolicy"), [
    {
      targetRef,
      type: "JSONPatch",
      jsonPatches: [
        {
          type: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
          name: "httproute/shop/a.example/rule/1",
          operation: {
            op: "add",
            path: "/common_lb_config/override_host_status",
            value: { statuses: ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"] },
          },
        },
      ],
    },
    { targetRef, type: "JSONPatch", jsonPatches: [...listener("http"), ...listener("https-a.example")] },
  ]);
  const patches = manifests.filter(({ file }) => file === "patches.yaml");
  equal(patches.length, 2);
  for (const { why } of patches) match(why, /^Optional\. Needs .*enableEnvoyPatchPolicy[\s\S]*^Why: /m);
});

test("what is written of all that there is holds by the published schemas, and has no field that they do not know", async () => {
  const resources = written(everything).documents as unknown as Resource[];
  const kinds = new Set(resources.map(({ kind }) => kind));
  ok(kinds.has("ReferenceGrant") && kinds.has("EnvoyPatchPolicy"), [...kinds].join());
  const problems = await Promise.all(resources.map(problemsOf));
  deepEqual(problems.flat(), []);
  equal(await unknownFields(new Map([["everything", resources]])), "");
});

test("the filter takes each configuration as Envoy Gateway hands it over", async () => {
  for (const keepBalanced of [false, true]) {
    const policies = written(everything, { keepBalanced }).specs("EnvoyExtensionPolicy") as {
      wasm: { config: object }[];
    }[];
    // Of app, legacy and hashed.
    equal(policies.length, 3);
    for (const { wasm } of policies) {
      const { stdout, code } = await commandLine(["config", "check", "--json", "-"], {
        stdin: JSON.stringify(wasm[0]?.config),
        env: { [options.keyEnv]: "zH0DJT2jH5kvdrGhuZ8+AyTFySbUpI7sKKkqTMw+1V8=" },
      });
      const checks = JSON.parse(stdout) as { problems: string[] }[];
      deepEqual({ code, problems: checks.map(({ problems }) => problems) }, { code: 0, problems: [[]] });
    }
  }
});
