// `npm start`: ten pods, an Envoy with the affinity filter in front of them, and what to try.
import { once, setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join, relative } from "node:path";
import { Demo } from "./control/demo.ts";
import { RedisSwitch } from "./control/redis-switch.ts";
import { createPageServer } from "./control/server.ts";
import { findEnvoy } from "./envoy.ts";
import { policies, policyFile, type Policy } from "./policies.ts";
import { checkPort } from "./ports.ts";
import { Processes } from "./processes.ts";
import { root } from "./root.ts";
import { readSettings, type Settings } from "./settings.ts";

const processes = new Processes();
const stop = new AbortController();
// Every pod's probe listens to it.
setMaxListeners(0, stop.signal);

function say(line: string): void {
  console.log(line);
}

/** Runs until `stop` aborts, with a signal's name or with an Error, and rejects then. */
async function run(): Promise<void> {
  const started = Date.now();
  const settings = readSettings(process.env, process.argv.slice(2));
  const policy = settings.policy === undefined ? undefined : policies[settings.policy];
  if (!existsSync(join(root, "build/affinity.wasm"))) {
    throw new Error("build/affinity.wasm: not there; the filter must be built first, by npm run build");
  }
  await checkPort(settings.port, "PORT");
  await checkPort(settings.adminPort, "ADMIN_PORT");
  const envoy = await findEnvoy(say, { signal: stop.signal });
  say(`Envoy: ${envoy}`);
  const redis = await RedisSwitch.on({ processes, say, signal: stop.signal });

  if (policy !== undefined)
    say(`policy ${settings.policy}: ${policy.summary}\n  ${policyFile(settings.policy!)}`);
  say(`starting ${settings.pods} pods`);
  const canaryPods = policy?.canary === true ? Math.ceil(settings.pods / 2) : 0;
  const onGatewayEnd = (sentence: string): void => stop.abort(new Error(sentence));
  const { signal } = stop;
  const demo = new Demo({ processes, envoy, settings, canaryPods, redis, say, signal, onGatewayEnd });
  for (const pod of await demo.startPods()) say(`  ${pod.name}  ${pod.address}:${pod.port}  pid ${pod.pid}`);
  stop.signal.throwIfAborted();

  const gateway = await demo.startGateway(await servePage(demo));
  say(`starting the gateway  pid ${gateway.pid}  log ${relative(process.cwd(), gateway.log)}`);
  await demo.untilReady();

  say(`ready: every pod answers at http://127.0.0.1:${settings.port}/ (${Date.now() - started} ms)`);
  say(policy === undefined ? instructions(settings) : policyInstructions(policy, settings));
  if (!stop.signal.aborted) await once(stop.signal, "abort");
  stop.signal.throwIfAborted();
}

/** Serves the page and its controls on a free port of 127.0.0.1, which it returns. */
async function servePage(demo: Demo): Promise<number> {
  const server = createPageServer({ folder: join(root, "demo/page"), controls: demo });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function policyInstructions({ tryOut }: Policy, { port, adminPort }: Settings): string {
  const lines = tryOut.map(
    ({ command, shows }) =>
      `${shows}\n  ${command(`http://127.0.0.1:${port}/`, `http://127.0.0.1:${adminPort}/`)}`,
  );
  const page = `The page, where each host is seen at work\n  http://localhost:${port}/`;
  return ["", ...lines, page, "Ctrl-C ends everything.", ""].join("\n");
}

function instructions({ port, adminPort }: Settings): string {
  const url = `http://127.0.0.1:${port}/`;
  return `
Without affinity (the tutorial's step 6): the second line, four times, meets another pod each time, which says 1th
  curl -c cookie.dat -H 'Host: plain.sample.com' ${url}
  curl -b cookie.dat -H 'Host: plain.sample.com' ${url}
With affinity (step 7): it meets the pod of the first line, which counts 2th to 5th
  curl -c cookie.dat -H 'Host: abc.sample.com' ${url}
  curl -b cookie.dat -H 'Host: abc.sample.com' ${url}
Without affinity, with sessions in Redis: another pod each time, and yet 1th, 2th and so on
  curl -b cookie.dat -c cookie.dat -H 'Host: cache.sample.com' ${url}
The page, where all three are seen at work, with buttons that stop pods and more
  http://localhost:${port}/
In a browser, each host by itself
  http://plain.localhost:${port}/
  http://abc.localhost:${port}/
  http://cache.localhost:${port}/
Envoy's admin page
  http://127.0.0.1:${adminPort}/
End a pod by its pid (kill PID): its visitors move to another, with a new cookie, so let curl keep it:
  curl -b cookie.dat -c cookie.dat -H 'Host: abc.sample.com' ${url}
Ctrl-C ends everything.
`;
}

// A signal is how the demo is meant to end: exit code 0.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => stop.abort(signal));
}
// Who reads our lines may stop reading; that does not end the demo.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
// npm passes signals on, but cannot when it is killed outright: we would be left behind, with another parent.
if (process.env["npm_lifecycle_event"] === "start") {
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm) stop.abort("the end of npm");
  }, 1000).unref();
}

const end: unknown = await run().catch((error: unknown) =>
  stop.signal.aborted ? stop.signal.reason : error,
);
if (end instanceof Error) console.error(end.constructor === Error ? end.message : end.stack);
else say(`ending on ${end}`);
stop.abort(end);
await processes.endAll();
if (!(end instanceof Error)) say("ended: nothing is left running");
process.exit(end instanceof Error ? 1 : 0);
