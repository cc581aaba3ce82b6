import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { Unusable } from "../../cli/commands/types.ts";
import { test } from "../support/check.ts";
import { FILE, ingress, listOf, path, read, readText, type Fields } from "../support/ingress-files.ts";

const V1 = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations:
    nginx.ingress.kubernetes.io/affinity: cookie
spec:
  rules:
    - host: shop.example
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: { service: { name: app, port: { number: 80 } } }
`;
const old = (api: string, port = "80") => `apiVersion: ${api}
kind: Ingress
metadata: { name: a }
spec:
  rules:
    - host: shop.example
      http: { paths: [{ path: /, backend: { serviceName: app, servicePort: ${port} } }] }
`;

const texts: [what: string, text: string][] = [
  ["YAML of networking.k8s.io/v1", V1],
  ["YAML of networking.k8s.io/v1beta1", old("networking.k8s.io/v1beta1")],
  ["YAML of extensions/v1beta1", old("extensions/v1beta1")],
  ["a port between quotes", old("extensions/v1beta1", '"80"')],
  ["YAML behind comments and empty documents", `# one\n---\n---\n# two\n---\n${V1}---\n`],
  ["YAML with directives", `%YAML 1.2\n---\n${V1}...\n`],
  ["lines that end as on Windows", V1.replaceAll("\n", "\r\n")],
  ["JSON", JSON.stringify({ ...ingress("a"), metadata: { name: "a" } })],
  ["a list of kubectl's", JSON.stringify(listOf([{ ...ingress("a"), metadata: { name: "a" } }]))],
  ["a list in a list", JSON.stringify(listOf([listOf([{ ...ingress("a"), metadata: { name: "a" } }])]))],
];
for (const [what, text] of texts)
  test(`${what} is read`, () => {
    deepEqual(
      readText(text)
        .routes()
        .map(({ backend, source }) => [backend.name, source]),
      [["default-app-80", { file: FILE, object: "Ingress default/a" }]],
    );
  });

test("items of a list of one kind need say neither kind nor version", () => {
  const { kind, apiVersion, ...item } = ingress("a");
  const { model } = readText(JSON.stringify({ apiVersion, kind: `${String(kind)}List`, items: [item] }));
  equal(model.hosts.length, 1);
});

test("the old APIs name the default backend otherwise", () => {
  const text = `apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\nspec: {backend: {serviceName: app, servicePort: web}}\n`;
  equal(readText(text).routes("*")[0]?.backend.name, "default-app-web");
});

test("kinds that are not looked at are named once each", () => {
  const other = (kind: string, name: string, apiVersion = "v1") => ({ apiVersion, kind, metadata: { name } });
  const { notes } = read([
    ingress("a"),
    other("Secret", "one"),
    other("Secret", "two"),
    other("Ingress", "x", "networking.internal.knative.dev/v1alpha1"),
  ]);
  deepEqual(
    notes.filter(({ subject }) => subject === "kind").map(({ value, object }) => [value, object]),
    [
      ["Secret", "Secret default/one"],
      ["Ingress.networking.internal.knative.dev", "Ingress default/x"],
    ],
  );
});

type Class = [field: unknown, annotation: unknown, ours: boolean];
const classes: Class[] = [
  [undefined, undefined, true],
  ["nginx", undefined, true],
  [undefined, "nginx", true],
  [undefined, "", true],
  ["internal", undefined, true],
  ["traefik", undefined, false],
  [undefined, "traefik", false],
  [undefined, "internal", false],
  ["traefik", "nginx", false],
  ["nginx", "traefik", true],
];
for (const [field, annotation, ours] of classes)
  test(`an Ingress of class ${String(field)}, by its annotation ${String(annotation)}, is ours: ${ours}`, () => {
    const one = ingress("a", { spec: { ingressClassName: field }, paths: [path("/a", "app")] });
    if (annotation !== undefined)
      (one["metadata"] as { annotations: Fields }).annotations = {
        "kubernetes.io/ingress.class": annotation,
      };
    const internal = {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: "internal" },
      spec: { controller: "k8s.io/ingress-nginx" },
    };
    const { routes, told } = read([internal, one, ingress("rest")]);
    equal(routes().length, ours ? 2 : 1);
    equal(told().length, ours ? 0 : 1);
  });

test("of two objects with one name the last counts, as with kubectl apply", () => {
  const { routes, told } = read([ingress("a", { paths: [path("/", "old")] }), ingress("a")]);
  equal(routes()[0]?.backend.service, "app");
  deepEqual(told(), [["untouched", "metadata.name", "a"]]);
});

const unusable: [what: string, text: string, message: RegExp][] = [
  ["nothing", "", /^shop\.yaml: no Ingress of ingress-nginx/],
  ["a text", "hello", /^shop\.yaml: no Ingress .*document: not an object with fields/],
  ["other kinds alone", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", /kubectl get ingress/],
  ["an alias of nothing", `${V1}---\na: *b\n`, /^shop\.yaml: document 2: .*line 16, column 4: an alias/],
  [
    "a tab",
    `${V1}---\n\n---\na:\n\t- b\n`,
    /^shop\.yaml: document 2: neither JSON nor YAML: line 19, column 1/,
  ],
  ["JSON that ends early", '{"kind": "Ingress"', /^shop\.yaml: neither JSON nor YAML: line 1/],
  ["a version to come", V1.replace("/v1", "/v3"), /apiVersion|Not an API of Ingress/],
  [
    "no spec",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n",
    /spec: neither rules nor a default backend/,
  ],
  ["a name that is a number", V1.replace("name: a", "name: 5"), /metadata\.name: an object has a name/],
  [
    "a namespace that is none",
    V1.replace("name: a", "name: a\n  namespace: A B"),
    /not the name of a namespace/,
  ],
  ["rules that are no list", V1.replace(/rules:[^]*/, "rules: 5"), /spec\.rules: not a list/],
  ["deep nesting", `a: ${"[".repeat(200)}`, /nested more than 100 deep/],
  [
    "lists in lists in lists",
    JSON.stringify([1, 2, 3, 4, 5].reduce((inner) => listOf([inner]), {} as Fields)),
    /lists/,
  ],
];
for (const [what, text, message] of unusable)
  test(`${what} is of no use, and its place is told`, () => {
    throws(
      () => readText(text),
      (error) => {
        ok(error instanceof Unusable, String(error));
        match(error.message, message);
        return true;
      },
    );
  });

const strange: [what: string, paths: unknown, subject: string][] = [
  ["a host that is a number", undefined, "spec.rules.host"],
  ["a path that is a number", [{ ...path("/", "x"), path: 5 }], "spec.rules.http.paths.path"],
  ["a type to come", [path("/b", "x", { pathType: "Glob" })], "spec.rules.http.paths.pathType"],
  ["no backend", [{ path: "/" }], "spec.rules.http.paths.backend"],
  ["a resource", [{ path: "/", backend: { resource: {} } }], "spec.rules.http.paths.backend"],
  [
    "a Service without a name",
    [{ path: "/", backend: { service: {} } }],
    "spec.rules.http.paths.backend.service.name",
  ],
  ["a Service of the prototype", [path("/", "__proto__")], "spec.rules.http.paths.backend.service.name"],
  ["port 0", [path("/", "app:0")], "spec.rules.http.paths.backend.service.port.number"],
  ["a port too large", [path("/", "app:65536")], "spec.rules.http.paths.backend.service.port.number"],
  ["a port by a strange name", [path("/", "app:A_B")], "spec.rules.http.paths.backend.service.port.name"],
  ["a path that is null", [null, path("/c", "x")], "spec.rules.http.paths"],
  ["a rule without paths", null, "spec.rules.http"],
  ["a path that is a list", [["/"]], "spec.rules.http.paths"],
];
for (const [what, paths, subject] of strange)
  test(`${what} is told by its field, and the rest is read`, () => {
    const rules = paths === undefined ? [{ host: 5 }] : [{ host: "b.example", http: paths && { paths } }];
    const { model, told } = read([ingress("a", { rules }), ingress("b")]);
    ok(model.hosts.some(({ name }) => name === "shop.example"));
    equal((told()[0] as string[] | undefined)?.[1] ?? "", subject);
  });

test("a list of kubectl's that is longer than a YAML text may be is read item by item", () => {
  const item = (index: number) =>
    V1.replace("name: a", `name: a${index}`)
      .replace("shop.example", `h${index}.example`)
      .trimEnd()
      .split("\n")
      .map((line, at) => `${at === 0 ? "- " : "  "}${line}`)
      .join("\n");
  const items = Array.from({ length: 4000 }, (_, index) => item(index)).join("\n");
  const text = `apiVersion: v1\nitems:\n${items}\nkind: List\nmetadata:\n  resourceVersion: ""\n`;
  ok(text.length > 1024 * 1024);
  equal(readText(text).model.hosts.length, 4000);
  const line = text.split("\n").findIndex((each) => each.includes("name: a3999")) + 1;
  throws(() => readText(text.replace("name: a3999", "name: *a3999")), new RegExp(`line ${line}, column`));
});

test("a long YAML text that is no such list is of no use", () => {
  throws(() => readText(`a: ${"b".repeat(1024 * 1024)}`), /more YAML than 1 MiB/);
});

test("aliases cannot make more of a short text than can be read", () => {
  const paths = `[${Array(3000).fill("*p").join(",")}]`;
  const rules = `[${Array(3000).fill("*r").join(",")}]`;
  const text = `x: &p { path: /, backend: { service: { name: a, port: { number: 80 } } } }
y: &r { host: a.example, http: { paths: ${paths} } }
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: a }
spec: { rules: ${rules} }
`;
  throws(() => readText(text), /more rules, paths, hosts or endpoints than/);
});
