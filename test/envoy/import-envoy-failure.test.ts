import { deepEqual, equal, ok } from "node:assert/strict";
import { ClusterEndpoints } from "../support/canary.ts";
import { test, until } from "../support/check.ts";
import { http1, many, type Answer } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { startImported } from "../support/envoy-model.ts";
import { newCookie } from "../support/gateway.ts";
import { endpointsOf, NAME, namesOf, podsOf, withCookie } from "../support/import-clients.ts";
import { affinity, backend, hostOf, modelOf } from "../support/import-model.ts";
import type { Pod } from "../support/pod.ts";

// session-cookie-change-on-failure: "false", ingress-nginx's own default.
const stays = { ...affinity, changeOnFailure: false };

function gateway(pods: readonly Pod[], own = stays, follow?: ClusterEndpoints): Promise<Envoy> {
  const to = backend("app", { affinity: own, endpoints: endpointsOf(pods) });
  return startImported(modelOf(hostOf("app.example", to)), {
    change: (config) => follow?.follow(config),
  });
}

function ask(envoy: Envoy, cookie?: string, method = "GET"): Promise<Answer> {
  return http1(envoy.port, {
    host: "app.example",
    method,
    ...(cookie === undefined ? {} : withCookie(cookie)),
  });
}

/** A client of each pod. */
async function clients(envoy: Envoy, pods: readonly Pod[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  await until("each pod has a client", async () => {
    const answer = await ask(envoy);
    equal(answer.status, 200);
    found.set(answer.body, newCookie(answer, NAME));
    return found.size === pods.length;
  });
  return found;
}

test("change-on-failure false: who has a pod that refuses gets 503 and keeps the cookie, and newcomers are served", async () => {
  const pods = await podsOf("app");
  const envoy = await gateway(pods);
  const known = await clients(envoy, pods);
  const [gone, ...others] = pods;
  await gone!.stop();
  const cookie = known.get(gone!.name)!;
  for (const method of ["GET", "POST", "PUT"])
    for (const answer of await many(10, 5, () => ask(envoy, cookie, method)))
      deepEqual([answer.status, answer.setCookie], [503, []]);
  const newcomers = await many(60, 10, () => ask(envoy));
  deepEqual([...new Set(newcomers.map(({ body }) => body))].sort(), namesOf(others));
  for (const answer of newcomers) {
    const again = await ask(envoy, newCookie(answer, NAME));
    deepEqual([again.status, again.body, again.setCookie], [200, answer.body, []]);
  }
  // Envoy leaves the pod out for newcomers after a while; its clients stay all the same.
  await until("the pod is ejected", async () => {
    await many(5, 5, () => ask(envoy, cookie));
    return (await envoy.stat("cluster.app.shop.outlier_detection.ejections_active")) === 1;
  });
  for (const answer of await many(10, 5, () => ask(envoy, cookie)))
    deepEqual([answer.status, answer.setCookie], [503, []]);
  await gone!.start();
  const back = await ask(envoy, cookie);
  deepEqual([back.status, back.body, back.setCookie], [200, gone!.name, []]);
});

test("change-on-failure false: the clients of a pod that left the endpoints get another one, and its cookie", async () => {
  const pods = await podsOf("app", 4);
  const follow = new ClusterEndpoints("app.shop", pods);
  const envoy = await gateway(pods, stays, follow);
  const known = await clients(envoy, pods);
  const [gone, ...others] = pods;
  await follow.set(envoy, others);
  // It still answers: nobody asks it.
  const answers = await many(20, 10, () => ask(envoy, known.get(gone!.name)));
  const [first] = answers;
  ok(namesOf(others).includes(first!.body), first!.body);
  for (const answer of answers) {
    deepEqual([answer.status, answer.body], [200, first!.body]);
    const again = await ask(envoy, newCookie(answer, NAME));
    deepEqual([again.status, again.body, again.setCookie], [200, first!.body, []]);
  }
  for (const pod of others) {
    const answer = await ask(envoy, known.get(pod.name));
    deepEqual([answer.body, answer.setCookie], [pod.name, []]);
  }
});

test("change-on-failure true: the clients of a pod that refuses are served by one other, and stay there", async () => {
  const pods = await podsOf("app");
  const envoy = await gateway(pods, affinity);
  const known = await clients(envoy, pods);
  const [gone, ...others] = pods;
  await gone!.stop();
  for (const method of ["GET", "POST"]) {
    const answers = await many(20, 10, () => ask(envoy, known.get(gone!.name), method));
    deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    equal(new Set(answers.map(({ body }) => body)).size, 1);
    ok(namesOf(others).includes(answers[0]!.body));
    await gone!.start();
    const again = await ask(envoy, newCookie(answers[0]!, NAME));
    deepEqual([again.body, again.setCookie], [answers[0]!.body, []]);
    await gone!.stop();
  }
});
