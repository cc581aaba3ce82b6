import { deepEqual, equal, ok } from "node:assert/strict";
import { Unusable } from "../../cli/commands/types.ts";
import { names } from "../../cli/import/annotations.ts";
import { readModel } from "../../cli/import/ingress.ts";
import { test } from "../support/check.ts";
import { ingress, path, settled, type Fields } from "../support/ingress-files.ts";

/** Numbers from 0 up to, without, `below`; the same in each run (a linear congruential generator, of Numerical Recipes). */
function randomly(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const cluster: readonly Fields[] = [
  ingress("a", {
    annotations: {
      ...settled,
      "session-cookie-max-age": "60",
      "server-alias": "www.example",
      "use-regex": "true",
    },
    created: "2026-01-01T00:00:00Z",
    paths: [path("/", "app:http"), path("/api", "api")],
    spec: { tls: [{ hosts: ["shop.example"], secretName: "cert" }], ingressClassName: "nginx" },
  }),
  ingress("next", {
    annotations: {
      canary: "true",
      "canary-weight": "10",
      "canary-by-header": "x",
      "canary-by-header-pattern": "2|3",
    },
    paths: [path("/", "next")],
  }),
  {
    apiVersion: "extensions/v1beta1",
    kind: "Ingress",
    metadata: { name: "old" },
    spec: {
      backend: { serviceName: "old", servicePort: 80 },
      rules: [{ http: { paths: [{ path: "/", backend: { serviceName: "app", servicePort: "http" } }] } }],
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "app", namespace: "shop" },
    spec: { clusterIP: "None", ports: [{ name: "http", port: 80, targetPort: "web" }] },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "app-1", namespace: "shop", labels: { "kubernetes.io/service-name": "app" } },
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: [{ addresses: ["10.0.0.1", "fd00::1"], conditions: { ready: true } }],
  },
  {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "api", namespace: "shop" },
    subsets: [{ ports: [], addresses: [] }],
  },
];

const odd: readonly unknown[] = [
  null,
  0,
  -1,
  1e308,
  true,
  "",
  "__proto__",
  "constructor",
  "\u0000\u202e",
  "0".repeat(5000),
  "(".repeat(2000),
  [],
  {},
  [[]],
  [null],
  { toString: 5 },
  ...names,
];

/** The value with one thing in it changed, taken away or doubled. */
function mutated(value: unknown, random: (below: number) => number): unknown {
  if (typeof value !== "object" || value === null || random(6) === 0) return odd[random(odd.length)];
  if (Array.isArray(value)) {
    const items: unknown[] = [...value];
    const index = random(items.length + 1);
    if (index === items.length) items.push(items.length === 0 ? odd[random(odd.length)] : items[0]);
    else items[index] = mutated(items[index], random);
    return items;
  }
  const fields = Object.entries(value);
  const at = random(fields.length + 1);
  const field = fields[at];
  if (field === undefined) fields.push([names[random(names.length)] ?? "", odd[random(odd.length)]]);
  else if (random(8) === 0) fields.splice(at, 1);
  else fields[at] = [field[0], mutated(field[1], random)];
  return Object.fromEntries(fields);
}

/** Whether it was read; all other ends but Unusable are faults. */
function isRead(text: string): boolean {
  let notes = 0;
  try {
    const model = readModel([{ file: "x", text }], undefined, {
      note({ file, object, subject, text: why }) {
        notes++;
        for (const each of [file, object, why])
          ok(each !== "" && !each.includes("\n"), `${subject}: ${each}`);
        ok(!/undefined|\[object|NaN/.test(`${object}${why}`), why);
      },
    });
    for (const { name, affinity, endpoints } of model.backends) {
      ok(/^[\x21-\x7e]+$/.test(name));
      if (affinity !== undefined)
        ok(affinity.cookie.path.startsWith("/") && affinity.cookie.formerPaths.length > 0);
      if (endpoints !== undefined) ok(endpoints.length > 0);
    }
    return true;
  } catch (error) {
    if (error instanceof Unusable) {
      ok(!/[\u0000-\u001f\u202e]/.test(error.message), JSON.stringify(error.message));
      return false;
    }
    throw error;
  } finally {
    ok(notes < 100_000);
  }
}

test("whatever an object holds, the end is a model or one sentence", () => {
  const random = randomly(1);
  let read = 0;
  for (let round = 0; round < 2500; round++) {
    let objects: unknown = cluster;
    for (let count = 1 + random(6); count > 0; count--) objects = mutated(objects, random);
    if (isRead(JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }))) read++;
  }
  ok(read > 1250, `${read} of 2500 were read`);
});

test("whatever a text holds, the end is a model or one sentence", () => {
  const random = randomly(2);
  const text = cluster.map((object) => JSON.stringify(object, undefined, 1).replace(/^/, "---\n")).join("\n");
  const pieces = [
    "---\n",
    "&a ",
    "*a",
    "!!binary ",
    "<<: ",
    "? ",
    "|\n",
    "\t",
    "\u0000",
    "]",
    "}",
    "'",
    '"',
    "\r",
    ": ",
  ];
  let read = 0;
  for (let round = 0; round < 250; round++) {
    const at = random(text.length);
    const more = pieces[random(pieces.length)] ?? "";
    if (isRead(text.slice(0, at) + more + text.slice(at + random(3)))) read++;
  }
  ok(read > 20, `${read} of 250 were read`);
});

test("keys of the prototype are names like any other", () => {
  const text = `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"constructor","__proto__":{"x":1},"annotations":{"__proto__":"x","toString":"y"}},
    "spec":{"rules":[{"host":"a.example","__proto__":null,"http":{"paths":[{"path":"/","backend":{"service":{"name":"constructor","port":{"name":"valueof"}}}}]}}]}}`;
  const untouched: string[] = [];
  const { hosts } = readModel([{ file: "x", text }], undefined, {
    note: ({ value }) => untouched.push(value),
  });
  equal(hosts[0]?.routes[0]?.backend.name, "default-constructor-valueof");
  deepEqual(untouched, ["__proto__, toString"]);
  equal(({} as Fields)["x"], undefined);
});
