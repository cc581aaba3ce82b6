import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { readyDemo } from "../cli/demo.ts";
import { test } from "../support/check.ts";
import { broken, DemoPage, hostIds, overflow, phone, startBrowser } from "../support/page.ts";

const PODS = 5;
const demo = await readyDemo({ PODS: String(PODS) });
const browser = await startBrowser();

test("Send 1 sends one request to each host, and every pod counts 1th", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.press("Send 1");
  for (const id of hostIds) {
    deepEqual(await page.totals(id), { new: 1, pinned: 0, moved: 0, lost: 0, failed: 0 });
    equal(await page.count(id), "1th");
    equal((await page.counts(id)).get(await page.pod(id)), 1);
  }
  deepEqual(page.problems, []);
});

test("Send 20 stays with one pod with affinity, begins anew without, counts on with the cache", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.press("Send 20");
  deepEqual(await page.totals("abc"), { new: 1, pinned: 19, moved: 0, lost: 0, failed: 0 });
  equal(await page.count("abc"), "20th");
  equal((await page.counts("abc")).get(await page.pod("abc")), 20);

  // The pods take turns: each visit meets another, which does not know the session of the one before.
  deepEqual(await page.totals("plain"), { new: 1, pinned: 0, moved: 19, lost: 19, failed: 0 });
  equal(await page.count("plain"), "1th");
  deepEqual([...(await page.counts("plain")).values()], Array(PODS).fill(20 / PODS));

  const cache = await page.totals("cache");
  deepEqual([cache.new, cache.pinned + cache.moved, cache.lost, cache.failed], [1, 19, 0, 0]);
  equal(await page.count("cache"), "20th");
  deepEqual(page.problems, []);
});

test("Send 200 sends so many to each, the shares add up to all of them, and on a phone nothing is cut off", async () => {
  const page = await DemoPage.open(browser, demo.port, phone);
  await page.press("Send 200");
  for (const id of hostIds) {
    const counts = [...(await page.counts(id)).values()];
    equal(
      counts.reduce((sum, count) => sum + count, 0),
      200,
    );
    equal(await page.page.locator(`#${id} .strip > span`).count(), 200);
    equal((await page.totals(id)).failed, 0);
  }
  for (const id of ["abc", "cache"] as const) equal(await page.count(id), "200th");
  const width = await page.page.locator("#abc .pods .is-last .bar > span").getAttribute("style");
  match(width ?? "", /width: 100%/);
  deepEqual(await overflow(page), []);
  deepEqual(await broken(page), []);
  deepEqual(page.problems, []);
});

test("all panels have the pods in the same order, which is that of the controls", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.press("Send 1");
  const pods = await page.pods();
  equal(pods.length, PODS);
  for (const id of hostIds) deepEqual([...(await page.counts(id)).keys()], pods);
});

test("the page shows the cookies that the browser sends, and forgets them", async () => {
  const page = await DemoPage.open(browser, demo.port);
  const cookies = (): Promise<string> => page.page.innerText("#abc .cookies");
  match(await cookies(), /none/);
  await page.press("Send 1");
  match(await cookies(), /connect\.sid/);
  match(await cookies(), /affinity\s+the gateway's: brings you back\s+AQ\S+… \(71 characters\)/);
  match(await page.page.innerText("#plain .cookies"), /affinity\s+the gateway's: not read here/);
  const kept = await page.page.context().cookies();
  deepEqual(kept.map(({ name, path }) => `${name} ${path}`).sort(), [
    "affinity /",
    "connect.sid /abc",
    "connect.sid /cache",
    "connect.sid /plain",
  ]);
  ok(kept.every(({ httpOnly }) => httpOnly));

  await page.press("Forget my cookies");
  deepEqual(await page.page.context().cookies(), []);
  match(await cookies(), /none/);
  await page.press("Send 1");
  for (const id of hostIds) {
    equal((await page.totals(id)).new, 2);
    equal(await page.count(id), "1th");
  }
  deepEqual(page.problems, []);
});

test("two browsers have sessions of their own", async () => {
  const [one, other] = [await DemoPage.open(browser, demo.port), await DemoPage.open(browser, demo.port)];
  await one.press("Send 20");
  await other.press("Send 1");
  equal(await one.count("abc"), "20th");
  equal(await other.count("abc"), "1th");
});

test("the hosts themselves are linked, and count by themselves", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.press("Send 20");
  await page.page.locator("#abc header a").click();
  await page.page.waitForURL(`http://abc.localhost:${demo.port}/`);
  match(await page.page.innerText("body"), /^Hostname: session-deployment-\S+\s+1th time access\.$/);
  await page.page.reload();
  match(await page.page.innerText("body"), /2th time access\.$/);
});

test("without controls there is no button that acts on processes, and the pods show as they answer", async () => {
  const json = JSON.stringify({ controls: false, pods: [] });
  const page = await DemoPage.open(browser, demo.port, {}, (tab) =>
    tab.route("**/api/state", (route) => route.fulfill({ contentType: "application/json", body: json })),
  );
  deepEqual(await page.page.getByRole("button").allInnerTexts(), [
    "Send 1",
    "Send 20",
    "Send 200",
    "Forget my cookies",
  ]);
  match(await page.page.innerText("#workshop"), /^Here are no buttons that stop or drain pods/);
  equal((await page.counts("abc")).size, 0);
  const hint = await page.page
    .locator("#abc .pods")
    .evaluate((pods) => getComputedStyle(pods, "::before").content);
  match(hint, /shows up here with its first answer/);
  await page.press("Send 20");
  const plain = await page.counts("plain");
  equal(plain.size, PODS);
  for (const id of hostIds) deepEqual([...(await page.counts(id)).keys()], [...plain.keys()]);
  deepEqual(page.problems, []);
});

test("a gateway that is away is told as such, and the page goes on when it is back", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.page.route("**/*", (route) => route.abort("connectionrefused"));
  await page.press("Send 1");
  for (const id of hostIds) {
    equal((await page.totals(id)).failed, 1);
    equal(await page.page.innerText(`#${id} [role=alert]`), "the gateway does not answer");
  }
  match(await page.page.innerText("#visit-status"), /does not answer/);
  await page.page.unroute("**/*");
  await page.press("Send 1");
  equal(await page.page.locator("#abc [role=alert]").isHidden(), true);
  notEqual(await page.count("abc"), "–");
});
