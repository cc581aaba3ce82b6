import { equal, match, notEqual } from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createApp } from "../../demo/app/app.ts";
import { MemoryStore } from "../../demo/app/memory-store.ts";
import { closeLater, test } from "../support/check.ts";

const NAME = "session-deployment-55b4fb777f-4gfq2";

class BrokenStore extends MemoryStore {
  override get(_sid: string, callback: (error: unknown) => void): void {
    callback(new Error("the store is on fire"));
  }
}

/** The application on a free port; its address. */
async function serve({ secret = "of this pod", store = memory() } = {}): Promise<string> {
  const server: Server = createServer(createApp({ podName: NAME, store, secret }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeLater({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function memory(): MemoryStore {
  return new MemoryStore({ capacity: 100, idleTimeout: 60_000 });
}

/** The name and value of the only cookie that an answer sets. */
function cookieOf(answer: Response): string {
  const cookies = answer.headers.getSetCookie();
  equal(cookies.length, 1, `one cookie, got ${JSON.stringify(cookies)}`);
  return cookies[0]!.split(";")[0]!;
}

test("the first visit answers the tutorial's text to the letter", async () => {
  const answer = await fetch(`${await serve()}/`);
  equal(answer.status, 200);
  equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  equal(await answer.text(), "Hostname: session-deployment-55b4fb777f-4gfq2<br>\n1th time access.\n");
});

test("the session's cookie is for scripts out of reach and for this browser session only", async () => {
  const [cookie] = (await fetch(`${await serve()}/`)).headers.getSetCookie();
  match(cookie!, /; Path=\/; HttpOnly; SameSite=Lax$/);
  equal(/expires|max-age/i.test(cookie!), false, cookie);
});

test("visits with one cookie count 1th to 5th, and only the first sets a cookie", async () => {
  const url = await serve();
  const first = await fetch(url);
  const cookie = cookieOf(first);
  for (const count of [2, 3, 4, 5]) {
    const answer = await fetch(url, { headers: { cookie } });
    equal(await answer.text(), `Hostname: ${NAME}<br>\n${count}th time access.\n`);
    equal(answer.headers.getSetCookie().length, 0);
  }
});

test("visits without a cookie are all the 1th, each with a session of its own", async () => {
  const url = await serve();
  const [one, other] = [await fetch(url), await fetch(url)];
  match(await one.text(), /\n1th time/);
  match(await other.text(), /\n1th time/);
  notEqual(cookieOf(one), cookieOf(other));
});

test("a query does not make another page", async () => {
  const answer = await fetch(`${await serve()}/?a=b`);
  match(await answer.text(), /\n1th time/);
});

test("other paths are not found and touch no session", async () => {
  const url = await serve();
  const cookie = cookieOf(await fetch(url));
  for (const path of ["/favicon.ico", "/healthz/", "//", "/index.html"]) {
    for (const headers of [{}, { cookie }]) {
      const answer = await fetch(`${url}${path}`, { headers });
      equal(answer.status, 404, path);
      equal(answer.headers.getSetCookie().length, 0, path);
    }
  }
  match(await (await fetch(url, { headers: { cookie } })).text(), /\n2th time/);
});

test("/healthz answers with the pod's name and touches no session", async () => {
  const store = memory();
  const answer = await fetch(`${await serve({ store })}/healthz`);
  equal(answer.status, 200);
  equal(await answer.text(), `${NAME}\n`);
  equal(answer.headers.getSetCookie().length, 0);
  equal(store.size, 0);
});

test("what is no GET is no visit", async () => {
  const store = memory();
  const answer = await fetch(await serve({ store }), { method: "POST", body: "x" });
  equal(answer.status, 405);
  equal(answer.headers.get("allow"), "GET, HEAD");
  equal(store.size, 0);
});

test("a session of another pod is unknown here, also when that pod has the same secret", async () => {
  const here = await serve({ secret: "shared" });
  const foreign = cookieOf(await fetch(await serve({ secret: "of another pod" })));
  const sameSecret = cookieOf(await fetch(await serve({ secret: "shared" })));
  for (const cookie of [foreign, sameSecret]) {
    const answer = await fetch(here, { headers: { cookie } });
    match(await answer.text(), /\n1th time/);
    notEqual(cookieOf(answer), cookie);
  }
});

test("fifty visits of one session at once are all counted", async () => {
  const url = await serve();
  const cookie = cookieOf(await fetch(url));
  const texts = await Promise.all(
    Array.from({ length: 50 }, async () => (await fetch(url, { headers: { cookie } })).text()),
  );
  const counts = texts.map((text) => Number(/(\d+)th/.exec(text)?.[1])).sort((a, b) => a - b);
  equal(
    counts.join(),
    Array.from({ length: 50 }, (_, index) => index + 2).join(),
    "each count from 2 to 51 once",
  );
});

test("a store that fails is a 503 that names no detail", async () => {
  const url = await serve({ store: new BrokenStore({ capacity: 1, idleTimeout: 1000 }) });
  // Only a session that is looked up meets the store: its cookie comes from a pod with the same secret.
  const cookie = cookieOf(await fetch(await serve()));
  const answer = await fetch(url, { headers: { cookie } });
  equal(answer.status, 503);
  equal(await answer.text(), "sessions are out of reach; try again\n");
});

class UnwritableStore extends MemoryStore {
  override set(_sid: string, _data: unknown, callback?: (error?: unknown) => void): void {
    callback?.(new Error("the store is full"));
  }
}

test("a visit that cannot be saved is a 503 without a cookie, for new and for known visitors", async () => {
  const url = await serve({ store: new UnwritableStore({ capacity: 1, idleTimeout: 1000 }) });
  for (const headers of [{}, { cookie: cookieOf(await fetch(await serve())) }]) {
    const answer = await fetch(url, { headers });
    equal(answer.status, 503);
    equal(await answer.text(), "sessions are out of reach; try again\n");
    equal(answer.headers.getSetCookie().length, 0);
  }
});

test("below a prefix that the gateway says, the application is there and its cookie is for there", async () => {
  const url = await serve();
  const prefixed = { "x-forwarded-prefix": "/abc" };
  const first = await fetch(`${url}/abc/?a=b`, { headers: prefixed });
  equal(await first.text(), `Hostname: ${NAME}<br>\n1th time access.\n`);
  match(first.headers.getSetCookie()[0]!, /; Path=\/abc; HttpOnly; SameSite=Lax$/);
  const again = await fetch(`${url}/abc/`, { headers: { ...prefixed, cookie: cookieOf(first) } });
  match(await again.text(), /\n2th time/);
  equal(await (await fetch(`${url}/abc/healthz`, { headers: prefixed })).text(), `${NAME}\n`);
});

test("below a prefix, every other path is not found", async () => {
  const url = await serve();
  for (const path of ["/", "/abc", "/abcd/", "/healthz", "/plain/", "/abc/abc/", "//abc/"]) {
    const answer = await fetch(url + path, { headers: { "x-forwarded-prefix": "/abc" } });
    equal(answer.status, 404, path);
    equal(await answer.text(), "not found; the application is at /abc/\n");
    equal(answer.headers.getSetCookie().length, 0, path);
  }
});

for (const prefix of ["", "/", "abc", "/abc/", "/a/b", "/ABC", "/a;b", "/a%20b", "/..", "/abc, /abc"]) {
  test(`x-forwarded-prefix: "${prefix}" is none`, async () => {
    const answer = await fetch(`${await serve()}/`, { headers: { "x-forwarded-prefix": prefix } });
    equal(answer.status, 200);
    match(answer.headers.getSetCookie()[0]!, /; Path=\/; HttpOnly; SameSite=Lax$/);
  });
}
