import assert from "node:assert/strict";
import { test } from "../support/check.ts";
import { http1, many, PLAIN_HOST } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, binding, cookieFor, key, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { connectionManager, httpFilter, virtualHost, type Json } from "../support/shape.ts";

test("the plain host has no affinity: a cookie neither comes nor counts", async () => {
  const pods = await Pod.startMany(5);
  const envoy = await startGateway(pods);
  const [pod = assert.fail()] = pods;
  const met = new Set<string>();
  for (let request = 0; request < 50; request++) {
    const answer = await http1(envoy.port, { host: PLAIN_HOST, cookie: cookieFor(pod) });
    assert.deepEqual([answer.status, answer.setCookie], [200, []]);
    met.add(answer.body);
  }
  assert.equal(met.size, 5);
  for (const { headers } of pods.flatMap(({ received }) => received)) {
    assert.equal(headers["x-affinity-host"], undefined);
    assert.match(headers.cookie ?? "", /^affinity=[\w-]{71}$/);
  }
});

test("hosts are told apart with and without a port, and the .localhost names of browsers are the same", async () => {
  const { port } = await startGateway(await Pod.startMany(2));
  for (const host of ["abc.sample.com", `abc.sample.com:${port}`, "abc.localhost", `abc.localhost:${port}`]) {
    newCookie(await http1(port, { host }));
  }
  for (const host of [PLAIN_HOST, `${PLAIN_HOST}:${port}`, "plain.localhost", `plain.localhost:${port}`]) {
    assert.deepEqual((await http1(port, { host })).setCookie, []);
  }
});

test("a route without the two filters, on a host that has them, gives no cookie and pins nobody", async () => {
  const pods = await Pod.startMany(5);
  const { port } = await startGateway(pods, {
    change: (config) => {
      const off = { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true };
      virtualHost(config).routes.unshift({
        match: { prefix: "/static/" },
        route: { cluster: "session-svc" },
        typed_per_filter_config: { affinity: off, stateful_session: off },
      });
    },
  });
  const [pod = assert.fail()] = pods;
  const answers = await many(100, 5, () => http1(port, { path: "/static/a.css", cookie: cookieFor(pod) }));
  for (const { setCookie } of answers) assert.deepEqual(setCookie, []);
  assert.equal(new Set(answers.map(({ body }) => body)).size, 5);
  const pinned = await http1(port, { path: "/", cookie: cookieFor(pod) });
  assert.deepEqual([pinned.body, pinned.setCookie], [pod.name, []]);
});

const OTHER = { scope: "default/other-svc:80", sessionName: "affinity" };

/**
 * A second affinity filter in the VM of the first, for the plain host, with a scope of its own; the two are told apart
 * by root_id, or by their configuration alone.
 */
function withSecondFilter(config: Json, rootId: string, other: object): void {
  const filters: Json[] = connectionManager(config).http_filters;
  const second = structuredClone(httpFilter(config, "affinity"));
  second.name = "affinity-other";
  second.typed_config.config.name = "other-svc";
  second.typed_config.config.root_id = rootId;
  second.typed_config.config.configuration.value = JSON.stringify(other);
  filters.splice(1, 0, second);
  const on = virtualHost(config).typed_per_filter_config.stateful_session;
  virtualHost(config, "plain").typed_per_filter_config = { "affinity-other": on, stateful_session: on };
}

/** VMs that live, the main thread's included. */
async function vms(envoy: Envoy): Promise<number> {
  return envoy.stat("wasm.envoy.wasm.runtime.v8.active");
}

for (const rootId of ["session-svc", "other-svc"]) {
  test(`two filters in one VM, the second with root_id ${rootId}: each has its own scope`, async () => {
    const pods = await Pod.startMany(5);
    const alone = await startGateway(pods);
    const envoy = await startGateway(pods, {
      change: (config) =>
        withSecondFilter(config, rootId, { ...OTHER, keys: [{ id: 1, env: "AFFINITY_KEY" }] }),
    });
    assert.equal(await vms(envoy), await vms(alone), "the second filter has a VM of its own");

    await many(50, 10, async (index) => {
      const [host, other] = index % 2 === 0 ? [undefined, PLAIN_HOST] : [PLAIN_HOST, undefined];
      const at = host === undefined ? binding : OTHER;
      const elsewhere = host === undefined ? OTHER : binding;
      const first = await http1(envoy.port, { ...(host && { host }) });
      const cookie = `affinity=${newCookie(first)}`;
      assert.equal(pinOf(newCookie(first), key, at), pods.find(({ name }) => name === first.body)?.endpoint);
      const again = await http1(envoy.port, { ...(host && { host }), cookie });
      assert.deepEqual([again.body, again.setCookie], [first.body, []]);
      const abroad = await http1(envoy.port, { ...(other && { host: other }), cookie });
      pinOf(newCookie(abroad), key, elsewhere);
    });
    await assertNoTrap(envoy);
  });
}

test("two filters in one VM with different cookie names, attributes and manners keep to their own", async () => {
  const pods = await Pod.startMany(3);
  const [gone = assert.fail()] = pods;
  const other = {
    scope: OTHER.scope,
    sessionName: "other",
    keys: [{ id: 9, env: "AFFINITY_KEY" }],
    onHostChange: "keep",
    cookie: { path: "/other" },
  };
  const envoy = await startGateway(pods, {
    change: (config) => withSecondFilter(config, "other-svc", other),
  });
  const at = { scope: OTHER.scope, sessionName: "other" };
  const [line = ""] = (await http1(envoy.port, { host: PLAIN_HOST })).setCookie;
  assert.match(line, /^other=[^;]{71}; Path=\/other; HttpOnly/);
  newCookie(await http1(envoy.port));
  await gone.stop();
  const both = `${cookieFor(gone)}; ${cookieFor(gone, { ...key, id: 9 }, at)}`;
  const repinned = await http1(envoy.port, { cookie: both });
  assert.notEqual(pinOf(newCookie(repinned)), gone.endpoint);
  // The plain cluster sends nothing twice: the pod that is gone is asked once, and then passed over.
  const kept = await http1(envoy.port, { host: PLAIN_HOST, cookie: both });
  assert.deepEqual(kept.setCookie, []);
  await assertNoTrap(envoy);
});
