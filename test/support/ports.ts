import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the ports that Linux (from 32768) and IANA (from 49152) give to outgoing connections: a pod that stops
// and starts again would otherwise find its port taken by one of Envoy's thousands of connections.
const LOWEST = 10_240;
const HIGHEST = 32_767;

const given = new Set<number>();

/** A TCP port of 127.0.0.1 that is free now and was not given out before in this process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
