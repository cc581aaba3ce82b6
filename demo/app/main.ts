import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { createApp } from "./app.ts";
import { MemoryStore } from "./memory-store.ts";
import { podName } from "./pod-name.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const port = Number(process.env["PORT"] || 9080);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`PORT=${process.env["PORT"]}: not a port; it must be a whole number from 0 to 65535`);
  process.exit(1);
}

const name = podName(process.env["POD_NAME"], hostname());
const app = createApp({
  podName: name,
  store: new MemoryStore({ capacity: 50_000, idleTimeout: 30 * MINUTE }),
  secret: randomBytes(32).toString("base64"),
});

// More than Envoy lets through (60 KiB by default): the gateway decides which request is too large, not each pod.
const server = createServer({ maxHeaderSize: 80 * 1024 }, app);
// Longer than Envoy keeps an idle connection (1 h by default), so that a pod never closes one just as it is used.
server.keepAliveTimeout = 61 * MINUTE;
server.on("error", (error) => {
  console.error(`${name}: cannot listen: ${error.message}`);
  process.exit(1);
});
server.listen(port, process.env["HOST"] || undefined, () => {
  const bound = (server.address() as AddressInfo).port;
  console.log(`${name} listens on port ${bound}`);
  // A parent that asked for any free port (PORT=0) is told which it is.
  process.send?.({ port: bound }, undefined, undefined, () => {});
});

function end(): void {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // Requests under way get a moment to finish; who holds a connection for longer does not hold the pod.
  setTimeout(() => process.exit(0), 3 * SECOND).unref();
}

process.once("SIGTERM", end);
process.once("SIGINT", end);
// A pod that was forked ends with its parent, however that went; `connected` is false when it went before this line.
process.once("disconnect", end);
if (process.connected === false) end();
