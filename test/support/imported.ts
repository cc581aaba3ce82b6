/** What a gateway must do that is made of the importer's output for another controller than Envoy itself. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Host } from "../../cli/import/model.ts";
import { test } from "./check.ts";
import { http1, many, type Ask } from "./client.ts";
import type { Envoy } from "./envoy.ts";
import { assertNoTrap, newCookie } from "./gateway.ts";
import { assertClean, endpointsOf, NAME, namesOf, podsOf, withCookie } from "./import-clients.ts";
import { affinity, backend, canary, half, hostOf } from "./import-model.ts";
import { backendKey, balancedCookie, NginxRing, persistentCookie } from "./nginx.ts";
import type { Pod } from "./pod.ts";

export type Pods = Readonly<Record<string, readonly Pod[]>>;

/** A gateway for these hosts, with these pods for each Service of the namespace `shop`. */
export type StartImported = (hosts: readonly Host[], pods: Pods, keepBalanced?: boolean) => Promise<Envoy>;

/** Tests what every such gateway has to do; `of` is the controller's name. */
export function testImported(of: string, gateway: StartImported): void {
  test(`a service of ${of} keeps its clients, and one beside it without affinity is left alone`, async () => {
    const pods = { app: await podsOf("app"), plain: await podsOf("plain") };
    const envoy = await gateway(
      [hostOf("app.example", backend("app", { affinity })), hostOf("plain.example", backend("plain"))],
      pods,
    );
    const first = await many(60, 10, () => http1(envoy.port, { host: "app.example" }));
    deepEqual([...new Set(first.map(({ body }) => body))].sort(), namesOf(pods.app));
    await many(60, 10, async (index) => {
      const { body } = first[index]!;
      const answer = await http1(envoy.port, {
        host: "app.example",
        ...withCookie(newCookie(first[index]!, NAME)),
      });
      deepEqual([answer.body, answer.setCookie], [body, []]);
      assertClean(answer);
    });
    // Of other pods' addresses, and of nothing that a client could say.
    const forged = {
      "x-affinity-host": pods.plain[0]!.endpoint,
      "x-affinity-key": "a",
      "x-affinity-cluster": "b",
    };
    const plain = await many(60, 10, () => http1(envoy.port, { host: "plain.example", headers: forged }));
    for (const answer of plain) {
      assertClean(answer);
      deepEqual(answer.setCookie, []);
    }
    deepEqual([...new Set(plain.map(({ body }) => body))].sort(), namesOf(pods.plain));
    const received = [...pods.app, ...pods.plain].flatMap((pod) => pod.received);
    for (const { headers } of received)
      deepEqual([headers["x-affinity-host"], headers["x-affinity-cluster"]], [undefined, undefined]);
    await assertNoTrap(envoy);
  });

  test("the clients of three dead pods of ten are served by others, each with all its requests by one", async () => {
    const pods = { app: await podsOf("app", 10) };
    const envoy = await gateway([hostOf("app.example", backend("app", { affinity }))], pods);
    const ask = (cookie?: string) =>
      http1(envoy.port, { host: "app.example", ...(cookie === undefined ? {} : withCookie(cookie)) });
    const first = await many(100, 10, () => ask());
    const dead = pods.app.slice(0, 3);
    for (const pod of dead) await pod.stop();
    const lost = first.filter(({ body }) => namesOf(dead).includes(body));
    // Fewer than 10 in 1 of a million runs.
    ok(lost.length >= 10, `${lost.length} of 100`);
    for (const answer of lost) {
      const cookie = newCookie(answer, NAME);
      const answers = await many(3, 3, () => ask(cookie));
      for (const each of answers) assertClean(each);
      equal(new Set(answers.map(({ body }) => body)).size, 1);
      const again = await ask(newCookie(answers[0]!, NAME));
      deepEqual([again.body, again.setCookie], [answers[0]!.body, []]);
    }
  });

  test("sessions stay at the version of a canary that served them, whatever header and weights say", async () => {
    const pods = { app: await podsOf("app"), next: await podsOf("next") };
    const primary = backend("app", { affinity });
    const envoy = await gateway([hostOf("app.example", primary, { canary: canary(half) })], pods);
    const ask = (more: Ask = {}) => http1(envoy.port, { host: "app.example", ...more });
    const first = await many(40, 10, () => ask());
    const versions = new Set(first.map(({ body }) => body.split("-")[0]));
    deepEqual([...versions].sort(), ["app", "next"]);
    await many(40, 10, async (index) => {
      const { body } = first[index]!;
      const cookie = withCookie(newCookie(first[index]!, NAME));
      for (const say of ["always", "never", undefined]) {
        const answer = await ask({ ...cookie, ...(say && { headers: { "x-canary": say } }) });
        deepEqual([answer.body, answer.setCookie], [body, []]);
        assertClean(answer);
      }
    });
    for (const [say, expected] of [
      ["always", pods.next],
      ["never", pods.app],
    ] as const)
      for (const { body } of await many(20, 10, () => ask({ headers: { "x-canary": say } })))
        ok(namesOf(expected).includes(body), `${say}: ${body}`);
    await assertNoTrap(envoy);
  });

  test("with legacy behaviour the first version keeps its clients, and the second has none of its own", async () => {
    const pods = { app: await podsOf("app"), next: await podsOf("next") };
    const primary = backend("app", { affinity });
    const envoy = await gateway(
      [hostOf("app.example", primary, { canary: canary({ ...half, sticky: false }) })],
      pods,
    );
    const ask = (more: Ask = {}) => http1(envoy.port, { host: "app.example", ...more });
    const first = await many(40, 10, () => ask());
    const [stays, drawn] = [
      first.filter(({ body }) => body.startsWith("app")),
      first.filter(({ body }) => body.startsWith("next")),
    ];
    ok(stays.length > 0 && drawn.length > 0);
    for (const { setCookie } of drawn) deepEqual(setCookie, []);
    for (const answer of stays) {
      const again = await ask({ ...withCookie(newCookie(answer, NAME)), headers: { "x-canary": "always" } });
      deepEqual([again.body, again.setCookie], [answer.body, []]);
    }
  });

  for (const mode of ["persistent", "balanced"] as const)
    test(`cookies that ingress-nginx made in mode ${mode} keep their pod and their version`, async () => {
      const pods = { app: await podsOf("app", 5), next: await podsOf("next", 5) };
      const primary = backend("app", { affinity: { ...affinity, mode }, endpoints: endpointsOf(pods.app) });
      const second = backend("next", { endpoints: endpointsOf(pods.next) });
      const envoy = await gateway(
        [hostOf("app.example", primary, { canary: canary({ ...half, backend: second }) })],
        pods,
      );
      const versions = [
        { name: primary.name, of: pods.app, ring: new NginxRing(endpointsOf(pods.app)) },
        { name: second.name, of: pods.next, ring: new NginxRing(endpointsOf(pods.next)) },
      ];
      await many(100, 10, async (index) => {
        const { name, of, ring } = versions[index % 2]!;
        const old =
          mode === "balanced" ? balancedCookie(name, index) : persistentCookie(name, of[index % 5]!.endpoint);
        ok(old.endsWith(`|${backendKey(name)}`));
        const endpoint = mode === "balanced" ? ring.nodeOf(old) : of[index % 5]!.endpoint;
        const pod = of.find((each) => each.endpoint === endpoint)!;
        const answer = await http1(envoy.port, { host: "app.example", cookie: `route=${old}` });
        equal(answer.body, pod.name);
        const both = `route=${old}; ${NAME}=${newCookie(answer, NAME)}`;
        const again = await http1(envoy.port, { host: "app.example", cookie: both });
        deepEqual([again.body, again.setCookie], [pod.name, []]);
      });
      await assertNoTrap(envoy);
    });

  test("a balanced service hashes by its session, and tells nobody an address", async () => {
    const pods = { app: await podsOf("app", 5) };
    const host = hostOf("app.example", backend("app", { affinity: { ...affinity, mode: "balanced" } }));
    const envoy = await gateway([host], pods, true);
    const ask = (cookie?: string) =>
      http1(envoy.port, { host: "app.example", ...(cookie === undefined ? {} : withCookie(cookie)) });
    const first = await many(60, 10, () => ask());
    deepEqual([...new Set(first.map(({ body }) => body))].sort(), namesOf(pods.app));
    for (const answer of first) {
      assertClean(answer);
      const again = await ask(newCookie(answer, NAME));
      deepEqual([again.body, again.setCookie], [answer.body, []]);
      assertClean(again);
    }
  });
}
