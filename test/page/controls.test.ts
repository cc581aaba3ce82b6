import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { isRunning, readyDemo } from "../cli/demo.ts";
import { test } from "../support/check.ts";
import { DemoPage, hostIds, startBrowser, type Effect } from "../support/page.ts";

const demo = await readyDemo({ PODS: "4" });
const browser = await startBrowser();
const CROWD = 100;

function open(): Promise<DemoPage> {
  return DemoPage.open(browser, demo.port);
}

/** No session of the host with affinity went elsewhere, and none was lost. */
function affinityHeld({ abc }: Effect): void {
  deepEqual(abc, { new: 0, pinned: CROWD, moved: 0, lost: 0, failed: 0 });
}

function nothingFailed(effect: Effect): void {
  for (const id of hostIds) equal(effect[id].failed, 0, id);
}

/** The process of the pod whose name ends so. */
function pidOf(pod: string): number {
  const found = demo.pods().findLast(({ name }) => name.endsWith(`-${pod}`));
  if (found === undefined) throw new Error(`${pod}: the demo names no such pod`);
  return found.pid;
}

test("Send the crowd tells what became of 100 sessions", async () => {
  const page = await open();
  await page.press("Send the crowd");
  await page.press("Send the crowd");
  const effect = await page.effect("The crowd came again");
  affinityHeld(effect);
  nothingFailed(effect);
  // A new pod each time, as many visitors as there are.
  ok(effect.plain.moved > CROWD / 2);
  equal(effect.cache.lost, 0);
  match(await page.page.innerText("#effect-status"), /With affinity: 100 pinned\. Without affinity: /);
  deepEqual(page.problems, []);
});

test("Stop moves the sessions of that pod once, and Start brings the pod back", async () => {
  const page = await open();
  await page.press("Send 20");
  const mine = await page.pod("abc");
  const pid = pidOf(mine);
  await page.press(`Stop ${mine}`);
  equal(isRunning(pid), false);
  equal(await page.podState(mine), "stopped");
  const effect = await page.effect(`Stopped ${mine}`);
  ok(effect.abc.moved > 0 && effect.abc.moved < CROWD);
  equal(effect.abc.lost, effect.abc.moved);
  equal(effect.abc.pinned, CROWD - effect.abc.moved);
  nothingFailed(effect);
  equal(effect.cache.lost, 0);

  await page.press("Send 1");
  const other = await page.pod("abc");
  notEqual(other, mine);
  deepEqual(await page.totals("abc"), { new: 1, pinned: 19, moved: 1, lost: 1, failed: 0 });
  equal(await page.count("abc"), "1th");

  await page.press(`Start ${mine}`);
  equal(await page.podState(mine), "ready");
  affinityHeld(await page.effect(`Started ${mine}`));
  await page.press("Send 1");
  equal(await page.pod("abc"), other);
  equal(await page.count("abc"), "2th");
  deepEqual(page.problems, []);
});

test("Drain keeps a pod's visitors and gives it no new ones, until it is taken back", async () => {
  const page = await open();
  await page.press("Send 1");
  const mine = await page.pod("abc");
  await page.press(`Drain ${mine}`);
  equal(await page.podState(mine), "draining");
  const effect = await page.effect(`Drained ${mine}`);
  affinityHeld(effect);
  await page.press("Send 1");
  equal(await page.pod("abc"), mine);
  equal(await page.count("abc"), "2th");
  await page.press("Forget my cookies");
  for (let visitor = 0; visitor < 5; visitor++) {
    await page.press("Send 1");
    notEqual(await page.pod("abc"), mine);
    await page.press("Forget my cookies");
  }
  await page.press(`Take back ${mine}`);
  equal(await page.podState(mine), "ready");
  affinityHeld(await page.effect(`Took back ${mine}`));
  deepEqual(page.problems, []);
});

test("pods are added up to 20 and taken away, and sessions at the others stay", async () => {
  const page = await open();
  const before = await page.pods();
  await page.press("Add one");
  const after = await page.pods();
  deepEqual(after.slice(0, before.length), before);
  equal(after.length, before.length + 1);
  affinityHeld(await page.effect(`Changed from ${before.length} to ${before.length + 1} pods`));

  await page.page.getByLabel("Pods (1 to 20)").fill("20");
  await page.press("Set");
  equal((await page.pods()).length, 20);
  affinityHeld(await page.effect(`Changed from ${before.length + 1} to 20 pods`));
  equal(await page.page.getByRole("button", { name: "Add one" }).getAttribute("aria-disabled"), "true");
  await page.press("Forget my cookies");
  await page.press("Send 20");
  equal([...(await page.counts("plain")).values()].filter((count) => count === 1).length, 20);

  await page.page.getByLabel("Pods (1 to 20)").fill(String(before.length + 1));
  await page.press("Set");
  await page.press("Take one away");
  deepEqual(await page.pods(), before);
  nothingFailed(await page.effect(`Changed from ${before.length + 1} to ${before.length} pods`));
  deepEqual(page.problems, []);
});

test("a number of pods that cannot be is not sent", async () => {
  const page = await open();
  const before = await page.pods();
  await page.page.getByLabel("Pods (1 to 20)").fill("21");
  await page.press("Set");
  deepEqual(await page.pods(), before);
  const isValid = await page.page
    .getByLabel("Pods (1 to 20)")
    .evaluate((input) => (input as HTMLInputElement).validity.valid);
  equal(isValid, false);
  equal(await page.page.innerText("#effect-status"), "Nothing done yet.");
});

test("Restart the gateway costs no session", async () => {
  const page = await open();
  await page.press("Send 20");
  const mine = await page.pod("abc");
  await page.press("Restart the gateway");
  affinityHeld(await page.effect("Restarted the gateway"));
  match(await page.page.innerText("#gateway-fact"), /^Gateway ready, restarted /);
  await page.press("Send 1");
  equal(await page.pod("abc"), mine);
  equal(await page.count("abc"), "21th");
  // The page itself comes through the gateway that was away.
  const unexpected = page.problems.filter((problem) => !/^(net::ERR_\w+|50[23]) \/api\//.test(problem));
  deepEqual(unexpected, []);
});

test("Rotate the key costs no session, and the new key seals", async () => {
  const page = await open();
  await page.press("Send 1");
  const facts = (): Promise<string> => page.page.innerText("#key-fact");
  const affinity = async (): Promise<string | undefined> =>
    (await page.page.context().cookies()).find(({ name }) => name === "affinity")?.value;
  const [, before] = /^Key (\d+) seals/.exec(await facts()) ?? [];
  const cookie = await affinity();
  await page.press("Rotate the key");
  affinityHeld(await page.effect("Rotated the key"));
  match(
    await facts(),
    new RegExp(`^Key ${Number(before) + 1} seals cookies, ${before} still opens them\\.$`),
  );
  await page.press("Send 1");
  equal(await page.count("abc"), "2th");
  notEqual(await affinity(), cookie);
});

test("Stop Redis is told by the host that needs it, and the others go on", async () => {
  const page = await open();
  await page.press("Send 1");
  await page.press("Stop Redis");
  const effect = await page.effect("Stopped Redis");
  affinityHeld(effect);
  equal(effect.plain.failed, 0);
  deepEqual(effect.cache, { new: 0, pinned: 0, moved: 0, lost: 0, failed: CROWD });
  const trouble = page.page.locator("#cache [role=alert]");
  equal(await trouble.innerText(), "Redis is down.");

  await page.press("Send 1");
  equal(
    await trouble.innerText(),
    "503: sessions are out of reach: Redis does not answer; the hosts without it go on",
  );
  deepEqual(await page.totals("cache"), { new: 1, pinned: 0, moved: 0, lost: 0, failed: 1 });
  equal(await page.count("abc"), "2th");
  equal((await page.totals("plain")).failed, 0);
  deepEqual(page.problems, ["503 /cache/"]);

  await page.press("Start Redis");
  equal((await page.effect("Started Redis")).cache.failed, 0);
  await page.press("Send 1");
  equal(await trouble.isHidden(), true);
});

test("what the server refuses is told in its words", async () => {
  const page = await open();
  const error = "pod x: no such thing today; try tomorrow";
  await page.page.route("**/api/pods", (route) =>
    route.fulfill({ status: 409, contentType: "application/json", body: JSON.stringify({ error }) }),
  );
  await page.press("Add one");
  match(await page.page.innerText("#effect-status"), new RegExp(error));
  deepEqual(page.problems, ["409 /api/pods"]);
});
