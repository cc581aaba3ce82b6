import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** The environment variable that says from which ports this process takes its own, `LOWEST-HIGHEST`. */
export const TEST_PORTS = "TEST_PORTS";

// Below the ports that Linux (from 32768) and IANA (from 49152) give to outgoing connections: a pod that stops
// and starts again would otherwise find its port taken by one of Envoy's thousands of connections.
const LOWEST = 10_240;
const HIGHEST = 32_767;

const given = new Set<number>();

/** The ports of one of so many processes that run at a time: none takes a port that another has found free. */
export function portsOf(lane: number, lanes: number): string {
  const each = Math.floor((HIGHEST + 1 - LOWEST) / lanes);
  const lowest = LOWEST + lane * each;
  return `${lowest}-${lowest + each - 1}`;
}

/** A TCP port of 127.0.0.1 that is free now and was not given out before in this process. */
export async function freePort(): Promise<number> {
  const [lowest, highest] = (process.env[TEST_PORTS] ?? portsOf(0, 1)).split("-").map(Number);
  for (;;) {
    const port = randomInt(lowest!, highest! + 1);
    if (given.has(port)) continue;
    // Before it is known to be free: who asks at the same time is not to get it too.
    given.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
