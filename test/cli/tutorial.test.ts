import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";
import { CookieJar } from "../../cli/cookie-jar.ts";
import { readWhere, urlOf } from "../../cli/tutorial/settings.ts";
import { closeLater, test } from "../support/check.ts";
import { freePort } from "../support/ports.ts";
import { readyDemo } from "./demo.ts";

const PROGRAM = join(root, "build/ts/cli/tutorial.js");
const HOSTS = ["plain.sample.com", "abc.sample.com", "cache.sample.com"];

/** Runs the tutorial on a port of 127.0.0.1. */
function tutorial(port: number, args: string[] = []): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, PORT: String(port) };
  return run(process.execPath, [PROGRAM, ...args], { env, timeout: 60_000 });
}

interface Visit {
  pod: string;
  count: number;
}
/** The n-th request of all (from 0) to a host; `cookie` as it was sent. */
type Behaviour = (index: number, cookie: string | undefined) => Visit | { status: number; text: string };

/** How the three hosts behave in a demo that is as it should be: each of the five requests of a step. */
const right: Record<string, Behaviour> = {
  "plain.sample.com": (index) => ({ pod: `pod-${index % 10}`, count: 1 }),
  "abc.sample.com": (index) => ({ pod: "pod-3", count: index + 1 }),
  "cache.sample.com": (index) => ({ pod: `pod-${index % 2}`, count: index + 1 }),
};

interface Standin {
  port: number;
  /** The Cookie headers of the requests to each host. */
  cookies: Record<string, (string | undefined)[]>;
}

/** A server in the demo's place, with other behaviour at some hosts. */
async function standin(behaviour: Record<string, Behaviour> = {}): Promise<Standin> {
  const cookies: Record<string, (string | undefined)[]> = {};
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (request.url === "/healthz") return void response.end("pod\n");
    const host = request.headers.host ?? "";
    const seen = (cookies[host] ??= []);
    const said = (behaviour[host] ?? right[host]!)(seen.length, request.headers.cookie);
    seen.push(request.headers.cookie);
    // A new value each time, which `curl -b` does not keep.
    response.setHeader("Set-Cookie", [`sid=${seen.length}; Path=/`, "other=place; Path=/else"]);
    if ("status" in said) response.writeHead(said.status).end(said.text);
    else response.end(`Hostname: ${said.pod}<br>\n${said.count}th time access.\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeLater({ close: () => void server.close() });
  return { port: (server.address() as AddressInfo).port, cookies };
}

test("on the real demo all three transcripts come true, with curl lines and answers to the letter", async () => {
  const demo = await readyDemo();
  const { code, output } = await tutorial(demo.port);
  equal(code, 0, output);
  const transcript = new RegExp(
    `^\\$ curl -([cb]) cookie\\.dat -H 'Host: (\\S+)' http://127\\.0\\.0\\.1:${demo.port}/\\n` +
      "Hostname: (session-deployment-55b4fb777f-[bcdfghjklmnpqrstvwxz2456789]{5})<br>\\n(\\d)th time access\\.\\n",
    "gm",
  );
  const told = Array.from(output.matchAll(transcript), ([, option, host, pod, count]) => ({
    option,
    host,
    pod,
    count,
  }));
  for (const host of HOSTS) {
    const all = told.filter((one) => one.host === host);
    // A repetition is allowed where chance rules.
    const last = all.slice(-5);
    ok(host === "abc.sample.com" ? all.length === 5 : all.length === 5 || all.length === 10, output);
    equal(last.map(({ option }) => option).join(""), "cbbbb");
    equal(last.map(({ count }) => count).join(""), host === "plain.sample.com" ? "11111" : "12345");
    const met = new Set(last.map(({ pod }) => pod)).size;
    if (host === "plain.sample.com") equal(met, 5);
    else if (host === "abc.sample.com") equal(met, 1);
    else ok(met > 1);
  }
  match(output, /\n3 of 3 came true\n$/);
});

test("each step is told in order, and why it came true", async () => {
  const { port } = await standin();
  const { code, output } = await tutorial(port);
  equal(code, 0, output);
  const lines = Array.from(output.matchAll(/^(?:With.*|Five requests .*)$/gm), ([line]) => line);
  deepEqual(
    lines.map((line) => line.split(/:| met| pods/)[0]),
    [
      "Without affinity",
      "Five requests with one cookie file",
      "With affinity",
      "Five requests with one cookie file",
      "With an external cache",
      "Five requests with one cookie file",
    ],
  );
});

test("the cookies of a step's first answer go with its other four requests, and with no other step's", async () => {
  const { port, cookies } = await standin();
  await tutorial(port);
  for (const host of HOSTS) deepEqual(cookies[host], [undefined, "sid=1", "sid=1", "sid=1", "sid=1"], host);
});

test("without affinity a visitor who comes back by chance is asked once more, and only once", async () => {
  const once = await standin({
    "plain.sample.com": (index) => {
      // The first pod comes back at the third request, and remembers.
      if (index < 5) return index === 2 ? { pod: "pod-0", count: 2 } : { pod: `pod-${index}`, count: 1 };
      return right["plain.sample.com"]!(index, undefined);
    },
  });
  const good = await tutorial(once.port);
  equal(good.code, 0, good.output);
  match(good.output, /^That can happen by chance: pod-0 1th, pod-1 1th, pod-0 2th, pod-3 1th, pod-4 1th\.$/m);
  equal(once.cookies["plain.sample.com"]!.length, 10);
  equal(once.cookies["plain.sample.com"]![5], undefined, "with a new cookie file");

  const twice = await standin({
    "plain.sample.com": (index) => ({ pod: index % 5 === 4 ? "pod-1" : `pod-${index % 5}`, count: 1 }),
  });
  const bad = await tutorial(twice.port);
  equal(bad.code, 1, bad.output);
  equal(twice.cookies["plain.sample.com"]!.length, 10);
  match(bad.output, /^ {2}expected: 5 different pods, each 1th/m);
  match(bad.output, /^ {2}received: pod-0 1th, pod-1 1th, pod-2 1th, pod-3 1th, pod-1 1th$/m);
  match(bad.output, /^2 of 3 came true$/m);
});

test("with an external cache five times the same pod is chance, which is asked once more", async () => {
  const { port, cookies } = await standin({
    "cache.sample.com": (index) => ({ pod: index < 5 ? "pod-7" : `pod-${index}`, count: (index % 5) + 1 }),
  });
  const { code, output } = await tutorial(port);
  equal(code, 0, output);
  equal(cookies["cache.sample.com"]!.length, 10);
  match(output, /met 5 different pods at random/);
});

const broken: [what: string, host: string, behaviour: Behaviour, received: RegExp][] = [
  [
    "affinity where there should be none",
    "plain.sample.com",
    right["abc.sample.com"]!,
    /^ {2}received: pod-3 1th, pod-3 2th, pod-3 3th, pod-3 4th, pod-3 5th$/m,
  ],
  [
    "a session shared where there should be none",
    "plain.sample.com",
    (index) => ({ pod: `pod-${index}`, count: index + 1 }),
    /^ {2}received: pod-0 1th, pod-1 2th, /m,
  ],
  [
    "a client moved in spite of affinity",
    "abc.sample.com",
    (index) => (index === 4 ? { pod: "pod-8", count: 1 } : { pod: "pod-3", count: index + 1 }),
    /^ {2}received: .*pod-3 4th, pod-8 1th$/m,
  ],
  [
    "a session lost in spite of affinity",
    "abc.sample.com",
    () => ({ pod: "pod-3", count: 1 }),
    /^ {2}received: pod-3 1th, pod-3 1th, /m,
  ],
  [
    "sessions in the pods in spite of the cache",
    "cache.sample.com",
    (index) => ({ pod: `pod-${index}`, count: 1 }),
    /^ {2}received: pod-0 1th, pod-1 1th, /m,
  ],
  [
    "a cache that is down",
    "cache.sample.com",
    () => ({ status: 503, text: "sessions are out of reach: Redis does not answer\n" }),
    /^ {2}received: status 503, "sessions are out of reach: Redis does not answer\\n"$/m,
  ],
  [
    "an answer that ends too early",
    "abc.sample.com",
    () => ({ status: 200, text: "Hostname: pod-3<br>\n1th time access." }),
    /^ {2}received: status 200, "Hostname: pod-3<br>\\n1th time access\."$/m,
  ],
  [
    "an answer with more than the tutorial's",
    "abc.sample.com",
    () => ({ status: 200, text: "Hostname: pod-3<br>\n1th time access.\n\n" }),
    /^ {2}received: status 200, "Hostname: pod-3<br>\\n1th time access\.\\n\\n"$/m,
  ],
  [
    "the right text with a wrong status",
    "abc.sample.com",
    () => ({ status: 500, text: "Hostname: pod-3<br>\n1th time access.\n" }),
    /^ {2}received: status 500, /m,
  ],
];

for (const [what, host, behaviour, received] of broken) {
  test(`${what}: exit code 1, what was expected, what was received, and the other steps`, async () => {
    const { port, cookies } = await standin({ [host]: behaviour });
    const { code, output } = await tutorial(port);
    equal(code, 1, output);
    match(output, /^Did not come true\.\n {2}expected: .+\n {2}received: .+$/m);
    match(output, received);
    match(output, /^2 of 3 came true$/m);
    ok(cookies[host]!.length <= 5, "no second try: chance does not explain it");
  });
}

test("where nothing answers it says so in one sentence first, and exits with 1", async () => {
  const port = await freePort();
  const { code, output } = await tutorial(port);
  equal(code, 1);
  equal(
    output,
    `http://127.0.0.1:${port}/: nothing answers (ECONNREFUSED); start the demo by npm start, or docker-compose up -d, or say by --port and --host where it is\n`,
  );
});

test("--port and --host say where the demo is, PORT unless --port does, else the tutorial's 32209", async () => {
  deepEqual(readWhere({}, []), { host: "127.0.0.1", port: 32209 });
  deepEqual(readWhere({ PORT: "" }, []), { host: "127.0.0.1", port: 32209 });
  deepEqual(readWhere({ PORT: "8000" }, ["--host", "node.example"]), { host: "node.example", port: 8000 });
  deepEqual(readWhere({ PORT: "8000" }, ["--port=81", "--host=::1"]), { host: "::1", port: 81 });
  equal(urlOf({ host: "::1", port: 81 }), "http://[::1]:81/");
  const { port } = await standin();
  const nowhere = await freePort();
  const { code, output } = await tutorial(nowhere, ["--port", String(port), "--host", "localhost"]);
  equal(code, 0, output);
  match(output, new RegExp(`^The tutorial's transcripts at http://localhost:${port}/$`, "m"));
});

for (const [args, sentence] of [
  [["--port", "http"], "--port http: not a whole number from 1 to 65535\n"],
  [["--port", "65536"], "--port 65536: not a whole number from 1 to 65535\n"],
  [["--host", "http://a/"], "--host http://a/: not a host's name or IP address, such as 127.0.0.1 or ::1\n"],
  [
    ["--hots", "a"],
    "--hots a: not options of the tutorial; use --port NUMBER (or PORT in the environment) and --host NAME, or none\n",
  ],
] as const) {
  test(`${args.join(" ")} is refused in one sentence`, async () => {
    deepEqual(await tutorial(1, [...args]).then(({ code, output }) => [code, output]), [1, sentence]);
  });
}

// RFC 6265, section 5: [Set-Cookie lines of abc.sample.com/a/b, host and path asked, what goes with it]
const jars: [lines: string[], host: string, path: string, header: string | undefined][] = [
  [["a=1; Path=/", "b=2; Path=/"], "abc.sample.com", "/", "a=1; b=2"],
  [["a=1; Path=/"], "ABC.sample.com", "/x", "a=1"],
  [["a=1; Path=/"], "plain.sample.com", "/", undefined],
  [["a=1; Path=/; Domain=sample.com"], "plain.sample.com", "/", "a=1"],
  [["a=1; Path=/; Domain=.SAMPLE.com"], "sample.com", "/", "a=1"],
  [["a=1; Path=/; Domain=plain.sample.com"], "plain.sample.com", "/", undefined],
  [["a=1; Path=/; Domain=ample.com"], "abc.sample.com", "/", undefined],
  [["a=1; Path=/a"], "abc.sample.com", "/a/b", "a=1"],
  [["a=1; Path=/a"], "abc.sample.com", "/ab", undefined],
  [["a=1"], "abc.sample.com", "/a/c", "a=1"],
  [["a=1"], "abc.sample.com", "/b", undefined],
  [["a=1; Path=/", "b=2; Path=/a/"], "abc.sample.com", "/a/b", "b=2; a=1"],
  [["a=1; Path=/; HttpOnly; SameSite=Lax", "a=2; Path=/"], "abc.sample.com", "/", "a=2"],
  [["a=1; Path=/", "a=; Path=/; Max-Age=0"], "abc.sample.com", "/", undefined],
  [["a=1; Path=/", "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "abc.sample.com", "/", undefined],
  [["a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60"], "abc.sample.com", "/", "a=1"],
  [["a=1; Path=/; Secure"], "abc.sample.com", "/", undefined],
  [["a=b=c; Path=/", "d=; Path=/", "=e; Path=/", "f"], "abc.sample.com", "/", "a=b=c; d="],
];

test("the cookie file keeps and gives back cookies as RFC 6265 has it, over http", () => {
  for (const [lines, host, path, header] of jars) {
    const jar = new CookieJar();
    jar.keep(lines, "abc.sample.com", "/a/b");
    equal(jar.header(host, path), header, `${JSON.stringify(lines)} for ${host}${path}`);
  }
});
