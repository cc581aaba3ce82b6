import { get, post, Unreachable } from "./api.js";
import { Controls } from "./controls.js";
import { fromTemplate, isAble, setAble, setText } from "./dom.js";
import { Effects } from "./effects.js";
import { Panel } from "./panel.js";
import { Visitor } from "./visitor.js";

const POLL_MS = 2000;
const AWAY_POLL_MS = 250;
// A gateway starts within a second or two; on a busy machine it may take longer.
const AWAY_MS = 30_000;
const CROWD = 100;

const hosts = [
  {
    id: "abc",
    title: "With affinity",
    summary: "The gateway's sealed cookie brings you back to your pod, which counts on.",
  },
  {
    id: "plain",
    title: "Without affinity",
    summary: "Any pod may answer, and knows nothing of what you did at the others.",
  },
  {
    id: "cache",
    title: "External cache",
    summary: "Any pod may answer, and counts on: your session lives in Redis, outside of the pods.",
  },
];

// Until the server has told: neither with controls nor without.
let state = { controls: undefined, pods: [] };
let controls;
let effects;
// The crowd must have been there before, or an action would find newcomers only.
let hasCrowdBeen = false;
let isRendering = false;
let isAway = false;

const visitStatus = document.getElementById("visit-status");
const visitButtons = Array.from(document.querySelectorAll("#visit-buttons button"));

const port = location.port === "" ? "" : `:${location.port}`;
const panels = hosts.map((host) => {
  const link = `${location.protocol}//${host.id}.localhost${port}/`;
  const panel = new Panel({ ...host, link });
  document.getElementById("hosts").append(panel.root);
  return { panel, visitor: new Visitor(`/${host.id}/`, render) };
});

/** Once for all that changes before the next frame. */
function render() {
  if (isRendering) return;
  isRendering = true;
  requestAnimationFrame(() => {
    isRendering = false;
    const pods = knownPods();
    for (const { panel, visitor } of panels) panel.update(visitor, pods, troubleOf(panel.id));
  });
}

/** In the server's order where it tells it, else in the order in which they first answered here. */
function knownPods() {
  if (state.controls) return state.pods;
  const pods = new Map();
  for (const { visitor } of panels)
    for (const name of visitor.byPod.keys()) pods.set(name, { name, state: "ready" });
  return [...pods.values()];
}

function troubleOf(id) {
  return id === "cache" && state.redis?.state === "down" ? "Redis is down." : "";
}

// Answers may overtake each other; what an older question got is no news.
let lastAsked = 0;
let lastTaken = 0;

async function refreshState() {
  const number = ++lastAsked;
  const answer = await get("/api/state");
  if (number < lastTaken) return;
  lastTaken = number;
  take(answer);
}

function take(newState) {
  if (isAway) setText(visitStatus, "The gateway answers again.");
  isAway = false;
  state = newState;
  const workshop = document.getElementById("workshop");
  if (state.controls && controls === undefined) showControls(workshop);
  else if (!state.controls && workshop.childElementCount === 0)
    workshop.append(fromTemplate("no-controls-template"));
  controls?.update(state);
  render();
}

function showControls(workshop) {
  workshop.replaceChildren(fromTemplate("controls-template"));
  effects = new Effects(hosts);
  controls = new Controls((action) => void act(action));
}

/** One action, and what it did to the crowd's sessions. */
async function act({ doing, done, path, body, restarts }) {
  controls.setBusy(true);
  begin();
  try {
    if (path !== undefined) {
      if (!hasCrowdBeen) {
        effects.say("A crowd of newcomers comes first");
        await crowd();
      }
      effects.say(`${doing}…`);
      if (restarts) await restarted(path);
      else await post(path, body);
      await refreshState();
    }
    effects.say(`${done ?? doing}: the crowd is on its way…`);
    effects.add(done, await crowd());
  } catch (error) {
    effects.say(`${doing || done}: ${error.message}`, true);
  } finally {
    await refreshState().catch(showAway);
    controls.setBusy(false);
    end();
  }
}

async function crowd() {
  const report = await post("/api/crowd", { visitors: CROWD });
  hasCrowdBeen = true;
  return report;
}

/** The answer comes through the gateway that goes away: that it has been away, the state tells. */
async function restarted(path) {
  const { restarts } = state.gateway;
  await post(path).catch((error) => {
    if (!(error instanceof Unreachable)) throw error;
  });
  const deadline = Date.now() + AWAY_MS;
  for (;;) {
    await refreshState().catch(showAway);
    if (state.gateway.restarts > restarts && state.gateway.state === "ready") return;
    if (Date.now() > deadline) throw new Error(`the gateway is not back within ${AWAY_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, AWAY_POLL_MS));
  }
}

function showAway(error) {
  isAway = true;
  setText(visitStatus, `${error.message}; this page tries again.`);
}

/** What a button of the visitor's does; no other begins meanwhile. */
async function visitorAction(doing, done, action) {
  for (const button of visitButtons) setAble(button, false);
  begin();
  setText(visitStatus, doing);
  try {
    await action();
    setText(visitStatus, done());
    await showCookies();
  } catch (error) {
    setText(visitStatus, `${doing} ${error.message}`);
  } finally {
    for (const button of visitButtons) setAble(button, true);
    end();
  }
}

let underWay = 0;

function begin() {
  if (++underWay === 1) document.querySelector("main").setAttribute("aria-busy", "true");
}

/** With the next frame, which shows the last of what came. */
function end() {
  requestAnimationFrame(() => {
    if (--underWay === 0) document.querySelector("main").removeAttribute("aria-busy");
  });
}

async function showCookies() {
  await Promise.all(
    panels.map(async ({ panel }) => panel.cookies((await get(`/${panel.id}/cookies`)).cookies)),
  );
}

for (const button of visitButtons) {
  button.addEventListener("click", () => {
    if (!isAble(button)) return;
    const count = Number(button.dataset.send);
    if (Number.isNaN(count)) {
      void visitorAction(
        "Forgetting your cookies…",
        () => "Your cookies are gone: you are new everywhere.",
        forget,
      );
      return;
    }
    const to = `${count} to each of the three hosts`;
    const before = panels.map(({ visitor }) => visitor.totals.failed);
    void visitorAction(
      `Sending ${to}…`,
      () => `Sent ${to}${failures(before)}.`,
      () => Promise.all(panels.map(({ visitor }) => visitor.send(count))),
    );
  });
}

function failures(before) {
  const failed = panels.reduce((sum, { visitor }, index) => sum + visitor.totals.failed - before[index], 0);
  return failed === 0 ? "" : `, ${failed} failed`;
}

async function forget() {
  await post("/api/forget");
  for (const { visitor } of panels) visitor.forget();
}

/** Polls while somebody looks, and only where something can change without this page. */
function poll() {
  if (document.visibilityState === "visible") void refreshState().catch(showAway);
}

await refreshState().catch(showAway);
await showCookies().catch(showAway);
setInterval(() => state.controls !== false && poll(), POLL_MS);
document.addEventListener("visibilitychange", poll);
document.documentElement.dataset.ready = "";
