import assert from "node:assert/strict";
import { test } from "../support/check.ts";
import { http1, many, STICKY_HOST } from "../support/client.ts";
import { newCookie, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";

const PAGE = "localhost";
const PREFIX = "x-forwarded-prefix";

test("/abc/ of the page has affinity, /plain/ and /cache/ have none, and each pod is told the prefix", async () => {
  const pods = await Pod.startMany(4);
  const { port } = await startGateway(pods);
  const first = await http1(port, { host: PAGE, path: "/abc/" });
  const cookie = `affinity=${newCookie(first)}`;
  for (let round = 0; round < 10; round++) {
    const answer = await http1(port, {
      host: PAGE,
      path: "/abc/",
      cookie,
      method: round % 2 ? "POST" : "GET",
    });
    assert.deepEqual([answer.body, answer.setCookie], [first.body, []]);
  }
  const mine = pods.find(({ name }) => name === first.body) ?? assert.fail();
  assert.deepEqual([mine.last.url, mine.last.headers[PREFIX]], ["/abc/", "/abc"]);

  const plain = await many(40, 4, () => http1(port, { host: PAGE, path: "/plain/", cookie }));
  assert.equal(new Set(plain.map(({ body }) => body)).size, 4);
  assert.deepEqual(
    plain.flatMap(({ setCookie }) => setCookie),
    [],
  );
  const prefixes = pods.flatMap(({ received }) =>
    received.map(({ url, headers }) => `${url} ${String(headers[PREFIX])}`),
  );
  assert.deepEqual([...new Set(prefixes)].sort(), ["/abc/ /abc", "/plain/ /plain"]);
});

test("the page itself, its API and the cookies of each path come from the page's server", async () => {
  const [pod = assert.fail(), page = assert.fail()] = await Pod.startMany(2);
  const { port } = await startGateway([pod], { pageAddress: page });
  for (const path of [
    "/",
    "/api/state",
    "/abc",
    "/abc/cookies",
    "/plain/cookies",
    "/cache/cookies",
    "/main.js",
  ]) {
    for (const host of ["localhost", `localhost:${port}`, "127.0.0.1"])
      assert.equal((await http1(port, { host, path })).body, page.name, path);
  }
  assert.equal((await http1(port, { host: PAGE, path: "/abc/cookies/x" })).body, pod.name);
  assert.ok(page.received.every(({ headers }) => headers["x-affinity-host"] === undefined));
});

test("a client's own prefix changes nothing: it is replaced on the page's paths, and gone everywhere else", async () => {
  const pods = await Pod.startMany(1);
  const [pod = assert.fail()] = pods;
  const { port } = await startGateway(pods);
  const headers = { [PREFIX]: "/evil" };
  await http1(port, { host: PAGE, path: "/abc/", headers });
  assert.equal(pod.last.headers[PREFIX], "/abc");
  for (const host of [STICKY_HOST, "plain.sample.com"]) {
    await http1(port, { host, headers });
    assert.equal(pod.last.headers[PREFIX], undefined, host);
  }
});

test("without affinity a dead pod costs nobody an error: another one answers", async () => {
  const pods = await Pod.startMany(4);
  const { port } = await startGateway(pods);
  await pods[0]?.stop();
  await pods[1]?.stop();
  const answers = await many(100, 4, (index) =>
    http1(port, index % 2 ? { host: PAGE, path: "/plain/" } : { host: "plain.sample.com" }),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});
