import { deepEqual, ok } from "node:assert/strict";
import { toEnvoyGateway } from "../../cli/import/envoy-gateway.ts";
import { test } from "../support/check.ts";
import { http1, many } from "../support/client.ts";
import { Envoy } from "../support/envoy.ts";
import { affinity, backend, canary, half, hostOf, modelOf, options } from "../support/envoy-gateway-model.ts";
import { envoyGatewayConfig } from "../support/envoy-gateway.ts";
import { newCookie, secret } from "../support/gateway.ts";
import { NAME, namesOf, podsOf, withCookie } from "../support/import-clients.ts";
import { testImported, type StartImported } from "../support/imported.ts";
import { freePort } from "../support/ports.ts";

const start: StartImported = async (hosts, pods, keepBalanced = false) => {
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const chosen = { ...options, keepBalanced, accept: { until, expireOld: false } };
  const ports = { port: await freePort(), adminPort: await freePort() };
  const manifests = toEnvoyGateway(modelOf(...hosts), chosen, { note: () => undefined });
  return Envoy.start(envoyGatewayConfig(manifests, pods, ports), ports, { env: { AFFINITY_KEY: secret } });
};

testImported("Envoy Gateway", start);

test("a canary that is given weight 0 keeps its sessions, and gets no new ones", async () => {
  const pods = { app: await podsOf("app"), next: await podsOf("next") };
  const begin = (weight: number): Promise<Envoy> => {
    const second = canary({ ...half, weight });
    return start([hostOf("app.example", backend("app", { affinity }), { canary: second })], pods);
  };
  const before = await begin(100);
  const first = await many(20, 10, () => http1(before.port, { host: "app.example" }));
  const after = await begin(0);
  for (const answer of first) {
    ok(namesOf(pods.next).includes(answer.body), answer.body);
    const again = await http1(after.port, { host: "app.example", ...withCookie(newCookie(answer, NAME)) });
    deepEqual([again.body, again.setCookie], [answer.body, []]);
  }
  for (const { body } of await many(20, 10, () => http1(after.port, { host: "app.example" })))
    ok(namesOf(pods.app).includes(body), body);
});
