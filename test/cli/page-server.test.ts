import { deepEqual, equal, match } from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Controls } from "../../cli/control/controls.ts";
import { createPageServer } from "../../cli/control/server.ts";
import { root } from "../../cli/root.ts";
import { closeLater, test } from "../support/check.ts";
import { http1, type Answer, type Ask } from "../support/client.ts";

/** Controls that do nothing but tell what they were asked to do. */
function recorder(called: string[]): Controls {
  const recorded = (_target: object, name: string) => () => {
    if (name === "hasPod") return true;
    if (name === "state") return { controls: true, pods: [] };
    called.push(name);
    return Promise.resolve();
  };
  return new Proxy({}, { get: recorded as never }) as Controls;
}

/** The page's own server, without a gateway before it: what a site reaches that guesses its port. */
async function startPage(controls?: Controls): Promise<(ask: Ask) => Promise<Answer>> {
  const folder = join(root, "demo/page");
  const server = createPageServer(controls === undefined ? { folder } : { folder, controls });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closeLater({ close: () => void server.close() });
  const { port } = server.address() as AddressInfo;
  return (ask) => http1(port, ask);
}

const ACTIONS = [
  "/api/pods/pod-1/stop",
  "/api/pods/pod-1/start",
  "/api/pods/pod-1/drain",
  "/api/pods",
  "/api/gateway/restart",
  "/api/keys/rotate",
  "/api/redis/stop",
  "/api/redis/start",
  "/api/crowd",
];

// What a browser says that shows another site's page: Fetch's Origin, and Fetch Metadata's Sec-Fetch-Site.
const fromElsewhere: [what: string, headers: Record<string, string>][] = [
  ["another site's page", { origin: "http://evil.example" }],
  ["a page without an origin of its own: a file, a sandboxed frame", { origin: "null" }],
  ["another port of this machine", { origin: "http://localhost:1" }],
  ["the page of another scheme", { origin: "https://localhost" }],
  ["a name that begins like ours", { origin: "http://localhost.evil.example" }],
  ["a browser that tells of another site", { "sec-fetch-site": "cross-site" }],
  ["a browser that tells of another origin here", { "sec-fetch-site": "same-site" }],
  ["a browser that tells of no page at all", { "sec-fetch-site": "none" }],
];

test("no page of another site has a button pressed", async () => {
  const called: string[] = [];
  const ask = await startPage(recorder(called));
  for (const [what, headers] of fromElsewhere)
    for (const path of [...ACTIONS, "/api/forget"]) {
      const { status, body, setCookie } = await ask({ host: "localhost", path, method: "POST", headers });
      deepEqual([status, setCookie], [403, []], `${what}: ${path}`);
      match(body, /no orders from other sites/);
    }
  deepEqual(called, []);
});

test("a name that another site has pointed here (DNS rebinding) reads nothing and has no button pressed", async () => {
  const called: string[] = [];
  const ask = await startPage(recorder(called));
  for (const host of [
    "evil.example",
    "evil.example:32209",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost:80@evil.example",
    "localhost, evil.example",
  ]) {
    // To the browser this is one site: it says so.
    const headers = {
      origin: `http://${host}`,
      "sec-fetch-site": "same-origin",
      "x-forwarded-host": "localhost",
    };
    for (const path of [...ACTIONS, "/api/forget"])
      equal((await ask({ host, path, method: "POST", headers })).status, 403, `${host}: ${path}`);
    for (const path of ["/api/state", "/api/cookies", "/abc/cookies"])
      equal((await ask({ host, path, cookie: "a=secret", headers })).status, 403, `${host}: ${path}`);
  }
  deepEqual(called, []);
});

test("the page's own buttons work, and so does curl, by each name of this machine", async () => {
  const called: string[] = [];
  const ask = await startPage(recorder(called));
  for (const host of ["localhost", "LOCALHOST:32209", "127.0.0.1", "127.0.0.1:32209"]) {
    const headers = { origin: `http://${host.toLowerCase()}`, "sec-fetch-site": "same-origin" };
    const path = "/api/redis/stop";
    equal((await ask({ host, path, method: "POST", headers })).status, 200, host);
    equal((await ask({ host, path, method: "POST" })).status, 200, host);
  }
  deepEqual(called, Array(8).fill("stopRedis"));
});

test("no other page may show this one in a frame, read it, or bring scripts into it", async () => {
  const { headers } = await (await startPage(recorder([])))({ host: "localhost", path: "/" });
  const policy = headers["content-security-policy"];
  for (const part of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
    equal(String(policy).split("; ").includes(part), true, part);
  equal(headers["cross-origin-resource-policy"], "same-origin");
  equal(headers["access-control-allow-origin"], undefined);
});

test("without controls, as in docker-compose, no action is there to be had, by whatever name", async () => {
  const ask = await startPage();
  for (const host of ["localhost:32209", "demo.example"]) {
    deepEqual(JSON.parse((await ask({ host, path: "/api/state" })).body), { controls: false, pods: [] });
    for (const path of ACTIONS) {
      const { status, body } = await ask({ host, path, method: "POST" });
      equal(status, 403, path);
      match(body, /there are no controls here/);
    }
  }
});
