// `npm start`: ten pods, an Envoy with the affinity filter in front of them, and what to try.
import { once, setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { findEnvoy } from "./envoy.ts";
import { startGateway } from "./gateway-process.ts";
import { podNames, startPod, type Pod } from "./pods.ts";
import { policies, policyFile, type Policy } from "./policies.ts";
import { checkPort } from "./ports.ts";
import { everyPodAnswers } from "./probe.ts";
import { howEnded, Processes } from "./processes.ts";
import { root } from "./root.ts";
import { readSettings, type Settings } from "./settings.ts";

// The Deployment of the canary's pods, as the tutorial's names go.
const CANARY_REPLICA_SET = "session-canary-6d4cf56db6";

const processes = new Processes();
const stop = new AbortController();
// Every pod's probe listens to it.
setMaxListeners(0, stop.signal);

function say(line: string): void {
  console.log(line);
}

/** Runs until `stop` aborts, with a signal's name or with an Error, and rejects then. */
async function demo(): Promise<void> {
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

  if (policy !== undefined)
    say(`policy ${settings.policy}: ${policy.summary}\n  ${policyFile(settings.policy!)}`);
  say(`starting ${settings.pods} pods`);
  const pods = await startPods(settings.pods);
  const canaryPods =
    policy?.canary === true ? await startPods(Math.ceil(settings.pods / 2), CANARY_REPLICA_SET) : [];
  for (const pod of [...pods, ...canaryPods]) {
    say(`  ${pod.name}  ${pod.address}:${pod.port}  pid ${pod.pid}`);
    pod.onEnd((code, signal) => {
      if (!stop.signal.aborted) say(`pod ${pod.name} ended (${howEnded(code, signal)}); the others go on`);
    });
  }
  stop.signal.throwIfAborted();

  const gateway = await startGateway(processes, envoy, settings, pods, canaryPods);
  gateway.onEnd((sentence) => stop.abort(new Error(sentence)));
  say(`starting the gateway  pid ${gateway.pid}  log ${relative(process.cwd(), gateway.log)}`);
  await everyPodAnswers(pods, settings, stop.signal);

  say(`ready: every pod answers at http://127.0.0.1:${settings.port}/ (${Date.now() - started} ms)`);
  say(policy === undefined ? instructions(settings) : policyInstructions(policy, settings));
  if (!stop.signal.aborted) await once(stop.signal, "abort");
  stop.signal.throwIfAborted();
}

function startPods(count: number, replicaSet?: string): Promise<Pod[]> {
  return Promise.all(podNames(count, replicaSet).map((name) => startPod(processes, name)));
}

function policyInstructions({ tryOut }: Policy, { port, adminPort }: Settings): string {
  const lines = tryOut.map(
    ({ command, shows }) =>
      `${shows}\n  ${command(`http://127.0.0.1:${port}/`, `http://127.0.0.1:${adminPort}/`)}`,
  );
  return ["", ...lines, "Ctrl-C ends everything.", ""].join("\n");
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
In a browser
  http://plain.localhost:${port}/
  http://abc.localhost:${port}/
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

const end: unknown = await demo().catch((error: unknown) =>
  stop.signal.aborted ? stop.signal.reason : error,
);
if (end instanceof Error) console.error(end.constructor === Error ? end.message : end.stack);
else say(`ending on ${end}`);
stop.abort(end);
await processes.endAll();
if (!(end instanceof Error)) say("ended: nothing is left running");
process.exit(end instanceof Error ? 1 : 0);
