import { equal, match } from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { closeLater, test } from "../support/check.ts";
import { TELLS_WAITING, WAITED } from "./waiting.ts";

const NAME = "session-deployment-55b4fb777f-4gfq2";

interface Running {
  child: ChildProcess;
  url: string;
  output: () => string;
}

function launch(env: NodeJS.ProcessEnv): { child: ChildProcess; output: () => string } {
  const child = fork(join(root, "build/ts/demo/app/main.js"), {
    env: { ...process.env, HOST: "127.0.0.1", POD_NAME: NAME, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: ["--import", TELLS_WAITING],
  });
  closeLater({ close: () => void child.kill("SIGKILL") });
  let output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return { child, output: () => output };
}

async function start(env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const { child, output } = launch({ PORT: "0", ...env });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, output, url: `http://127.0.0.1:${port}` };
}

/** The exit code. */
async function ended(child: ChildProcess, end: () => void): Promise<number | null> {
  const exit = once(child, "exit");
  end();
  const [code] = (await exit) as [number | null];
  return code;
}

test("the application says its name and port, and nothing else, in production", async () => {
  const { child, url, output } = await start({ NODE_ENV: "production" });
  match(
    await (await fetch(url)).text(),
    /^Hostname: session-deployment-55b4fb777f-4gfq2<br>\n1th time access.\n$/,
  );
  const closed = once(child, "close");
  child.kill("SIGTERM");
  await closed;
  equal(output(), `${NAME} listens on port ${new URL(url).port}\n`);
});

test("a request with a cookie of 40 kB is a visit: what is too large is the gateway's to say", async () => {
  const { url } = await start();
  const answer = await fetch(url, { headers: { cookie: `affinity=${"a".repeat(40_000)}` } });
  equal(answer.status, 200);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends the application at once although a connection is kept alive`, async () => {
    const { child, url } = await start();
    const agent = new Agent({ keepAlive: true });
    closeLater({ close: () => agent.destroy() });
    await new Promise((resolve) =>
      request(url, { agent }, (answer) => answer.resume().on("end", resolve)).end(),
    );
    equal(await ended(child, () => child.kill(signal)), 0);
  });
}

test("a request under way does not hold the end for long", async () => {
  const { child, url } = await start();
  const held = request(url, { method: "GET", headers: { expect: "100-continue", "content-length": 10 } });
  held.on("error", () => {});
  held.flushHeaders();
  await once(held, "continue");
  equal(await ended(child, () => child.kill("SIGTERM")), WAITED);
});

test("the application ends when its parent is gone", async () => {
  const { child } = await start();
  equal(await ended(child, () => child.disconnect()), 0);
});

test("a port that is taken is named", async () => {
  const { url } = await start();
  const { child, output } = launch({ PORT: new URL(url).port });
  const [code] = await once(child, "close");
  equal(code, 1);
  match(output(), /^session-deployment-55b4fb777f-4gfq2: cannot listen: .*EADDRINUSE/);
});

for (const port of ["http", "-1", "65536", "80.5"]) {
  test(`PORT=${port} is refused with one sentence`, async () => {
    const { child, output } = launch({ PORT: port });
    const [code] = await once(child, "close");
    equal(code, 1);
    equal(output(), `PORT=${port}: not a port; it must be a whole number from 0 to 65535\n`);
  });
}
