import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { BrowserContextOptions } from "playwright-core";
import { root } from "../../cli/root.ts";
import { readyDemo } from "../cli/demo.ts";
import { test } from "../support/check.ts";
import { broken, DemoPage, overflow, phone, startBrowser } from "../support/page.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// The WCAG's sizes of what a finger meets, in CSS pixels (2.5.5); for a link on a line of its own the lesser one (2.5.8).
const TAP = 44;
const TAP_OF_LINK = 24;

const demo = await readyDemo({ PODS: "10" });
const browser = await startBrowser();

const wide = { viewport: { width: 2000, height: 1100 } };

interface Finding {
  id: string;
  impact: string | null;
  nodes: { html: string; failureSummary: string }[];
}

/** What axe-core finds serious or critical. */
async function accessibilityProblems({ page }: DemoPage): Promise<string[]> {
  await page.evaluate(AXE);
  const findings = (await page.evaluate("axe.run().then((results) => results.violations)")) as Finding[];
  return findings
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
}

/** A page on which everything that it can show is seen: outcomes, effects, a pod that drains and one that is stopped. */
async function busyPage(options: BrowserContextOptions): Promise<DemoPage> {
  const page = await DemoPage.open(browser, demo.port, options);
  await page.press("Send 20");
  const [first, second] = await page.pods();
  await page.press(`Stop ${first}`);
  await page.press(`Drain ${second}`);
  await page.press("Stop Redis");
  await page.press("Send 1");
  return page;
}

test("axe-core finds nothing serious in either theme, on a wide screen and on a phone", async () => {
  const page = await busyPage(wide);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.page.emulateMedia({ colorScheme });
    const ground = await page.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red = 0] = /\d+/.exec(ground) ?? [];
    equal(Number(red) < 128, colorScheme === "dark");
    for (const viewport of [wide.viewport, phone.viewport]) {
      await page.page.setViewportSize(viewport);
      deepEqual(await accessibilityProblems(page), [], `${colorScheme}, ${viewport.width} px`);
      deepEqual(await overflow(page), [], `${colorScheme}, ${viewport.width} px`);
    }
  }
  const [first, second] = await page.pods();
  await page.press(`Start ${first}`);
  await page.press(`Take back ${second}`);
  await page.press("Start Redis");
});

test("on a phone nothing is wider than the screen, and a finger meets every button", async () => {
  const page = await DemoPage.open(browser, demo.port, phone);
  deepEqual(await overflow(page), []);
  // What 200 requests show fits too: test/page/visit.test.ts, where they are sent.
  await page.press("Send 20");
  await page.press("Send the crowd");
  deepEqual(await overflow(page), []);
  const heights = await page.page.locator("button, input, a").evaluateAll((targets) =>
    targets.map((target) => ({
      what: target.textContent || target.id,
      isLink: target.tagName === "A",
      height: target.getBoundingClientRect().height,
      width: target.getBoundingClientRect().width,
    })),
  );
  const small = heights.filter(({ isLink, height, width }) =>
    isLink ? height < TAP_OF_LINK : Math.min(height, width) < TAP,
  );
  deepEqual(small, []);
  deepEqual(await broken(page), []);
});

test("on a phone the buttons stay in sight, and so does what a pod's button did to the sessions", async () => {
  const page = await DemoPage.open(browser, demo.port, phone);
  const [last = ""] = (await page.pods()).slice(-1);
  await page.press(`Stop ${last}`);
  await page.press(`Start ${last}`);
  const isSeen = (selector: string): Promise<boolean> =>
    page.page.locator(selector).evaluate((part) => {
      const { left, right, top, bottom } = part.getBoundingClientRect();
      const met = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      return part === met && top >= 0 && bottom <= innerHeight;
    });
  for (const selector of ["[data-send='20']", "#forget", "#effect-status", "#pod-list > :last-child button"])
    equal(await isSeen(`${selector} >> nth=0`), true, selector);
  match(
    await page.page.innerText("#effect-status"),
    new RegExp(`^Started ${last}\\. With affinity: 100 pinned`),
  );
});

test("windows from 360 to 2000 pixels show it without scrolling sideways", async () => {
  const page = await DemoPage.open(browser, demo.port);
  await page.press("Send 20");
  await page.press("Send the crowd");
  for (const width of [360, 480, 640, 768, 1024, 1280, 1600, 2000]) {
    await page.page.setViewportSize({ width, height: 900 });
    deepEqual(await overflow(page), [], `${width} px`);
  }
});

test("the three panels stand side by side where there is room, else one below the other", async () => {
  const page = await DemoPage.open(browser, demo.port);
  const tops = (): Promise<number[]> =>
    page.page
      .locator(".host")
      .evaluateAll((panels) => panels.map((panel) => panel.getBoundingClientRect().top));
  equal(new Set(await tops()).size, 1);
  await page.page.setViewportSize({ width: 360, height: 740 });
  equal(new Set(await tops()).size, 3);
});

test("who asks for less motion sees none", async () => {
  for (const [reducedMotion, isMoving] of [
    ["reduce", false],
    ["no-preference", true],
  ] as const) {
    const page = await DemoPage.open(browser, demo.port, { reducedMotion });
    await page.page.evaluate(() => {
      const { animate } = Element.prototype;
      Element.prototype.animate = function (...args) {
        document.documentElement.dataset["moved"] = "";
        return animate.apply(this, args);
      };
    });
    await page.press("Send 20");
    equal(await page.page.evaluate(() => "moved" in document.documentElement.dataset), isMoving);
  }
});

test("the page asks for the state only while somebody looks", async () => {
  const page = await DemoPage.open(browser, demo.port, {}, (tab) => tab.clock.install());
  let asked = 0;
  page.page.on("request", (request) => {
    if (request.url().endsWith("/api/state")) asked++;
  });
  const look = (state: string): Promise<void> =>
    page.page.evaluate((visibility) => {
      Object.defineProperty(document, "visibilityState", { value: visibility, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await look("hidden");
  await page.page.clock.runFor(60_000);
  equal(asked, 0);
  await look("visible");
  await page.page.clock.runFor(10_000);
  ok(asked >= 5, `asked ${asked} times`);
});

if (process.env["UPDATE_SCREENSHOT"] === "1") {
  test("docs/page.png shows the page", async () => {
    const viewport = { width: 1280, height: 800 };
    const page = await DemoPage.open(browser, demo.port, { viewport, colorScheme: "light" });
    await page.press("Send 20");
    await page.press(`Stop ${await page.pod("abc")}`);
    await page.press("Send 20");
    await page.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.page.mouse.move(0, 0);
    // Cells fade for a moment after they have answered.
    await page.page.waitForFunction(() => document.getAnimations().length === 0);
    const path = join(root, "docs/page.png");
    const bytes = await page.page.screenshot({ path, fullPage: true });
    ok(bytes.length < 300_000, `docs/page.png: ${bytes.length} bytes`);
  });
}
