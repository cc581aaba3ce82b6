import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeLater, test, until } from "../support/check.ts";
import { freePort } from "../support/ports.ts";
import { isRunning, NPM_START, readyDemo, startDemo, type Demo } from "./demo.ts";

const exec = promisify(execFile);

/** The tutorial's five requests: `curl -c cookie.dat` once, `curl -b cookie.dat` four times. */
async function fiveRequests({ port }: Demo, host: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "curl-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const curl = async (option: string): Promise<string> => {
    const args = ["--silent", "--show-error", option, "cookie.dat", "-H", `Host: ${host}`];
    return (await exec("curl", [...args, `http://127.0.0.1:${port}/`], { cwd: folder })).stdout;
  };
  const texts = [await curl("-c")];
  for (let again = 0; again < 4; again++) texts.push(await curl("-b"));
  return texts;
}

/** The pod that a text names, once the rest of it is the tutorial's to the letter. */
function podOf(text: string, visit: number): string {
  const pattern = `^Hostname: (session-deployment-55b4fb777f-[bcdfghjklmnpqrstvwxz2456789]{5})<br>\n${visit}th time access\\.\n$`;
  match(text, new RegExp(pattern));
  return new RegExp(pattern).exec(text)![1]!;
}

async function allGone(pids: readonly number[]): Promise<void> {
  await until(`none of ${pids.join(", ")} runs`, () => !pids.some(isRunning));
}

// Those that only visit share it.
const visited = await readyDemo();

test("the tutorial's step 6: without affinity five requests meet different pods, each says 1th", async () => {
  const pods = (await fiveRequests(visited, "plain.sample.com")).map((text) => podOf(text, 1));
  equal(new Set(pods).size, 5, pods.join(" "));
});

test("the tutorial's step 7: with affinity the same five meet one pod and count 1th to 5th", async () => {
  const pods = (await fiveRequests(visited, "abc.sample.com")).map((text, index) => podOf(text, index + 1));
  equal(new Set(pods).size, 1, pods.join(" "));
  ok(
    visited.pods().some((pod) => pod.name === pods[0]),
    "the pod is one that the demo shows",
  );
});

test("the curl lines that it prints come true as they stand, and a browser's names work", async () => {
  const { port, output } = visited;
  const lines = output().match(/^ {2}curl .*$/gm) ?? [];
  equal(lines.length, 6);
  const folder = mkdtempSync(join(tmpdir(), "curl-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const counts: string[] = [];
  for (const line of lines) {
    const { stdout } = await exec("/bin/sh", ["-c", line], { cwd: folder });
    counts.push(/\d+th/.exec(stdout)?.[0] ?? stdout);
  }
  // Without affinity, with affinity, with sessions in Redis, and the last one once more with affinity.
  deepEqual(counts, ["1th", "1th", "1th", "2th", "1th", "3th"]);
  for (const name of ["abc.localhost", "plain.localhost"]) {
    match(output(), new RegExp(`http://${name}:${port}/`));
    const resolve = ["--resolve", `${name}:${port}:127.0.0.1`];
    const { stdout } = await exec("curl", ["--silent", ...resolve, `http://${name}:${port}/`]);
    podOf(stdout, 1);
  }
});

test("it says ready in one line, after ten pods", () => {
  const lines = visited.output().split("\n");
  equal(lines.filter((line) => line.includes("ready")).length, 1, visited.output());
  const names = visited.pods().map((pod) => pod.name);
  equal(new Set(names).size, 10);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} ends all that it started, and it exits with 0`, async () => {
    const demo = await readyDemo({ PODS: "2" });
    const started = demo.descendants();
    for (const pid of [...demo.pods().map((pod) => pod.pid), demo.envoyPid()])
      ok(started.includes(pid), `${pid}`);
    demo.process.kill(signal);
    equal(await demo.ended, 0);
    deepEqual(started.filter(isRunning), []);
    match(demo.output(), new RegExp(`ending on ${signal}\nended: nothing is left running\n$`));
  });
}

test("a signal while it starts ends all that it has started so far", async () => {
  const demo = await startDemo();
  await until(
    "some process was started",
    () => demo.descendants().length > 0 || demo.process.exitCode !== null,
  );
  const started = demo.descendants();
  demo.process.kill("SIGTERM");
  equal(await demo.ended, 0);
  await allGone(started);
});

test("nothing that it started survives when it is killed outright", async () => {
  const demo = await readyDemo({ PODS: "2" });
  const started = demo.descendants();
  ok(started.length >= 6, "two pods, and Envoy and Redis with a watchdog each");
  demo.process.kill("SIGKILL");
  equal(await demo.ended, "SIGKILL");
  await allGone(started);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
  test(`${signal} to npm ends all that npm start has started`, async () => {
    const demo = await readyDemo({ PODS: "2" }, NPM_START);
    const started = demo.descendants();
    ok(started.length >= 7, "the demo itself, two pods, and Envoy and Redis with a watchdog each");
    demo.process.kill(signal);
    equal(await demo.ended, signal === "SIGKILL" ? signal : 0);
    await allGone(started);
  });
}

test("the end of Envoy ends the demo with what its log says", async () => {
  const demo = await readyDemo({ PODS: "2" });
  const started = demo.descendants();
  process.kill(demo.envoyPid(), "SIGKILL");
  equal(await demo.ended, 1);
  match(demo.output(), /^Envoy ended \(.*\); the end of its log .*envoy-\d+-\d+\.log:/m);
  deepEqual(started.filter(isRunning), []);
});

test("a pod that ends is reported, and its visitor is served by another", async () => {
  const demo = await readyDemo({ PODS: "2" });
  const folder = mkdtempSync(join(tmpdir(), "curl-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const visit = async (): Promise<string> => {
    const jar = ["-b", "cookie.dat", "-c", "cookie.dat", "-H", "Host: abc.sample.com"];
    return (await exec("curl", ["--silent", ...jar, `http://127.0.0.1:${demo.port}/`], { cwd: folder }))
      .stdout;
  };
  const first = podOf(await visit(), 1);
  process.kill(demo.pods().find((pod) => pod.name === first)!.pid, "SIGKILL");
  await until("the end is reported", () =>
    demo.output().includes(`pod ${first} ended (signal SIGKILL); the others go on`),
  );
  const second = podOf(await visit(), 1);
  notEqual(second, first);
  equal(podOf(await visit(), 2), second);
  equal(demo.process.exitCode, null);
});

for (const variable of ["PORT", "ADMIN_PORT"]) {
  test(`a busy ${variable} is one clear sentence, before anything is started`, async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    closeLater({ close: () => void server.close() });
    const demo = await startDemo({ [variable]: String(port) });
    equal(await demo.ended, 1);
    equal(
      demo.output(),
      `port ${port} on 127.0.0.1: in use by another program; end that program or choose a free port by ${variable}\n`,
    );
  });
}

test("a bad PORT is one clear sentence", async () => {
  const demo = await startDemo({ PORT: "http" });
  equal(await demo.ended, 1);
  equal(demo.output(), "PORT=http: not a whole number from 1 to 65535\n");
});

test("ENVOY that points nowhere is one clear sentence", async () => {
  const demo = await startDemo({ ENVOY: "/nowhere/envoy" });
  equal(await demo.ended, 1);
  equal(
    demo.output(),
    "ENVOY=/nowhere/envoy: not an executable file; it must be the path of an Envoy, or unset\n",
  );
});
