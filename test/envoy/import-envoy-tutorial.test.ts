import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { readModel } from "../../cli/import/ingress.ts";
import { podNames, startPod, type Pod } from "../../cli/pods.ts";
import { Processes } from "../../cli/processes.ts";
import { root } from "../../cli/root.ts";
import { closeLater, test } from "../support/check.ts";
import { http1 } from "../support/client.ts";
import { Curl } from "../support/curl.ts";
import { startConfig, written } from "../support/envoy-model.ts";
import { assertNoTrap } from "../support/gateway.ts";
import { cluster, type Json } from "../support/shape.ts";

const INGRESS = readFileSync(join(root, "demo/ingress.yaml"), "utf8");

/** The tutorial's ten pods: the application itself, a process each. */
async function tenPods(): Promise<Pod[]> {
  const processes = new Processes();
  closeLater({ close: () => processes.endAll() });
  return Promise.all(podNames(10).map((name) => startPod(processes, name)));
}

/** What the Service's DNS name would resolve to. */
function resolveTo(pods: readonly Pod[]): (config: Json) => void {
  return (config) => {
    const own = cluster(config);
    delete own.cluster_type;
    own.type = "STATIC";
    const lb_endpoints = pods.map(({ address, port }) => ({
      endpoint: { address: { socket_address: { address, port_value: port } } },
    }));
    own.load_assignment.endpoints = [{ lb_endpoints }];
  };
}

/** `curl -c cookie.dat URL`, then four times `curl -b cookie.dat URL`: who answered, and which visit it was. */
async function fiveRequests(port: number): Promise<{ pods: string[]; visits: string[] }> {
  const curl = new Curl();
  const [pods, visits]: [string[], string[]] = [[], []];
  for (let index = 0; index < 5; index++) {
    const text = await curl.get(port);
    match(text, /^Hostname: session-deployment-[0-9a-z]+-[0-9a-z]{5}<br>\n\d+th time access\.\n$/);
    pods.push(text.slice("Hostname: ".length, text.indexOf("<br>")));
    visits.push(text.slice(text.indexOf("\n") + 1, text.indexOf(" time")));
  }
  return { pods, visits };
}

test("the tutorial's transcript with affinity comes true on envoy/envoy.yaml", async () => {
  const pods = await tenPods();
  const config: Json = parse(readFileSync(join(root, "envoy/envoy.yaml"), "utf8"));
  const envoy = await startConfig(config, resolveTo(pods));
  const met = new Set<string>();
  for (let file = 0; file < 12; file++) {
    const { pods: answered, visits } = await fiveRequests(envoy.port);
    equal(new Set(answered).size, 1);
    deepEqual(visits, ["1th", "2th", "3th", "4th", "5th"]);
    met.add(answered[0]!);
  }
  // 12 newcomers among ten pods meet fewer than three in 1 of 200 million runs.
  ok(met.size >= 3, `${met.size} pods`);
  equal((await http1(envoy.port, { host: "other.sample.com" })).status, 404);
  await assertNoTrap(envoy);
});

test("without the annotation the transcript without affinity comes true", async () => {
  const pods = await tenPods();
  const text = INGRESS.replace(/^.*affinity.*cookie.*\n/m, "");
  ok(text.length < INGRESS.length);
  const model = readModel([{ file: "ingress.yaml", text }], undefined, { note: () => undefined });
  const envoy = await startConfig(written(model).config, resolveTo(pods));
  const { pods: answered, visits } = await fiveRequests(envoy.port);
  equal(new Set(answered).size, 5);
  deepEqual(visits, ["1th", "1th", "1th", "1th", "1th"]);
});

test("with the pods of EndpointSlices the same comes true, and a cookie of ingress-nginx keeps its pod", async () => {
  const pods = await tenPods();
  // Pods of one Deployment listen on one port; here each has its own, and so each its own slice.
  const slices = pods.map(({ name, address, port }) =>
    JSON.stringify({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `session-svc-${name.slice(-5)}`,
        namespace: "default",
        labels: { "kubernetes.io/service-name": "session-svc" },
      },
      addressType: "IPv4",
      ports: [{ name: "", port, protocol: "TCP" }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    }),
  );
  const notes: string[] = [];
  const model = readModel(
    [{ file: "ingress.yaml", text: INGRESS }],
    [{ file: "endpoints.yaml", text: slices.join("\n---\n") }],
    { note: ({ outcome, subject, text }) => notes.push(`${outcome} ${subject}: ${text}`) },
  );
  equal(model.backends[0]?.endpoints?.length, 10, notes.join("\n"));
  const { config, notes: own } = written(model, {
    accept: { until: new Date(Date.now() + 3_600_000).toISOString(), expireOld: false },
  });
  deepEqual(own, []);
  const envoy = await startConfig(config);
  const { pods: answered, visits } = await fiveRequests(envoy.port);
  equal(new Set(answered).size, 1);
  deepEqual(visits, ["1th", "2th", "3th", "4th", "5th"]);
});
