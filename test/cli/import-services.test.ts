import { deepEqual, equal } from "node:assert/strict";
import type { Backend } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import { ingress, path, read, settled, type Fields } from "../support/ingress-files.ts";

const service = (ports: unknown, more: Fields = {}): Fields => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "app", namespace: "shop" },
  spec: { ports, ...more },
});
const slice = (
  endpoints: unknown,
  ports: unknown = [{ name: "", port: 8080 }],
  more: Fields = {},
): Fields => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "app-1", namespace: "shop", labels: { "kubernetes.io/service-name": "app" } },
  addressType: "IPv4",
  ports,
  endpoints,
  ...more,
});
const pod = (address: string, conditions?: unknown): Fields => ({ addresses: [address], conditions });

function only(objects: readonly unknown[], port = "80", endpoints?: readonly unknown[]): Backend {
  const { model } = read([ingress("a", { paths: [path("/", `app:${port}`)] }), ...objects], endpoints);
  return model.backends[0] as Backend;
}

type Row = [port: string, ports: unknown, expected: Partial<Backend>];
const rows: Row[] = [
  ["80", [{ port: 80 }], { port: 80, servicePort: 80, targetPort: 80 }],
  ["80", [{ port: 80, targetPort: 8080 }], { port: 80, servicePort: 80, targetPort: 8080 }],
  [
    "http",
    [{ name: "http", port: 80, targetPort: 8080 }],
    { port: "http", servicePort: 80, targetPort: 8080 },
  ],
  ["80", [{ port: 80, targetPort: "web" }], { port: 80, servicePort: 80 }],
  // ingress-nginx takes the number of a pods' port as well.
  ["8080", [{ port: 80, targetPort: 8080 }], { port: 8080, servicePort: 80, targetPort: 8080 }],
  ["web", [{ port: 80, targetPort: "web" }], { port: "web", servicePort: 80 }],
  ["none", [{ name: "http", port: 80 }], { port: "none" }],
];
for (const [port, ports, expected] of rows)
  test(`port ${port} of a Service with ${JSON.stringify(ports)}`, () => {
    deepEqual(only([service(ports)], port), {
      name: `shop-app-${port}`,
      namespace: "shop",
      service: "app",
      headless: false,
      ...expected,
    });
  });

test("without the Service a number stands for itself, and a name for nothing", () => {
  deepEqual(only([]), { name: "shop-app-80", namespace: "shop", service: "app", port: 80, servicePort: 80 });
  deepEqual(only([], "http"), { name: "shop-app-http", namespace: "shop", service: "app", port: "http" });
});

test("a Service without an address is headless", () => {
  equal(only([service([{ port: 80 }], { clusterIP: "None" })]).headless, true);
});

test("a port that the Service has not, and a Service outside the cluster, are told", () => {
  const a = ingress("a");
  deepEqual(read([a, service([{ port: 81 }])]).told(), [["lost", "spec.ports", "(a list)"]]);
  deepEqual(read([a, service([], { type: "ExternalName" })]).told(), [["lost", "spec.type", "ExternalName"]]);
});

test("pods that are ready are there once each, as ingress-nginx names them", () => {
  const pods = [
    pod("10.0.0.1"),
    pod("10.0.0.2", { ready: true }),
    pod("10.0.0.3", { ready: false }),
    pod("10.0.0.4", {}),
    pod("10.0.0.1"),
  ];
  const six = {
    ...slice([pod("fd00::1")]),
    metadata: { ...(slice([])["metadata"] as object), name: "app-2" },
  };
  const expected = ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.4:8080", "[fd00::1]:8080"];
  deepEqual(only([], "80", [slice(pods), six]).endpoints, expected);
  // Those among the ordinary files count, too, as do those of the older API.
  deepEqual(only([slice(pods), six]).endpoints, expected);
  deepEqual(only([{ ...slice(pods), apiVersion: "discovery.k8s.io/v1beta1" }, six]).endpoints, expected);
});

type Ports = [service: unknown, slice: unknown, endpoints: string[] | undefined, target: number | undefined];
const named: Ports[] = [
  [
    [{ name: "http", port: 80, targetPort: "web" }],
    [
      { name: "admin", port: 9000 },
      { name: "http", port: 8080 },
    ],
    ["10.0.0.1:8080"],
    8080,
  ],
  [[{ port: 80, targetPort: 8080 }], [{ name: "", port: 8080 }], ["10.0.0.1:8080"], 8080],
  [[{ port: 80, targetPort: 8080 }], [], ["10.0.0.1:8080"], 8080],
  [[{ name: "http", port: 80, targetPort: 8080 }], [{ name: "other", port: 9000 }], ["10.0.0.1:8080"], 8080],
  [[{ port: 80, targetPort: "dns" }], [{ name: "", port: 53, protocol: "UDP" }], undefined, undefined],
];
for (const [ports, slicePorts, endpoints, target] of named)
  test(`pods of ${JSON.stringify(ports)} listen as ${JSON.stringify(slicePorts)} says`, () => {
    const backend = only([service(ports), slice([pod("10.0.0.1")], slicePorts)]);
    deepEqual(backend.endpoints, endpoints);
    equal(backend.targetPort, target);
  });

test("an Endpoints object stands in where there is no slice", () => {
  const endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "app", namespace: "shop" },
    subsets: [
      { addresses: [{ ip: "10.0.0.9" }], notReadyAddresses: [{ ip: "10.0.0.8" }], ports: [{ port: 8080 }] },
    ],
  };
  deepEqual(only([endpoints]).endpoints, ["10.0.0.9:8080"]);
  deepEqual(only([endpoints, slice([pod("10.0.0.1")])]).endpoints, ["10.0.0.1:8080"]);
});

test("an address that Envoy writes in another way is left out and told", () => {
  const addresses = [
    "FD00::1",
    "fd00:0::1",
    "::ffff:10.0.0.1",
    "010.0.0.1",
    "pod.example",
    "fe80::1%eth0",
    "10.0.0.1",
  ];
  const { model, notes } = read([ingress("a"), slice(addresses.map((address) => pod(address)))]);
  deepEqual(model.backends[0]?.endpoints, ["[::ffff:10.0.0.1]:8080", "10.0.0.1:8080"]);
  equal(notes.filter(({ outcome }) => outcome === "lost").length, 5);
});

test("a backend whose pods are none, or too many, has none, and that is told", () => {
  const none = read([ingress("a"), slice([pod("10.0.0.1", { ready: false })])]);
  equal(none.model.backends[0]?.endpoints, undefined);
  deepEqual(none.told(), [["lost", "endpoints", "(a list)"]]);
  const many = Array.from({ length: 4097 }, (_, index) => pod(`10.0.${index >> 8}.${index & 255}`));
  equal(read([ingress("a"), slice(many)]).model.backends[0]?.endpoints, undefined);
  equal(only([slice(many.slice(1))]).endpoints?.length, 4096);
});

test("service-upstream pinned nobody, so that no old cookie names a pod", () => {
  const annotations = { ...settled, "service-upstream": "true" };
  const { model, noteOf } = read([ingress("a", { annotations }), slice([pod("10.0.0.1")])]);
  equal(model.backends[0]?.endpoints, undefined);
  equal(noteOf("service-upstream")?.outcome, "different");
  for (const value of ["false", "on"]) {
    const plain = read([
      ingress("a", { annotations: { ...settled, "service-upstream": value } }),
      slice([pod("10.0.0.1")]),
    ]);
    deepEqual(plain.model.backends[0]?.endpoints, ["10.0.0.1:8080"]);
  }
});

const wrong: [what: string, object: Fields, subject: string][] = [
  ["no list of ports", service("80"), "spec.ports"],
  ["a port that is text", service([{ port: "80" }]), "spec.ports.port"],
  ["pods that are no list", slice({ a: 1 }), "endpoints"],
  ["a readiness that is text", slice([pod("10.0.0.1", { ready: "false" })]), "endpoints.conditions.ready"],
  ["an address that is a number", slice([{ addresses: [10] }]), "endpoints.addresses"],
  ["no label", slice([], [], { metadata: { name: "x", namespace: "shop" } }), "metadata.labels"],
];
for (const [what, object, subject] of wrong)
  test(`${what} is told by its field`, () => {
    const { told } = read([ingress("a"), object]);
    equal(
      told().some((each) => (each as string[])[0] === "lost" && (each as string[])[1] === subject),
      true,
      JSON.stringify(told()),
    );
  });
