import { ok } from "node:assert/strict";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { findChromium } from "../../cli/chromium.ts";
import { closeLater } from "./check.ts";

// A machine that runs another test beside this one is slow to start a gateway or to draw a page.
export const PATIENCE_MS = 30_000;
// 200 requests one after the other.
const LONGEST_MS = 4 * PATIENCE_MS;

export type HostId = "abc" | "plain" | "cache";
export const hostIds: readonly HostId[] = ["abc", "plain", "cache"];

export interface Totals {
  new: number;
  pinned: number;
  moved: number;
  lost: number;
  failed: number;
}

/** A row of the table that tells what an action did to the crowd. */
export type Effect = Record<HostId, Totals>;

/** A Chromium for all tests of a file: call it outside of them. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = await findChromium((line) => console.error(line));
  // Text in shades of grey alone, as a screenshot of colour fringes is twice as large.
  const args = ["--disable-gpu", "--disable-component-update", "--no-first-run", "--disable-lcd-text"];
  // Chromium's sandbox does not start for root, as whom containers and CI run.
  const browser = await chromium.launch({ executablePath, args, chromiumSandbox: process.getuid?.() !== 0 });
  closeLater(browser);
  return browser;
}

/** The demo's page in a browser profile of its own, and what the tests do there. */
export class DemoPage {
  readonly page: Page;
  /** What went wrong in it: errors of scripts and of the console, answers of 400 or more, requests without answer. */
  readonly problems: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      const text = message.text();
      // Such an answer is told below, with its status.
      if (/^(error|warning)$/.test(message.type()) && !text.startsWith("Failed to load resource"))
        this.problems.push(text);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.problems.push(`${response.status()} ${pathOf(response.url())}`);
    });
    page.on("requestfailed", (request) =>
      this.problems.push(`${request.failure()?.errorText} ${pathOf(request.url())}`),
    );
  }

  /** Opens the page, which is whole when this returns. */
  static async open(
    browser: Browser,
    port: number,
    options: BrowserContextOptions = {},
    prepare: (page: Page) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<DemoPage> {
    // Without a graphics card, each frame of an animation costs what a request does.
    const defaults = { viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" as const };
    const context = await browser.newContext({ ...defaults, ...options });
    const demo = new DemoPage(await context.newPage());
    closeLater({
      close: () => context.close(),
      evidence: () => `--- the page: ${demo.problems.join("; ")}\n`,
    });
    await prepare(demo.page);
    await demo.page.goto(`http://localhost:${port}/`);
    await demo.page.waitForSelector("html[data-ready]");
    return demo;
  }

  /** Presses a button by the name that people and screen readers see, and waits until what it does is done. */
  async press(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
    await this.settled();
  }

  /** Nothing that a button began is under way. */
  async settled(): Promise<void> {
    const isIdle = (): boolean => document.querySelector("main[aria-busy=true]") === null;
    await this.page.waitForFunction(isIdle, undefined, { timeout: LONGEST_MS });
  }

  totals(id: HostId): Promise<Totals> {
    return this.page.locator(`#${id} [data-total]`).evaluateAll((cells) => {
      const pairs = cells.map((cell) => [(cell as HTMLElement).dataset["total"], Number(cell.textContent)]);
      return Object.fromEntries(pairs) as Totals;
    });
  }

  /** The count that the application gave last: `21th`. */
  count(id: HostId): Promise<string> {
    return this.page.innerText(`#${id} [data-part=count]`);
  }

  /** The end of the name of the pod that answered last. */
  async pod(id: HostId): Promise<string> {
    return (await this.page.innerText(`#${id} [data-part=pod]`)).replace(/^at /, "");
  }

  /** How many requests each pod's cell tells of, in their order. */
  async counts(id: HostId): Promise<Map<string, number>> {
    const cells = await this.page.locator(`#${id} .pods > li`).allInnerTexts();
    return new Map(
      cells.map((text) => {
        const lines = text.split("\n");
        return [lines[0]!.trim(), Number.parseInt(lines.at(-1)!, 10) || 0];
      }),
    );
  }

  /** What the newest action did to the crowd, once the page says that it was this one. */
  async effect(action: string): Promise<Effect> {
    const newest = this.page.locator("#effects > li").first();
    const caption = await newest.locator("caption").innerText();
    ok(caption === action, `expected the effect of "${action}"; received that of "${caption}"`);
    const names = (await newest.locator("thead th").allInnerTexts()).slice(1);
    const effect: Partial<Effect> = {};
    for (const id of hostIds) {
      const cells = await newest.locator(`[data-host=${id}] td`).allInnerTexts();
      effect[id] = Object.fromEntries(
        names.map((name, at) => [name, Number(cells[at])]),
      ) as unknown as Totals;
    }
    return effect as Effect;
  }

  /** The ends of the pods' names, in the order of the controls. */
  async pods(): Promise<string[]> {
    return this.page.locator("#pod-list .name").allInnerTexts();
  }

  async podState(pod: string): Promise<string> {
    return this.page.locator("#pod-list > li", { hasText: pod }).locator(".state").innerText();
  }
}

/** The options of a phone's page. */
export const phone = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
};

/** By how much the page is wider than its window, what stands out of it or of a card, and buttons whose names do not fit. */
export function overflow({ page }: DemoPage): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const out = Array.from(document.querySelectorAll("body *")).filter((each) => {
      const { left, right } = each.getBoundingClientRect();
      // What is not drawn has no size.
      if (left === right) return false;
      const card = each.parentElement?.closest("section")?.getBoundingClientRect();
      const [from, to] = card === undefined || card.width === 0 ? [0, width] : [card.left, card.right];
      return right > to + 0.5 || left < from - 0.5;
    });
    const cut = Array.from(document.querySelectorAll("button")).filter(
      ({ scrollWidth, clientWidth, clientHeight }) => scrollWidth > clientWidth || clientHeight > 50,
    );
    const scrolls = document.documentElement.scrollWidth > width ? [`${width} px`] : [];
    return [
      ...scrolls,
      ...[...out, ...cut].map((each) => `${each.tagName} ${each.className} ${each.textContent}`),
    ];
  });
}

/** Buttons of the visits whose names are broken, and shares that are cut off. */
export function broken({ page }: DemoPage): Promise<(string | null)[]> {
  return page
    .locator("#visit-buttons button, .pods .number")
    .evaluateAll((texts) =>
      texts
        .filter((text) => text.scrollWidth > text.clientWidth || text.getBoundingClientRect().height > 50)
        .map((text) => text.textContent),
    );
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}
