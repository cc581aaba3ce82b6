import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Controls } from "./controls.ts";
import { sentCookies } from "./cookies.ts";
import { MOST_VISITORS } from "./crowd.ts";
import { jsonBody, requireFields, requireOwnHost, requireSameOrigin, wholeNumber } from "./guard.ts";
import { Refusal } from "./refusal.ts";

const VISITORS = 100;
const MOST_PODS = 20;
// For the gateway to hand on what it has just got.
const HANDED_ON_MS = 100;

// Where the gateway and the application set them on the page's origin. A browser drops a cookie by name and path.
const FORGOTTEN = [
  ["affinity", "/"],
  ...["/", "/abc", "/plain", "/cache"].map((path) => ["connect.sid", path]),
].map(([name, path]) => `${name}=; Path=${path}; Max-Age=0; HttpOnly`);

interface Call {
  controls: Controls;
  /** What the path holds in the place of NAME. */
  name: string;
  body: Record<string, unknown>;
  response: ServerResponse;
}

interface Action {
  path: RegExp;
  /** Answers the call, or returns what the answer is; the state unless it returns something. */
  run(call: Call): Promise<unknown>;
}

const ACTIONS: readonly Action[] = [
  onPod("stop", (controls, name) => controls.stopPod(name)),
  onPod("start", (controls, name) => controls.startPod(name)),
  onPod("drain", (controls, name) => controls.drainPod(name)),
  {
    path: /^\/api\/pods$/,
    run: ({ controls, body }) => controls.setPodCount(wholeNumber(body, "count", MOST_PODS)),
  },
  onGateway(/^\/api\/gateway\/restart$/, (controls, begun) => controls.restartGateway(begun)),
  onGateway(/^\/api\/keys\/rotate$/, (controls, begun) => controls.rotateKeys(begun)),
  plain(/^\/api\/redis\/stop$/, (controls) => controls.stopRedis()),
  plain(/^\/api\/redis\/start$/, (controls) => controls.startRedis()),
  {
    path: /^\/api\/crowd$/,
    run: ({ controls, body }) => controls.visit(wholeNumber(body, "visitors", MOST_VISITORS, VISITORS)),
  },
];

function plain(path: RegExp, run: (controls: Controls, name: string) => Promise<void>): Action {
  return {
    path,
    run: ({ controls, name, body }) => {
      requireFields(body, []);
      return run(controls, name);
    },
  };
}

function onPod(verb: string, run: (controls: Controls, name: string) => Promise<void>): Action {
  return plain(new RegExp(`^/api/pods/([^/]+)/${verb}$`), (controls, name) => {
    if (!controls.hasPod(name)) throw new Refusal(404, "no pod has that name; GET /api/state has them all");
    return run(controls, name);
  });
}

/** What ends the gateway ends the connection that asked for it as well: the answer goes before. */
function onGateway(
  path: RegExp,
  run: (controls: Controls, begun: () => Promise<void>) => Promise<void>,
): Action {
  return {
    path,
    run: ({ controls, body, response }) => {
      requireFields(body, []);
      return run(controls, () => answered(response, 202, controls.state()));
    },
  };
}

/**
 * Answers a request for a path below /api/. Without controls there is a state, which says so, and the cookies.
 *
 * @throws Refusal for who asks wrongly
 */
export async function answerApi(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  controls: Controls | undefined,
): Promise<void> {
  if (controls !== undefined) requireOwnHost(request);
  if (path === "/api/state") {
    requireMethod(request, "GET, HEAD");
    return answer(response, 200, controls?.state() ?? { controls: false, pods: [] });
  }
  if (path === "/api/cookies") {
    requireMethod(request, "GET, HEAD");
    return answer(response, 200, { cookies: sentCookies(request.headers.cookie) });
  }
  if (path === "/api/forget") {
    requireMethod(request, "POST");
    requireSameOrigin(request);
    response.setHeader("Set-Cookie", FORGOTTEN);
    return answer(response, 200, {});
  }
  for (const action of ACTIONS) {
    const match = action.path.exec(path);
    if (match === null) continue;
    requireMethod(request, "POST");
    if (controls === undefined)
      throw new Refusal(403, "there are no controls here: they act on the processes of npm start");
    requireSameOrigin(request);
    const body = await jsonBody(request);
    const result = await action.run({ controls, name: match[1] ?? "", body, response });
    if (!response.headersSent) answer(response, 200, result ?? controls.state());
    return;
  }
  throw new Refusal(404, "not found; there is no such action");
}

/** Answers with JSON. */
export function answer(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
  response.end(`${JSON.stringify(value)}\n`);
}

/** The same, and returns when the client should have it, or is gone. */
async function answered(response: ServerResponse, status: number, value: unknown): Promise<void> {
  const closed = new Promise((resolve) => {
    response.once("finish", resolve);
    response.once("close", resolve);
  });
  if (response.destroyed) return;
  answer(response, status, value);
  await closed;
  await delay(HANDED_ON_MS);
}

function requireMethod({ method = "" }: IncomingMessage, allowed: string): void {
  if (allowed.split(", ").includes(method)) return;
  throw new Refusal(405, `${method}: not allowed here; use ${allowed.split(", ")[0]}`, allowed);
}
