import { randomBytes } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { createApp } from "./app.ts";
import { MemoryStore } from "./memory-store.ts";
import { podName } from "./pod-name.ts";
import { podSettings, type PodSettings } from "./settings.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const IDLE_TIMEOUT = 30 * MINUTE;

const settings = readSettings();
const name = podName(process.env["POD_NAME"], hostname());
const servers: Server[] = [];

process.once("SIGTERM", end);
process.once("SIGINT", end);
// A pod that was forked ends with its parent, however that went; `connected` is false when it went before this line.
process.once("disconnect", end);
if (process.connected === false) end();

const memory = createApp({
  podName: name,
  store: new MemoryStore({ capacity: 50_000, idleTimeout: IDLE_TIMEOUT }),
  secret: randomBytes(32).toString("base64"),
});
const port = await listen(memory, settings.port);
console.log(`${name} listens on port ${port}`);
const cachePort = settings.cache && (await listenWithRedis(settings.cache));
// A parent that asked for any free port (0) is told which it is.
process.send?.({ port, cachePort }, undefined, undefined, () => {});

function readSettings(): PodSettings {
  try {
    return podSettings(process.env);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

async function listenWithRedis({ port, redisUrl, secret }: NonNullable<PodSettings["cache"]>) {
  // Loading the Redis client takes longer than all the rest of a pod's start, and most pods need none.
  const { openRedisStore } = await import("./redis-store.ts");
  const { store, tried } = openRedisStore({
    url: redisUrl,
    idleTimeout: IDLE_TIMEOUT / SECOND,
    say: (line) => console.error(`${name}: ${line}`),
  });
  const app = createApp({
    podName: name,
    store,
    secret,
    outOfReach: "sessions are out of reach: Redis does not answer; the hosts without it go on",
    report: notTwice(console.error),
  });
  // A first visitor who comes before the connection is made would be turned away.
  await tried;
  const bound = await listen(app, port);
  console.log(`${name} listens on port ${bound}, with sessions in Redis`);
  return bound;
}

/** Listens until the process ends; the port that it got. */
function listen(app: RequestListener, port: number): Promise<number> {
  // More than Envoy lets through (60 KiB by default): the gateway decides which request is too large, not each pod.
  const server = createServer({ maxHeaderSize: 80 * 1024 }, app);
  // Longer than Envoy keeps an idle connection (1 h by default), so that a pod never closes one just as it is used.
  server.keepAliveTimeout = 61 * MINUTE;
  server.on("error", (error) => {
    console.error(`${name}: cannot listen: ${error.message}`);
    process.exit(1);
  });
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(port, settings.host, () => resolve((server.address() as AddressInfo).port)),
  );
}

/** Leaves out what was said within the last ten seconds: a hundred visitors who meet no Redis are one line. */
function notTwice(say: (line: string) => void): (line: string) => void {
  const said = new Map<string, number>();
  return (line) => {
    const now = Date.now();
    for (const [former, at] of said) if (at + 10 * SECOND < now) said.delete(former);
    if (said.has(line)) return;
    said.set(line, now);
    say(line);
  };
}

function end(): void {
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
  for (const server of servers) server.closeIdleConnections();
  void Promise.all(closed).then(() => process.exit(0));
  // Requests under way get a moment to finish; who holds a connection for longer does not hold the pod.
  setTimeout(() => process.exit(0), 3 * SECOND).unref();
}
