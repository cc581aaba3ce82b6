import { deepEqual, doesNotMatch, equal, match, notEqual } from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { answersPing } from "../../cli/redis.ts";
import { root } from "../../cli/root.ts";
import { closeLater, test, until } from "../support/check.ts";
import { RedisServer } from "./redis-server.ts";
import { TELLS_WAITING } from "./waiting.ts";

const DOWN = "sessions are out of reach: Redis does not answer; the hosts without it go on\n";

// The pod gives a Redis that is there a second to answer.
const IMPATIENT = /^pod: no session: .*no answer within 1000 ms/m;

interface Pod {
  name: string;
  child: ChildProcess;
  /** Where its sessions live in its memory, and where in Redis. */
  url: string;
  cacheUrl: string;
  output: () => string;
}

function launch(name: string, env: NodeJS.ProcessEnv): { child: ChildProcess; output: () => string } {
  const child = fork(join(root, "build/ts/demo/app/main.js"), {
    env: { ...process.env, HOST: "127.0.0.1", PORT: "0", CACHE_PORT: "0", POD_NAME: name, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: ["--import", TELLS_WAITING],
  });
  closeLater({ close: () => void child.kill("SIGKILL"), evidence: () => output });
  let output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return { child, output: () => output };
}

async function startPod(name: string, redisUrl: string, secret = "of all pods"): Promise<Pod> {
  const { child, output } = launch(name, { REDIS_URL: redisUrl, SESSION_SECRET: secret });
  const [{ port, cachePort }] = (await once(child, "message")) as [{ port: number; cachePort: number }];
  const [url, cacheUrl] = [`http://127.0.0.1:${port}/`, `http://127.0.0.1:${cachePort}/`];
  return { name, child, url, cacheUrl, output };
}

interface Visit {
  status: number;
  body: string;
  cookies: string[];
}

async function visit(url: string, cookie?: string): Promise<Visit> {
  const answer = await fetch(url, { headers: cookie === undefined ? {} : { cookie } });
  return { status: answer.status, body: await answer.text(), cookies: answer.headers.getSetCookie() };
}

function cookieOf({ cookies }: Visit): string {
  equal(cookies.length, 1);
  return cookies[0]!.split(";")[0]!;
}

function times(pod: Pod, count: number): string {
  return `Hostname: ${pod.name}<br>\n${count}th time access.\n`;
}

test("a session in Redis counts on across pods, and over the end of one that began it", async () => {
  const redis = await RedisServer.start();
  const [one, other] = [await startPod("one", redis.url), await startPod("other", redis.url)];
  const first = await visit(one.cacheUrl);
  const cookie = cookieOf(first);
  equal(first.body, times(one, 1));
  for (const [pod, count] of [
    [other, 2],
    [one, 3],
    [other, 4],
  ] as const) {
    deepEqual(await visit(pod.cacheUrl, cookie), { status: 200, body: times(pod, count), cookies: [] });
  }
  one.child.kill("SIGKILL");
  await once(one.child, "exit");
  equal((await visit(other.cacheUrl, cookie)).body, times(other, 5));
  const third = await startPod("third", redis.url);
  equal((await visit(third.cacheUrl, cookie)).body, times(third, 6));
});

test("the port without Redis knows no session of the one with Redis, nor of another pod", async () => {
  const redis = await RedisServer.start();
  const [one, other] = [await startPod("one", redis.url), await startPod("other", redis.url)];
  const shared = cookieOf(await visit(one.cacheUrl));
  const own = cookieOf(await visit(one.url));
  for (const [url, cookie] of [
    [one.url, shared],
    [other.url, own],
    [one.cacheUrl, own],
  ] as const) {
    const answer = await visit(url, cookie);
    match(answer.body, /\n1th time/);
    notEqual(cookieOf(answer), cookie);
  }
});

test("a pod with another SESSION_SECRET takes no cookie of the others", async () => {
  const redis = await RedisServer.start();
  const [one, other] = [await startPod("one", redis.url), await startPod("other", redis.url, "its own")];
  match((await visit(other.cacheUrl, cookieOf(await visit(one.cacheUrl)))).body, /\n1th time/);
});

test("with Redis killed each visit is a 503 at once, the other port goes on, and so do visits when it is back", async () => {
  const redis = await RedisServer.start();
  const pod = await startPod("pod", redis.url);
  const [cookie, own] = [cookieOf(await visit(pod.cacheUrl)), cookieOf(await visit(pod.url))];
  process.kill(redis.pid, "SIGKILL");
  await until("Redis is gone", async () => !(await answersPing(redis.port)));
  for (const sent of [undefined, cookie, undefined, cookie])
    deepEqual(await visit(pod.cacheUrl, sent), { status: 503, body: DOWN, cookies: [] });
  doesNotMatch(pod.output(), IMPATIENT);
  equal((await visit(pod.url, own)).body, times(pod, 2));
  equal((await visit(new URL("healthz", pod.cacheUrl).href)).body, "pod\n");
  match(pod.output(), /^pod: Redis does not answer: /m);

  await redis.start();
  // Redis kept nothing: the session begins anew, and then counts on.
  const back = await until("visits are counted again", async () => {
    const answer = await visit(pod.cacheUrl, cookie);
    return answer.status === 200 && answer;
  });
  equal(back.body, times(pod, 1));
  equal((await visit(pod.cacheUrl, cookieOf(back))).body, times(pod, 2));
  equal((await visit(pod.url, own)).body, times(pod, 3));
  equal(
    pod.output().match(/^pod: Redis /gm)?.length,
    2,
    "it says once that Redis goes, and once that it is back",
  );
});

test("a Redis that holds its connections and answers nothing is out of reach too, and counts on afterwards", async () => {
  const redis = await RedisServer.start();
  const pod = await startPod("pod", redis.url);
  const cookie = cookieOf(await visit(pod.cacheUrl));
  process.kill(redis.pid, "SIGSTOP");
  try {
    for (const sent of [cookie, undefined, cookie])
      deepEqual(await visit(pod.cacheUrl, sent), { status: 503, body: DOWN, cookies: [] });
    await until("it gave Redis a second", () => IMPATIENT.test(pod.output()));
    equal((await visit(pod.url)).body, times(pod, 1));
    await until("the pod gives the connection up", () => /Redis does not answer/.test(pod.output()));
    deepEqual(await visit(pod.cacheUrl, cookie), { status: 503, body: DOWN, cookies: [] });
  } finally {
    process.kill(redis.pid, "SIGCONT");
  }
  const back = await until("visits are counted again", async () => {
    const answer = await visit(pod.cacheUrl, cookie);
    return answer.status === 200 && answer;
  });
  // A visit that was turned away may have been counted: Redis read it when it went on.
  match(back.body, /\n[2-5]th time/);
  deepEqual(back.cookies, []);
});

test("a pod starts without Redis, turns visits away, and takes them up when Redis comes", async () => {
  const redis = await RedisServer.start();
  await redis.end();
  const pod = await startPod("pod", redis.url);
  deepEqual(await visit(pod.cacheUrl), { status: 503, body: DOWN, cookies: [] });
  equal((await visit(pod.url)).body, times(pod, 1));
  await redis.start();
  await until("a visit is counted", async () => (await visit(pod.cacheUrl)).status === 200);
});

test("what is no Redis behind REDIS_URL is out of reach, not the end of the pod", async () => {
  const impostor = createServer((socket) =>
    socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  );
  await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
  closeLater({ close: () => void impostor.close() });
  const pod = await startPod("pod", `redis://127.0.0.1:${(impostor.address() as AddressInfo).port}`);
  deepEqual(await visit(pod.cacheUrl), { status: 503, body: DOWN, cookies: [] });
  equal((await visit(pod.url)).body, times(pod, 1));
});

test("a hundred visitors who meet no Redis are one line of the pod's log, with its name", async () => {
  const redis = await RedisServer.start();
  const pod = await startPod("pod", redis.url);
  await redis.end();
  await until("Redis is out of reach", async () => (await visit(pod.cacheUrl)).status === 503);
  await Promise.all(Array.from({ length: 100 }, () => visit(pod.cacheUrl)));
  const lines = pod.output().match(/^pod: no session: .*$/gm) ?? [];
  equal(lines.length, new Set(lines).size);
});

test("SIGTERM ends a pod with both its ports at once, with Redis and without", async () => {
  const redis = await RedisServer.start();
  for (const down of [false, true]) {
    if (down) await redis.end();
    const pod = await startPod("pod", redis.url);
    await visit(pod.cacheUrl);
    const exit = once(pod.child, "exit");
    pod.child.kill("SIGTERM");
    deepEqual(await exit, [0, null]);
  }
});

const refused: [sentence: string, env: NodeJS.ProcessEnv][] = [
  [
    "SESSION_SECRET: missing; with REDIS_URL all pods must have the same one, to know each other's sessions",
    { REDIS_URL: "redis://127.0.0.1:1" },
  ],
  [
    "REDIS_URL: not a URL of Redis; it must be like redis://127.0.0.1:6379",
    { REDIS_URL: "http://user:password@127.0.0.1:1", SESSION_SECRET: "x" },
  ],
  ["REDIS_URL: not a URL of Redis; it must be like redis://127.0.0.1:6379", { REDIS_URL: "127.0.0.1" }],
  [
    "CACHE_PORT=http: not a port; it must be a whole number from 0 to 65535",
    { REDIS_URL: "redis://127.0.0.1:1", SESSION_SECRET: "x", CACHE_PORT: "http" },
  ],
];

for (const [sentence, env] of refused) {
  test(`a pod with ${JSON.stringify(env)} is refused with one sentence`, async () => {
    const { child, output } = launch("pod", env);
    const [code] = await once(child, "close");
    equal(code, 1);
    equal(output(), `${sentence}\n`);
  });
}

test("without REDIS_URL a pod has no second port", async () => {
  const { child } = launch("pod", { SESSION_SECRET: "x" });
  const [message] = (await once(child, "message")) as [Record<string, unknown>];
  deepEqual(Object.keys(message), ["port"]);
});
