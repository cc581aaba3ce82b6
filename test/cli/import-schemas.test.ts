import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { problemsOf, unknownFields, type Resource } from "./schemas.ts";

const folder = join(root, "test/cli/import");
const manifests = new Map(
  readdirSync(folder)
    .filter((file) => /\.(istio|envoy-gateway)\.yaml$/.test(file))
    .sort()
    .map((file) => [file, resourcesOf(readFileSync(join(folder, file), "utf8"))]),
);

function resourcesOf(text: string): Resource[] {
  const resources = parseAllDocuments(text).map((document) => document.toJS() as Resource | null);
  return resources.filter((resource) => resource !== null);
}

test("there are manifests for both, of every kind that is written for them", () => {
  const kinds = (target: string): string[] => {
    const files = [...manifests].filter(([file]) => file.endsWith(`.${target}.yaml`));
    return [...new Set(files.flatMap(([, resources]) => resources.map(({ kind }) => kind)))].sort();
  };
  deepEqual(kinds("istio"), ["DestinationRule", "EnvoyFilter", "Gateway", "VirtualService", "WasmPlugin"]);
  deepEqual(kinds("envoy-gateway"), [
    "BackendTrafficPolicy",
    "ClientTrafficPolicy",
    "EnvoyExtensionPolicy",
    "EnvoyPatchPolicy",
    "EnvoyProxy",
    "Gateway",
    "GatewayClass",
    "HTTPRoute",
    "ReferenceGrant",
  ]);
});

for (const [file, resources] of manifests)
  test(`${file} holds by the published schemas`, async () => {
    const problems = await Promise.all(resources.map(problemsOf));
    deepEqual(problems.flat(), []);
  });

test("no manifest has a field that the published schemas do not know", async () => {
  equal(await unknownFields(manifests), "");
});

const plugin = (spec: object): Resource & { metadata: object; spec: object } => ({
  apiVersion: "extensions.istio.io/v1alpha1",
  kind: "WasmPlugin",
  metadata: { name: "affinity" },
  spec: { url: "oci://registry.example.com/affinity:1", ...spec },
});

test("the schemas refuse a value that is none of the allowed ones", async () => {
  deepEqual(await problemsOf(plugin({ failStrategy: "FAIL_RELOAD" })), []);
  const [problem = ""] = await problemsOf(plugin({ failStrategy: "FAIL_SOMEHOW" }));
  match(problem, /^extensions\.istio\.io\/v1alpha1 WasmPlugin: .*failStrategy/);
});

test("a field that a schema does not know is found, however deep it stands", async () => {
  const route: Resource & { spec: object } = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    spec: {
      rules: [{ sessionPersistence: { type: "Header", sessionName: "x-affinity-host", strict: true } }],
    },
  };
  const service: Resource & { metadata: object; spec: object } = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "shop" },
    spec: { http: [{ match: [{ uri: { start: "/" } }], retries: { attempts: 1, retryIgnoreHosts: true } }] },
  };
  const found = await unknownFields(
    new Map([
      ["plugin", [plugin({ failStrategy: "FAIL_RELOAD" })]],
      ["wrong-plugin", [plugin({ vmConfig: { environment: [] } })]],
      ["wrong-route", [route]],
      ["wrong-service", [service]],
    ]),
  );
  for (const field of ["environment", "strict", "start", "retryIgnoreHosts"])
    ok(found.includes(`'"${field}"' does not exist in type`), `${field} is not among: ${found}`);
  ok(!/(^|\/)plugin\.ts/m.test(found), found);
});

test("a resource whose schema no package carries is named", async () => {
  await rejects(problemsOf({ apiVersion: "example.com/v1", kind: "Widget" }), {
    message: "example.com/v1 Widget: no package here carries its schema; add one to test/cli/schemas.ts",
  });
});
