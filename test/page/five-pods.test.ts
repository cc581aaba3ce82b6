import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { readyDemo } from "../cli/demo.ts";
import { test } from "../support/check.ts";
import { DemoPage, startBrowser } from "../support/page.ts";

const demo = await readyDemo({ PODS: "10" });
const browser = await startBrowser();
const CROWD = 100;

test("five pods stopped in turn: each moves its own sessions once, nothing is counted without affinity, the cache counts on", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.press("Send 1");
  const seen = new Set<string>();
  let moves = 0;
  for (let stopped = 0; stopped < 5; stopped++) {
    const mine = await page.pod("abc");
    ok(!seen.has(mine), `${mine} was stopped and has answered`);
    seen.add(mine);
    const cached = Number.parseInt(await page.count("cache"), 10);
    await page.press(`Stop ${mine}`);
    const { abc, plain, cache } = await page.effect(`Stopped ${mine}`);
    ok(abc.moved > 0, "some of the crowd were at the pod that was stopped");
    deepEqual(abc, { new: 0, pinned: CROWD - abc.moved, moved: abc.moved, lost: abc.moved, failed: 0 });
    moves += abc.moved;
    equal(plain.failed, 0);
    equal(plain.lost, plain.moved);
    equal(cache.lost + cache.failed, 0);

    await page.press("Send 1");
    notEqual(await page.pod("abc"), mine);
    equal(await page.count("abc"), "1th");
    equal(await page.count("cache"), `${cached + 1}th`);
    const before = { pod: await page.pod("plain"), count: Number.parseInt(await page.count("plain"), 10) };
    await page.press("Send 1");
    equal(await page.count("abc"), "2th");
    // The pods take turns, but Envoy begins them anew when it ejects the one that was stopped, or takes it back.
    const isSame = (await page.pod("plain")) === before.pod;
    equal(await page.count("plain"), `${isSame ? before.count + 1 : 1}th`);
    equal(await page.count("cache"), `${cached + 2}th`);
  }
  equal((await page.totals("abc")).moved, 5);
  const plain = await page.totals("plain");
  equal(plain.failed, 0);
  equal(plain.lost, plain.moved);
  ok(plain.moved >= 5);
  equal((await page.totals("cache")).lost, 0);
  await page.press("Send the crowd");
  const { abc } = await page.effect("The crowd came again");
  equal(abc.pinned, CROWD, `${moves} moved while pods were stopped, and none after that`);
  deepEqual(page.problems, []);
});
