import { equal, match, ok } from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { closeLater, test, until } from "../support/check.ts";
import { isRunning } from "./demo.ts";

interface Watched {
  watchdog: ChildProcess;
  /** Of the program's process. */
  pid: number;
  output: () => string;
  /** The watchdog's exit code, once all that was written has been read. */
  ended: Promise<number | null>;
}

/** A watchdog over a Node program that has said that it runs. */
async function watch(source: string): Promise<Watched> {
  const watchdog = launch([process.execPath, "-e", `${source}; console.log("running")`]);
  // From the beginning: the program may end before the rest is known. Not "close", which never comes after disconnect().
  const ended = Promise.all([once(watchdog, "exit"), once(watchdog.stdout!, "end")]).then(
    ([[code]]) => code as number | null,
  );
  let output = "";
  watchdog.stdout!.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [{ pid }] = (await once(watchdog, "message")) as [{ pid: number }];
  await until("the program runs", () => output.includes("running"));
  return { watchdog, pid, output: () => output, ended };
}

function launch(args: string[]): ChildProcess {
  const watchdog = fork(join(root, "build/ts/cli/watchdog.js"), args, {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: [],
  });
  closeLater({ close: () => void watchdog.kill("SIGTERM") });
  return watchdog;
}

const WAITS = "setInterval(() => {}, 1000)";
const IGNORES_SIGTERM = `process.on("SIGTERM", () => console.log("ignored")); ${WAITS}`;

test("the watchdog ends its program when its parent is gone", async () => {
  const { watchdog, pid, ended } = await watch(WAITS);
  ok(isRunning(pid));
  watchdog.disconnect();
  await ended;
  equal(isRunning(pid), false);
});

test("the watchdog ends a program that ignores SIGTERM by force", async () => {
  const { watchdog, pid, output, ended } = await watch(IGNORES_SIGTERM);
  watchdog.kill("SIGTERM");
  await ended;
  equal(isRunning(pid), false);
  match(output(), /ignored/, "it was asked first");
});

test("the watchdog ends with its program's exit code", async () => {
  const { ended } = await watch("setTimeout(() => process.exit(7), 100)");
  equal(await ended, 7);
});

test("a program that does not exist is named", async () => {
  const watchdog = launch(["/nowhere/envoy"]);
  let output = "";
  watchdog.stderr!.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = await once(watchdog, "close");
  equal(code, 127);
  match(output, /^\/nowhere\/envoy: cannot be run: /);
});
