import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { HostReport } from "../../cli/control/crowd.ts";
import type { DemoState } from "../../cli/control/controls.ts";
import { test, until } from "../support/check.ts";
import { http1 } from "../support/client.ts";
import { isRunning, readyDemo } from "./demo.ts";

const PODS = 4;
const VISITORS = 60;
const demo = await readyDemo({ PODS: String(PODS) });
const url = `http://127.0.0.1:${demo.port}`;

interface Reply<T> {
  status: number;
  json: T;
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<Reply<T>> {
  const answer = await fetch(url + path, init);
  return { status: answer.status, json: (await answer.json()) as T };
}

function post<T = DemoState>(path: string, body?: object): Promise<Reply<T>> {
  const headers = { "content-type": "application/json" };
  return ask(path, {
    method: "POST",
    ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
  });
}

async function state(): Promise<DemoState> {
  return (await ask<DemoState>("/api/state")).json;
}

type Report = Record<"abc" | "plain" | "cache", HostReport>;

async function crowd(): Promise<Report> {
  return (await post<Report>("/api/crowd", { visitors: VISITORS })).json;
}

/** All of the crowd are at their pods, and nobody has failed anywhere. */
function assertNothingLost({ abc, plain, cache }: Report): void {
  const { pinned, moved, lost } = abc;
  deepEqual([pinned, moved, lost], [VISITORS, 0, 0]);
  deepEqual([abc.failed, plain.failed, cache.failed, cache.lost], [0, 0, 0, 0]);
}

/** Waits until the gateway that was told to start anew has done so. */
async function restarted(before: number): Promise<DemoState> {
  return until("the gateway has started anew", async () => {
    const now = await state().catch(() => undefined);
    return now?.gateway.state === "ready" && now.gateway.restarts > before && now;
  });
}

test("the state tells of each pod, the gateway, its key and Redis", async () => {
  const { controls, pods, gateway, redis } = await state();
  equal(controls, true);
  deepEqual(
    pods.map(({ name, pid, state }) => ({ name, pid, state })),
    demo.pods().map(({ name, pid }) => ({ name, pid, state: "ready" })),
  );
  deepEqual(gateway, { state: "ready", restarts: 0, keys: [{ id: 1, current: true }] });
  equal(redis.state, "up");
});

test("a pod that is stopped loses its visitors to others, once, and no request; started again it takes none back", async () => {
  await crowd();
  const [{ name, pid } = { name: "", pid: 0 }] = (await state()).pods;
  const before = (await crowd()).abc.byPod[name] ?? 0;
  ok(before > 0);
  equal((await post(`/api/pods/${name}/stop`)).status, 200);
  equal(isRunning(pid), false);
  equal((await state()).pods[0]?.state, "stopped");
  const { abc, plain, cache } = await crowd();
  deepEqual([abc.moved, abc.lost, abc.pinned, abc.failed], [before, before, VISITORS - before, 0]);
  deepEqual([plain.failed, cache.failed, cache.lost], [0, 0, 0]);
  assertNothingLost(await crowd());
  equal((await post(`/api/pods/${name}/start`)).status, 200);
  equal((await state()).pods[0]?.state, "ready");
  assertNothingLost(await crowd());
});

test("a pod that drains keeps its visitors and gets no newcomers; started it gets them again", async () => {
  const pods = (await state()).pods;
  const name = pods[1]?.name ?? "";
  await post(`/api/pods/${name}/drain`);
  equal((await state()).pods[1]?.state, "draining");
  assertNothingLost(await crowd());
  const newcomers = await Promise.all(Array.from({ length: 60 }, () => http1(demo.port)));
  deepEqual([newcomers.filter(({ body }) => body.includes(name)).length, newcomers.length], [0, 60]);
  await post(`/api/pods/${name}/start`);
  await until("the pod gets newcomers again", async () => (await http1(demo.port)).body.includes(name));
  assertNothingLost(await crowd());
});

test("pods that are added take nobody from others, and those that are taken away move their visitors", async () => {
  equal((await post("/api/pods", { count: PODS + 3 })).json.pods.length, PODS + 3);
  assertNothingLost(await crowd());
  const added = (await state()).pods.slice(PODS);
  await until("each of the new pods gets newcomers", async () => {
    const met = await Promise.all(Array.from({ length: 60 }, () => http1(demo.port)));
    return added.every(({ name }) => met.some(({ body }) => body.includes(name)));
  });
  equal((await post("/api/pods", { count: PODS })).json.pods.length, PODS);
  await until("the processes are gone", () => !added.some(({ pid }) => isRunning(pid)));
  assertNothingLost(await crowd());
});

test("a gateway that starts anew moves and loses nobody", async () => {
  const { restarts } = (await state()).gateway;
  equal((await post("/api/gateway/restart")).status, 202);
  await restarted(restarts);
  assertNothingLost(await crowd());
});

test("a key that is rotated moves and loses nobody, and seals what is new", async () => {
  const { restarts } = (await state()).gateway;
  equal((await post("/api/keys/rotate")).status, 202);
  const { gateway } = await restarted(restarts);
  deepEqual(gateway.keys, [
    { id: 2, current: true },
    { id: 1, current: false },
  ]);
  assertNothingLost(await crowd());
  const [line = ""] = (await http1(demo.port)).setCookie.filter((cookie) => cookie.startsWith("affinity="));
  // The token's second byte is the key's id.
  equal(Buffer.from(line.slice("affinity=".length), "base64url")[1], 2);
});

test("without Redis the host with the external cache says so, and the others go on; with it all counts go on", async () => {
  await crowd();
  await post("/api/redis/stop");
  equal((await state()).redis.state, "down");
  const { abc, plain, cache } = await crowd();
  deepEqual([abc.pinned, plain.failed, cache.failed], [VISITORS, 0, VISITORS]);
  const answer = await http1(demo.port, { host: "cache.sample.com" });
  equal(answer.status, 503);
  match(answer.body, /^sessions are out of reach: Redis does not answer/);
  await post("/api/redis/start");
  equal((await state()).redis.state, "up");
  await until("the pods have their Redis again", async () => (await crowd()).cache.failed === 0);
});

test("cache.sample.com spreads at random, and counts on without a gap", async () => {
  let cookie = "";
  const met = new Set<string>();
  for (let count = 1; count <= 20; count++) {
    const answer = await http1(demo.port, { host: "cache.sample.com", cookie });
    cookie ||= answer.setCookie[0]?.split(";")[0] ?? "";
    match(answer.body, new RegExp(`\\n${count}th time access\\.\\n$`));
    met.add(answer.body.split("\n")[0] ?? "");
  }
  ok(met.size > 1, [...met].join());
});

test("forget expires every cookie that the gateway and the pods set on the page's origin", async () => {
  const answer = await fetch(`${url}/api/forget`, { method: "POST" });
  equal(answer.status, 200);
  const expired = answer.headers
    .getSetCookie()
    .map((line) => /^([^=]+)=; Path=([^;]+); Max-Age=0/.exec(line)?.slice(1));
  deepEqual(expired, [
    ["affinity", "/"],
    ...["/", "/abc", "/plain", "/cache"].map((path) => ["connect.sid", path]),
  ]);
});

const JSON_TYPE = { "content-type": "application/json" };
const refused: [what: string, path: string, init: RequestInit, status: number][] = [
  [
    "another site's form",
    "/api/gateway/restart",
    { method: "POST", headers: { origin: "http://evil.example" } },
    403,
  ],
  [
    "a browser that says it is another site",
    "/api/pods",
    { method: "POST", headers: { "sec-fetch-site": "cross-site" } },
    403,
  ],
  ["a GET of an action", "/api/keys/rotate", {}, 405],
  ["a pod that is none", "/api/pods/nobody/stop", { method: "POST" }, 404],
  ["a path out of the page's folder", "/%2e%2e/%2e%2e/package.json", {}, 404],
  ["no such action", "/api/everything/stop", { method: "POST" }, 404],
  ["too many pods", "/api/pods", { method: "POST", headers: JSON_TYPE, body: '{"count": 21}' }, 400],
  ["no pods at all", "/api/pods", { method: "POST", headers: JSON_TYPE, body: '{"count": 0}' }, 400],
  [
    "a crowd beyond the largest",
    "/api/crowd",
    { method: "POST", headers: JSON_TYPE, body: '{"visitors": 1001}' },
    400,
  ],
  ["a body that is no JSON", "/api/crowd", { method: "POST", headers: JSON_TYPE, body: "{" }, 400],
  [
    "a body of another type",
    "/api/crowd",
    { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" },
    415,
  ],
  ["a large body", "/api/crowd", { method: "POST", headers: JSON_TYPE, body: " ".repeat(2000) }, 413],
  [
    "a field that is none",
    "/api/pods",
    { method: "POST", headers: JSON_TYPE, body: '{"count": 4, "x": 1}' },
    400,
  ],
];

for (const [what, path, init, status] of refused) {
  test(`refused with a sentence: ${what}`, async () => {
    const before = await state();
    const reply = await ask<{ error: string }>(path, init);
    equal(reply.status, status);
    match(reply.json.error, /^[^\n]{10,200}$/);
    deepEqual(await state(), before);
  });
}
