/** Steady traffic of all kinds: some hundred requests to each gateway here, and $SOAK_MINUTES of it by `npm run soak -- --envoy`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { get, type Agent, type ClientRequest } from "node:http";
import { growthOf, type Sample } from "../soak/growth.ts";
import { CANARY, STABLE, Versions } from "../support/canary.ts";
import { closeLater, test } from "../support/check.ts";
import { http1, keepAlive, STICKY_HOST, type Answer, type Ask } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { assertNoTrap, binding, key, keyOf, pinOf, startGateway } from "../support/gateway.ts";
import { persistentCookie } from "../support/nginx.ts";
import { Pod, type Behaviour } from "../support/pod.ts";
import { filterWith, nowSeconds, opened, sealed } from "../support/tokens.ts";
import { Random } from "../wasm/random.ts";

const minutes = process.env.SOAK_MINUTES === undefined ? undefined : Number(process.env.SOAK_MINUTES);
/** Of each gateway, where no time is given. */
const REQUESTS = 400;
const SAMPLES = minutes === undefined ? 15 : 60;
const LANES = 6;
const OPEN_STREAMS = 40;
// In its first minutes V8 still compiles what turns out to be hot, and the caches of threads fill.
const BOUND = ((minutes ?? 0) >= 10 ? 8 : 16) * 1024 * 1024;

const NEW_KEY = keyOf(2, Buffer.alloc(32, 2).toString("base64"));
const BACKEND = "default-session-svc-9080";
const GONE = "127.0.0.1:1";
const HEADER = { scope: binding.scope, sessionName: "x-session" };

const random = new Random();

/** One request or two that belong together, and what has to come of it. */
type Kind = (ask: (ask: Ask) => Promise<Answer>) => Promise<void>;

interface Gateway {
  readonly name: string;
  readonly envoy: Envoy;
  readonly kinds: readonly Kind[];
  readonly samples: Sample[];
  readonly streams: ClientRequest[];
  requests: number;
}

/** Holds what it is asked for on /open, tells what cookies it sees, and remembers nothing. */
function answering(pod: Pod): Behaviour {
  return (request, response) => {
    pod.received.length = 0;
    response.writeHead(200, { "x-cookie": request.headers.cookie ?? "" });
    if (request.url === "/open") response.write("open");
    else response.end(pod.name);
  };
}

function tokenFrom(answer: Answer): string {
  const lines = answer.setCookie.filter((line) => line.startsWith("affinity="));
  assert.equal(lines.length, 1, `${answer.status} with ${JSON.stringify(answer.setCookie)}`);
  return lines[0]!.slice("affinity=".length).split(";", 1)[0]!;
}

/** The cookie names the pod that answered. */
function assertSet(answer: Answer, pods: readonly Pod[], under = NEW_KEY): void {
  const pod = pods.find(({ name }) => name === answer.body);
  assert.equal(pinOf(tokenFrom(answer), under), pod?.endpoint, answer.body);
}

function assertPinned(answer: Answer, pod: Pod): void {
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []]);
}

function cookieKinds(pods: readonly Pod[]): Kind[] {
  const seal = (endpoint: string, fields: object = {}, under = NEW_KEY): string =>
    `affinity=${sealed({ endpoint, ...fields }, under)}`;
  const many = Array.from({ length: 60 }, (_, i) => `_ga_${i}=GS1.1.${"0123456789".repeat(5)}`).join("; ");
  const pinned: Kind = async (ask) => {
    const pod = random.pick(pods);
    assertPinned(await ask({ cookie: seal(pod.endpoint) }), pod);
  };
  const newcomer =
    (request: () => Ask): Kind =>
    async (ask) =>
      assertSet(await ask(request()), pods);
  const old = nowSeconds() - 3600;
  return [
    pinned,
    pinned,
    pinned,
    pinned,
    async (ask) => {
      const pod = random.pick(pods);
      assertPinned(await ask({ cookie: `${many}; ${seal(pod.endpoint)}` }), pod);
    },
    newcomer(() => ({})),
    newcomer(() => ({ cookie: seal(GONE) })),
    newcomer(() => ({ cookie: seal(pods[0]!.endpoint, { issued: old, seen: old }) })),
    newcomer(() => ({ cookie: `${seal(pods[0]!.endpoint).slice(0, -3)}AAA` })),
    newcomer(() => ({ headers: { "x-affinity-host": Buffer.from(pods[0]!.endpoint).toString("base64") } })),
    async (ask) => {
      const pod = random.pick(pods);
      const answer = await ask({ cookie: seal(pod.endpoint, {}, key) });
      assert.equal(answer.body, pod.name);
      assertSet(answer, pods);
    },
    async (ask) => {
      const pod = random.pick(pods);
      const answer = await ask({ cookie: `INGRESSCOOKIE=${persistentCookie(BACKEND, pod.endpoint)}` });
      assert.equal(answer.body, pod.name);
      assertSet(answer, pods);
      assert.equal(answer.setCookie.length, 2, "and the old cookie is expired");
    },
  ];
}

function headerKinds(pods: readonly Pod[]): Kind[] {
  return [
    async (ask) => {
      const pod = random.pick(pods);
      const answer = await ask({ headers: { "x-session": sealed({ endpoint: pod.endpoint }, key, HEADER) } });
      assertPinned(answer, pod);
      assert.equal(answer.headers["x-session"], undefined);
    },
    async (ask) => {
      const answer = await ask({});
      const pod = pods.find(({ name }) => name === answer.body);
      assert.equal(pinOf(String(answer.headers["x-session"]), key, HEADER), pod?.endpoint);
    },
  ];
}

/** A new client, who then comes again. */
const balanced: Kind = async (ask) => {
  const first = await ask({});
  const token = tokenFrom(first);
  assert.equal(opened(token).endpoint, "");
  const next = await ask({ cookie: `affinity=${token}` });
  assert.deepEqual([next.body, next.setCookie], [first.body, []]);
};

function versionKinds({ stable, canary }: Versions): Kind[] {
  const pinned =
    (pods: readonly Pod[], crc: number): Kind =>
    async (ask) => {
      const pod = random.pick(pods);
      const token = sealed({ endpoint: pod.endpoint, cluster: crc });
      const answer = await ask({ cookie: `theme=dark; affinity=${token}` });
      assertPinned(answer, pod);
      assert.equal(answer.headers["x-cookie"], "theme=dark");
    };
  return [
    pinned(stable, STABLE.crc),
    pinned(canary, CANARY.crc),
    async (ask) => assertSet(await ask({}), [...stable, ...canary], key),
  ];
}

async function startAll(): Promise<Gateway[]> {
  const versions = await Versions.startPods(4);
  const pods = versions.stable;
  for (const pod of versions.all) pod.behaviour = answering(pod);
  const accept = {
    until: new Date(Date.now() + 7 * 24 * 3_600_000).toISOString(),
    expireOld: true,
    formats: [
      {
        type: "ingress-nginx",
        mode: "persistent",
        backend: BACKEND,
        endpoints: pods.map(({ endpoint }) => endpoint),
      },
    ],
  };
  const keys = [
    { id: NEW_KEY.id, secret: Buffer.from(NEW_KEY.bytes).toString("base64") },
    { id: key.id, env: "AFFINITY_KEY" },
  ];
  const times = { absoluteTimeout: "12h", idleTimeout: "30m" };
  const strip = { cluster: { names: [STABLE.cluster, CANARY.cluster] }, stripFromRequest: true };
  const gateway = (name: string, envoy: Envoy, kinds: readonly Kind[]): Gateway => ({
    ...{ name, envoy, kinds, samples: [], streams: [], requests: 0 },
  });
  return [
    gateway(
      "cookie",
      await startGateway(pods, { filter: filterWith({ ...times, keys, accept }) }),
      cookieKinds(pods),
    ),
    gateway("header", await startGateway(pods, { policy: "header" }), headerKinds(pods)),
    gateway("balanced", await startGateway(pods, { policy: "balanced" }), [balanced]),
    gateway("versions", await versions.gateway({ filter: filterWith(strip) }), versionKinds(versions)),
  ];
}

async function sample({ envoy, samples }: Gateway): Promise<void> {
  const status = readFileSync(`/proc/${envoy.pid}/status`, "latin1");
  const stats = await envoy.admin(
    `/stats?filter=${encodeURIComponent("^(server.memory_allocated|wasm.*v8.active)$")}`,
  );
  const stat = (name: string): number =>
    Number(new RegExp(`^${name}: ([0-9]+)$`, "m").exec(stats)?.[1] ?? NaN);
  const kilobytes = /^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1];
  samples.push({
    resident: Number(kilobytes) * 1024,
    allocated: stat("server.memory_allocated"),
    vms: stat("wasm.envoy.wasm.runtime.v8.active"),
  });
}

/** One more stream that stays open, the oldest ends instead when there are enough. */
function openStream({ envoy, streams }: Gateway): void {
  const request = get({
    port: envoy.port,
    host: "127.0.0.1",
    path: "/open",
    agent: false,
    headers: { host: STICKY_HOST },
  });
  // It is ended from this side.
  request.on("error", () => request.destroy());
  request.on("response", (response) => response.on("error", () => response.destroy()).resume());
  streams.push(request);
  if (streams.length > OPEN_STREAMS) streams.shift()!.destroy();
}

/** How far a gateway is, from 0 to 1: by time, or by requests, so that a slow machine takes longer for as many. */
function progress({ requests }: Gateway, started: number): number {
  return minutes === undefined ? requests / REQUESTS : (Date.now() - started) / (minutes * 60_000);
}

async function drive(gateway: Gateway, started: number, agent: Agent, lane: number): Promise<void> {
  for (let done = 0; done < 1; done = progress(gateway, started)) {
    if (lane === 0 && done >= gateway.samples.length / SAMPLES) await sample(gateway);
    if (random.below(20) === 0) openStream(gateway);
    await random.pick(gateway.kinds)((ask) => {
      gateway.requests++;
      return http1(gateway.envoy.port, { ...ask, agent });
    });
  }
}

function report({ name, requests, samples }: Gateway): string {
  const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  const row = (what: "resident" | "allocated"): string =>
    `${what} ${[0, 1 / 3, 2 / 3, 1].map((part) => megabytes(samples[Math.round((samples.length - 1) * part)]![what])).join(", ")} MiB`;
  return `${name}: ${requests} requests; at the start, after a third, two thirds, all: ${row("resident")}; ${row("allocated")}`;
}

test("under steady traffic of all kinds every answer is right, nothing traps, and no Envoy grows", async () => {
  console.log(
    `seed ${random.seed}, ${minutes === undefined ? `${REQUESTS} requests each` : `${minutes} minutes`}`,
  );
  const gateways = await startAll();
  closeLater({
    close: () => gateways.forEach(({ streams }) => streams.forEach((stream) => stream.destroy())),
  });
  const started = Date.now();
  await Promise.all(
    gateways.flatMap((gateway) => {
      const agent = keepAlive(LANES);
      return Array.from({ length: LANES }, (_, lane) => drive(gateway, started, agent, lane));
    }),
  );
  for (const gateway of gateways) {
    console.log(report(gateway));
    await assertNoTrap(gateway.envoy);
    assert.equal(growthOf(gateway.samples, BOUND), null, gateway.name);
  }
});
