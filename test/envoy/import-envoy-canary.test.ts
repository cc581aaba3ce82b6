import { deepEqual, equal, ok } from "node:assert/strict";
import type { Canary } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import { http1, many, type Answer, type Ask } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { startImported } from "../support/envoy-model.ts";
import { assertNoTrap, newCookie } from "../support/gateway.ts";
import { endpointsOf, NAME, namesOf, podsOf, withCookie } from "../support/import-clients.ts";
import { affinity, backend, canary, half, hostOf, modelOf } from "../support/import-model.ts";
import { balancedCookie, NginxRing, persistentCookie } from "../support/nginx.ts";
import type { Pod } from "../support/pod.ts";

type Own = typeof affinity | undefined;

interface Versions {
  readonly app: readonly Pod[];
  readonly next: readonly Pod[];
}

async function versions(count = 3): Promise<Versions> {
  return { app: await podsOf("app", count), next: await podsOf("next", count) };
}

/** A gateway for two versions. */
function gateway(
  pods: Versions,
  more: Partial<Canary>,
  own: Own = affinity,
  keepBalanced = false,
): Promise<Envoy> {
  const primary = backend("app", { endpoints: endpointsOf(pods.app), ...(own && { affinity: own }) });
  const second = backend("next", { endpoints: endpointsOf(pods.next) });
  const host = hostOf("app.example", primary, { canary: canary({ backend: second, ...more }) });
  return startImported(modelOf(host), { keepBalanced });
}

function ask(envoy: Envoy, more: Ask = {}): Promise<Answer> {
  return http1(envoy.port, { host: "app.example", ...more });
}

const versionOf = ({ status, body }: Answer): string => (status === 200 ? body.split("-")[0]! : `${status}`);

/** Which versions answer these requests. */
async function met(envoy: Envoy, more: Ask, count = 12): Promise<string[]> {
  return [...new Set((await many(count, 6, () => ask(envoy, more))).map(versionOf))].sort();
}

const NONE = { weight: 0 };
const choosing: readonly (readonly [canary: Partial<Canary>, ask: Ask, version: string])[] = [
  [{ ...NONE, header: { name: "X-Canary" } }, { headers: { "x-canary": "always" } }, "next"],
  [{ ...NONE, header: { name: "X-Canary" } }, { headers: { "x-canary": "ALWAYS" } }, "app"],
  [{ weight: 100, header: { name: "x-canary" } }, { headers: { "x-canary": "never" } }, "app"],
  [{ ...NONE, header: { name: "x-canary", value: "yes" } }, { headers: { "x-canary": "yes" } }, "next"],
  [{ ...NONE, header: { name: "x-canary", value: "yes" } }, { headers: { "x-canary": "always" } }, "app"],
  [{ ...NONE, header: { name: "x-canary", pattern: "^v[23]" } }, { headers: { "x-canary": "v2.1" } }, "next"],
  [{ ...NONE, header: { name: "x-canary", pattern: "a|b$" } }, { headers: { "x-canary": "xxb" } }, "next"],
  [{ ...NONE, header: { name: "x-canary", pattern: "^v[23]" } }, { headers: { "x-canary": "av2" } }, "app"],
  [{ ...NONE, cookie: "try.me" }, { cookie: "a=b; Try.Me=always; c=d" }, "next"],
  [{ ...NONE, cookie: "try.me" }, { cookie: "trysme=always" }, "app"],
  [{ ...NONE, cookie: "try.me" }, { cookie: "not-try.me=always; try.me=always2" }, "app"],
  [{ weight: 100, cookie: "try.me" }, { cookie: "try.me=never" }, "app"],
  [
    { ...NONE, header: { name: "x-canary" }, cookie: "try.me" },
    { cookie: "try.me=never", headers: { "x-canary": "always" } },
    "next",
  ],
  [{ weight: 1000, total: 1000 }, {}, "next"],
  [NONE, {}, "app"],
];

test("header before cookie before weight choose a version, for GET as for POST, with and without affinity", async () => {
  const pods = await versions(1);
  for (const own of [affinity, undefined])
    for (const [more, request, version] of choosing) {
      const primary = backend("app", { endpoints: endpointsOf(pods.app), ...(own && { affinity: own }) });
      const second = backend("next", { endpoints: endpointsOf(pods.next) });
      const host = hostOf("app.example", primary, { canary: canary({ backend: second, ...more }) });
      const envoy = await startImported(modelOf(host));
      for (const method of ["GET", "POST"])
        deepEqual(
          await met(envoy, { ...request, method }, 3),
          [version],
          JSON.stringify([more, request, method]),
        );
      await envoy.stop();
    }
});

test("sessions stay at the version of a canary that served them, whatever header and weights say", async () => {
  const pods = await versions();
  const envoy = await gateway(pods, half);
  const first = await many(40, 10, () => ask(envoy));
  deepEqual([...new Set(first.map(versionOf))].sort(), ["app", "next"]);
  await many(40, 10, async (index) => {
    const cookie = withCookie(newCookie(first[index]!, NAME));
    for (const say of ["always", "never", undefined]) {
      const answer = await ask(envoy, { ...cookie, ...(say && { headers: { "x-canary": say } }) });
      deepEqual([answer.body, answer.setCookie], [first[index]!.body, []]);
    }
  });
  for (const [say, expected] of [
    ["always", pods.next],
    ["never", pods.app],
  ] as const) {
    const answers = await many(40, 10, () => ask(envoy, { headers: { "x-canary": say } }));
    deepEqual([...new Set(answers.map(({ body }) => body))].sort(), namesOf(expected));
  }
  for (const { headers } of [...pods.app, ...pods.next].flatMap((pod) => pod.received))
    deepEqual([headers["x-affinity-host"], headers["x-affinity-cluster"]], [undefined, undefined]);
  await assertNoTrap(envoy);
});

test("legacy: the first version keeps its clients, and the second has none of its own", async () => {
  const pods = await versions();
  const envoy = await gateway(pods, { ...half, sticky: false });
  const first = await many(60, 10, () => ask(envoy));
  const of = (version: string) => first.filter((answer) => versionOf(answer) === version);
  ok(of("app").length > 0 && of("next").length > 0);
  for (const { setCookie } of of("next")) deepEqual(setCookie, []);
  for (const answer of of("app"))
    for (const say of ["always", "never", undefined]) {
      const cookie = withCookie(newCookie(answer, NAME));
      const again = await ask(envoy, { ...cookie, ...(say && { headers: { "x-canary": say } }) });
      deepEqual([again.body, again.setCookie], [answer.body, []]);
    }
  const drawn = await many(40, 10, () => ask(envoy, { headers: { "x-canary": "always" } }));
  deepEqual([...new Set(drawn.map(({ body }) => body))].sort(), namesOf(pods.next));
  for (const { setCookie } of drawn) deepEqual(setCookie, []);
  await assertNoTrap(envoy);
});

test("a canary of a service that keeps clients at a pod that refuses: 503 in both versions, newcomers are served", async () => {
  const pods = await versions();
  const envoy = await gateway(pods, half, { ...affinity, changeOnFailure: false });
  const first = await many(60, 10, () => ask(envoy));
  for (const version of [pods.app, pods.next]) {
    const [gone] = version;
    await gone!.stop();
    const theirs = first.filter(({ body }) => body === gone!.name);
    ok(theirs.length > 0, `no client of ${gone!.name}`);
    for (const answer of theirs) {
      const again = await ask(envoy, withCookie(newCookie(answer, NAME)));
      deepEqual([again.status, again.setCookie], [503, []]);
    }
  }
  for (const { status } of await many(60, 10, () => ask(envoy))) equal(status, 200);
});

test("balanced: sessions stay with their version and pod", async () => {
  const pods = await versions();
  const envoy = await gateway(pods, half, { ...affinity, mode: "balanced" }, true);
  const first = await many(40, 10, () => ask(envoy));
  deepEqual([...new Set(first.map(versionOf))].sort(), ["app", "next"]);
  await many(40, 10, async (index) => {
    const cookie = withCookie(newCookie(first[index]!, NAME));
    for (const say of ["always", "never", undefined]) {
      const answer = await ask(envoy, { ...cookie, ...(say && { headers: { "x-canary": say } }) });
      deepEqual([answer.body, answer.setCookie], [first[index]!.body, []]);
    }
  });
});

for (const mode of ["persistent", "balanced"] as const)
  test(`cookies that ingress-nginx made in mode ${mode} keep their pod and their version`, async () => {
    const pods = await versions(5);
    const envoy = await gateway(pods, half, { ...affinity, mode });
    const known = [
      { name: "shop-app-80", of: pods.app, ring: new NginxRing(endpointsOf(pods.app)) },
      { name: "shop-next-80", of: pods.next, ring: new NginxRing(endpointsOf(pods.next)) },
    ];
    await many(100, 10, async (index) => {
      const { name, of, ring } = known[index % 2]!;
      const old =
        mode === "balanced" ? balancedCookie(name, index) : persistentCookie(name, of[index % 5]!.endpoint);
      const endpoint = mode === "balanced" ? ring.nodeOf(old) : of[index % 5]!.endpoint;
      const pod = of.find((each) => each.endpoint === endpoint)!;
      const answer = await ask(envoy, { cookie: `route=${old}` });
      equal(answer.body, pod.name);
      const both = `route=${old}; ${NAME}=${newCookie(answer, NAME)}`;
      const again = await ask(envoy, { cookie: both });
      deepEqual([again.body, again.setCookie], [pod.name, []]);
    });
    await assertNoTrap(envoy);
  });
