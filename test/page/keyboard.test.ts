import { deepEqual, equal, ok } from "node:assert/strict";
import { readyDemo } from "../cli/demo.ts";
import { test } from "../support/check.ts";
import { DemoPage, startBrowser } from "../support/page.ts";

const demo = await readyDemo({ PODS: "4" });
const browser = await startBrowser();

interface Focus {
  name: string;
  hasOutline: boolean;
}

/** What has the focus, by the name that a screen reader tells. */
function focus({ page }: DemoPage): Promise<Focus> {
  return page.evaluate(() => {
    const at = document.activeElement as HTMLElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    const label = (at as HTMLInputElement).labels?.[0]?.textContent;
    return {
      name: at === document.body ? "" : at.getAttribute("aria-label") || label || at.textContent || at.id,
      hasOutline: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2,
    };
  });
}

/** Presses Tab until the focus is there. */
async function tabTo(page: DemoPage, name: string): Promise<void> {
  for (let step = 0; step < 100; step++) {
    if ((await focus(page)).name === name) return;
    await page.page.keyboard.press("Tab");
  }
  throw new Error(`${name}: not reached by 100 times Tab`);
}

test("Tab goes through everything in the order of reading, shows where it is, and comes out again", async () => {
  const page = await DemoPage.open(browser, demo.port);
  const pods = await page.pods();
  const names: string[] = [];
  for (let step = 0; step < 100; step++) {
    await page.page.keyboard.press("Tab");
    const { name, hasOutline } = await focus(page);
    if (name === "") break;
    ok(hasOutline, `${name}: no outline`);
    names.push(name);
  }
  deepEqual(names, [
    "Send 1",
    "Send 20",
    "Send 200",
    "Forget my cookies",
    `abc.localhost:${demo.port}`,
    `plain.localhost:${demo.port}`,
    `cache.localhost:${demo.port}`,
    "Send the crowd",
    "Restart the gateway",
    "Rotate the key",
    "Stop Redis",
    "Pods (1 to 20)",
    "Set",
    "Take one away",
    "Add one",
    ...pods.flatMap((pod) => [`Stop ${pod}`, `Drain ${pod}`]),
  ]);
});

test("the keyboard alone sends, stops a pod, starts it, and sets the number of pods", async () => {
  const page = await DemoPage.open(browser, demo.port);
  const { keyboard } = page.page;
  await tabTo(page, "Send 20");
  await keyboard.press("Enter");
  await page.settled();
  equal(await page.count("abc"), "20th");
  equal((await focus(page)).name, "Send 20");

  const mine = await page.pod("abc");
  await tabTo(page, `Stop ${mine}`);
  await keyboard.press("Space");
  await page.settled();
  equal(await page.podState(mine), "stopped");
  equal((await focus(page)).name, `Start ${mine}`, "the focus stays where it was");
  await keyboard.press("Enter");
  await page.settled();
  equal(await page.podState(mine), "ready");

  await page.page.keyboard.press("Shift+Tab");
  await tabTo(page, "Pods (1 to 20)");
  await keyboard.press("Control+A");
  await keyboard.type("5");
  await keyboard.press("Enter");
  await page.settled();
  equal((await page.pods()).length, 5);
  equal((await page.effect("Changed from 4 to 5 pods")).abc.pinned, 100);
  deepEqual(page.problems, []);
});

test("results are told to screen readers politely, and troubles at once", async () => {
  const page = await DemoPage.open(browser, demo.port);
  const roles = await page.page.locator("[role=status]").evaluateAll((parts) => parts.map((part) => part.id));
  deepEqual(roles, ["visit-status", "effect-status"]);
  equal(await page.page.locator(".host [role=alert]").count(), 3);
  await page.press("Send 1");
  equal(await page.page.getByRole("status").first().innerText(), "Sent 1 to each of the three hosts.");
});
