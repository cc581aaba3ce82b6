import { deepEqual, equal, ok } from "node:assert/strict";
import type { Backend, Host, Route } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import { http1, many, type Ask } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { startImported } from "../support/envoy-model.ts";
import { assertNoTrap, newCookie } from "../support/gateway.ts";
import { assertClean, endpointsOf, NAME, namesOf, podsOf, withCookie } from "../support/import-clients.ts";
import { affinity, at, backend, hostOf, modelOf } from "../support/import-model.ts";
import type { Pod } from "../support/pod.ts";

/** A backend of shop with these pods. */
function served(pods: readonly Pod[], service: string, more: Partial<Backend> = {}): Backend {
  return backend(service, { endpoints: endpointsOf(pods), ...more });
}

test("a service keeps its clients, and one beside it without affinity is left alone", async () => {
  const [pods, plainPods] = [await podsOf("app"), await podsOf("plain")];
  const envoy = await startImported(
    modelOf(
      hostOf("app.example", served(pods, "app", { affinity })),
      hostOf("plain.example", served(plainPods, "plain")),
    ),
  );
  const first = await many(60, 10, () => http1(envoy.port, { host: "app.example" }));
  deepEqual([...new Set(first.map(({ body }) => body))].sort(), namesOf(pods));
  await many(60, 10, async (index) => {
    const { body } = first[index]!;
    const cookie = withCookie(newCookie(first[index]!, NAME));
    const answer = await http1(envoy.port, { host: "app.example:8080", ...cookie });
    deepEqual([answer.body, answer.setCookie], [body, []]);
    assertClean(answer);
  });
  const forged = {
    "x-affinity-host": Buffer.from(plainPods[0]!.endpoint).toString("base64"),
    "x-affinity-key": "a",
    "x-affinity-cluster": "b",
  };
  const plain = await many(60, 10, () => http1(envoy.port, { host: "plain.example", headers: forged }));
  for (const answer of plain) {
    assertClean(answer);
    deepEqual(answer.setCookie, []);
  }
  deepEqual([...new Set(plain.map(({ body }) => body))].sort(), namesOf(plainPods));
  for (const { headers } of [...pods, ...plainPods].flatMap((pod) => pod.received))
    deepEqual(
      [headers["x-affinity-host"], headers["x-affinity-key"], headers["x-affinity-cluster"]],
      [undefined, undefined, undefined],
    );
  await assertNoTrap(envoy);
});

test("services of one name in two namespaces, and two ports of one, keep their clients apart", async () => {
  const pods = { shop: await podsOf("shop"), lab: await podsOf("lab"), admin: await podsOf("admin") };
  const own = (more: Partial<Backend>) => backend("app", { affinity, ...more });
  const backends = {
    shop: own({ endpoints: endpointsOf(pods.shop) }),
    lab: own({ name: "lab-app-80", namespace: "lab", endpoints: endpointsOf(pods.lab) }),
    admin: own({ name: "shop-app-admin", port: "admin", endpoints: endpointsOf(pods.admin) }),
  };
  const host: Host = {
    name: "all.example",
    routes: [at("/lab", backends.lab), at("/admin", backends.admin), at("/", backends.shop)],
  };
  const envoy = await startImported(modelOf(host));
  for (const [service, path] of [
    ["shop", "/"],
    ["lab", "/lab"],
    ["admin", "/admin/x"],
  ] as const) {
    const ask = (more: Ask = {}) => http1(envoy.port, { host: "all.example", path, ...more });
    const first = await many(30, 10, () => ask());
    deepEqual([...new Set(first.map(({ body }) => body))].sort(), namesOf(pods[service]));
    for (const answer of first) {
      const again = await ask(withCookie(newCookie(answer, NAME)));
      deepEqual([again.body, again.setCookie], [answer.body, []]);
      assertClean(again);
    }
  }
});

async function echoes(routes: readonly (readonly [name: string, more: Partial<Route>])[]) {
  const pods = await Promise.all(routes.map(async ([name]) => (await podsOf(name, 1))[0]!));
  return routes.map(([name, more], index) => at(more.path ?? "/", served([pods[index]!], name), more));
}

async function whoAnswers(envoy: Envoy, ask: Ask): Promise<string> {
  const { status, body } = await http1(envoy.port, { host: "a.example", ...ask });
  return status === 200 ? body : String(status);
}

test("paths go where ingress-nginx's kinds of paths send them", async () => {
  const routes = await echoes([
    ["exact", { path: "/exact", match: "exact" }],
    ["below", { path: "/pre", match: "prefix" }],
    ["slash", { path: "/dir/", match: "prefix" }],
    ["start", { path: "/sta", match: "start" }],
    ["regex", { path: "/item/[0-9]+", match: "regex" }],
    ["either", { path: "/x|/y$", match: "regex" }],
  ]);
  const envoy = await startImported(modelOf({ name: "a.example", routes }));
  const expected: Readonly<Record<string, string>> = {
    "/exact": "exact-0",
    "/exact?a=b": "exact-0",
    "/exact/": "404",
    "/pre": "below-0",
    "/pre?a": "below-0",
    "/pre/": "below-0",
    "/pre/a/b": "below-0",
    "/prefix": "404",
    "/dir": "404",
    "/dir/": "slash-0",
    "/dir/a": "slash-0",
    "/start": "start-0",
    "/sta": "start-0",
    "/item/7": "regex-0",
    "/ITEM/7/more?q=1": "regex-0",
    "/item/": "404",
    "/an/item/7": "404",
    "/xtra": "either-0",
    "/Y": "either-0",
    "/": "404",
  };
  const met: Record<string, string> = {};
  for (const path of Object.keys(expected)) met[path] = await whoAnswers(envoy, { path });
  deepEqual(met, expected);
});

test("a wildcard takes one label, and other names go where those of no host go", async () => {
  const [wild, deep, any] = await Promise.all(["wild", "deep", "any"].map((name) => podsOf(name, 1)));
  const hosts = [
    hostOf("*.a.example", served(wild!, "wild", { affinity })),
    hostOf("*.b.a.example", served(deep!, "deep")),
    { name: "*", routes: [at("/any", served(any!, "any"))] },
  ];
  const expected: Readonly<Record<string, string>> = {
    "x.a.example/": "wild-0",
    "X.A.Example:8080/": "wild-0",
    "x.b.a.example/": "deep-0",
    "y.x.a.example/": "404",
    "y.x.a.example/any": "any-0",
    "a.example/": "404",
    "other.example/any": "any-0",
  };
  for (const withAny of [true, false]) {
    const envoy = await startImported(modelOf(...(withAny ? hosts : hosts.slice(0, 2))));
    const met: Record<string, string> = {};
    for (const url of Object.keys(expected)) {
      const slash = url.indexOf("/");
      met[url] = await whoAnswers(envoy, { host: url.slice(0, slash), path: url.slice(slash) });
    }
    const wanted = Object.entries(expected).map(([url, pod]) => [
      url,
      withAny || pod !== "any-0" ? pod : "404",
    ]);
    deepEqual(met, Object.fromEntries(wanted));
    const first = await http1(envoy.port, { host: "x.a.example" });
    equal(newCookie(first, NAME).length > 70, true);
    await envoy.stop();
  }
});

test("a balanced service hashes by its session, and tells nobody an address", async () => {
  const pods = await podsOf("app", 5);
  const to = served(pods, "app", { affinity: { ...affinity, mode: "balanced" } });
  const envoy = await startImported(modelOf(hostOf("app.example", to)), { keepBalanced: true });
  const ask = (cookie?: string) =>
    http1(envoy.port, { host: "app.example", ...(cookie === undefined ? {} : withCookie(cookie)) });
  const first = await many(60, 10, () => ask());
  deepEqual([...new Set(first.map(({ body }) => body))].sort(), namesOf(pods));
  for (const answer of first) {
    assertClean(answer);
    const again = await ask(newCookie(answer, NAME));
    deepEqual([again.body, again.setCookie], [answer.body, []]);
    assertClean(again);
  }
  // The token names no pod.
  ok(newCookie(first[0]!, NAME).length < 71);
});

test("a gateway without affinity runs without the filter and without a key", async () => {
  const pods = await podsOf("plain", 2);
  const envoy = await startImported(modelOf(hostOf("*", served(pods, "plain"))), {
    wasm: "/nowhere/affinity.wasm",
    change: (config) => equal(JSON.stringify(config).includes("affinity"), false),
  });
  const answers = await many(20, 5, () => http1(envoy.port, { host: "any.example" }));
  deepEqual([...new Set(answers.map(({ body }) => body))].sort(), namesOf(pods));
});
