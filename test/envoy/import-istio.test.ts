import { toIstio } from "../../cli/import/istio.ts";
import { Envoy } from "../support/envoy.ts";
import { secret } from "../support/gateway.ts";
import { testImported } from "../support/imported.ts";
import { modelOf, options } from "../support/istio-model.ts";
import { istiodConfig, type ServicePods } from "../support/istiod.ts";
import { freePort } from "../support/ports.ts";

testImported("Istio", async (hosts, pods, keepBalanced = false) => {
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const chosen = { ...options, keepBalanced, accept: { until, expireOld: false } };
  const services: ServicePods = Object.fromEntries(
    Object.entries(pods).map(([service, of]) => [`${service}.shop.svc.cluster.local`, of]),
  );
  const ports = { port: await freePort(), adminPort: await freePort() };
  const manifests = toIstio(modelOf(...hosts), chosen, { note: () => undefined });
  return Envoy.start(istiodConfig(manifests, services, ports), ports, { env: { AFFINITY_KEY: secret } });
});
