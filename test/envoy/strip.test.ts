import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "../support/check.ts";
import { http1, http2, http2Headers, http2Session, many, raw, STICKY_HOST } from "../support/client.ts";
import { assertNoTrap, cookieFor, eventCount, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { answerName, Pod } from "../support/pod.ts";
import { connectionManager } from "../support/shape.ts";
import { filterWith, nowSeconds, sealed } from "../support/tokens.ts";

/** A pod that keeps the Cookie lines of its last request as they came. */
class CookiePod {
  lines: string[] = [];
  readonly pod: Pod;

  constructor(pod: Pod) {
    this.pod = pod;
    pod.behaviour = (request, response) => {
      this.lines = request.rawHeaders.filter(
        (_, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === "cookie",
      );
      answerName()(request, response);
    };
  }
}

/** Sends these Cookie lines on HTTP/1.1; returns the name of the pod and how many cookies of ours came back. */
async function sendLines(port: number, lines: readonly string[]): Promise<[pod: string, cookies: number]> {
  const headers = lines.map((line) => `Cookie: ${line}\r\n`).join("");
  const response = await raw(
    port,
    `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: close\r\n${headers}\r\n`,
  );
  const pod = /^x-pod: (.*)\r$/im.exec(response)?.[1] ?? assert.fail(response);
  return [pod, response.match(/^set-cookie: affinity=/gim)?.length ?? 0];
}

// MINE stands for a cookie that opens, VALUE for its value. `at` are the Cookie lines that the pod sees.
const rows: { when: string; sent: string[]; at: string[] }[] = [
  { when: "it stands alone", sent: ["MINE"], at: [] },
  { when: "it stands in front", sent: ["MINE; a=1; b=2"], at: ["a=1; b=2"] },
  { when: "it stands amid others", sent: ["a=1; MINE; b=2"], at: ["a=1; b=2"] },
  { when: "it stands last", sent: ["a=1; b=2; MINE"], at: ["a=1; b=2"] },
  { when: "it is in quotes", sent: ['a="1"; affinity="VALUE"; b=2'], at: ['a="1"; b=2'] },
  { when: "no blanks stand between cookies", sent: ["a=1;MINE;b=2"], at: ["a=1;b=2"] },
  {
    when: "forged ones of its name are beside it",
    sent: ["affinity=forged; a=1; MINE; affinity=; b=2; affinity=x"],
    at: ["a=1; b=2"],
  },
  { when: "others of its name that open are beside it", sent: ["MINE; a=1; OTHER; OTHER"], at: ["a=1"] },
  { when: "there are 30 of its name", sent: [`MINE; ${"affinity=x; ".repeat(29)}a=1`], at: ["a=1"] },
  {
    when: "names begin or end like its own",
    sent: ["affinity2=x; xaffinity=y; Affinity=w; MINE; affinity; affinity-=z"],
    at: ["affinity2=x; xaffinity=y; Affinity=w; affinity; affinity-=z"],
  },
  {
    when: "another's value looks like it",
    sent: ['a="affinity=x; MINE; b=affinity=x'],
    at: ['a="affinity=x; b=affinity=x'],
  },
  {
    when: "others hold equals signs, blanks, quotes and bytes beyond ASCII",
    sent: ['a==1=; b="2 , 3";c=\u00ff\u0080 d; MINE; e={"f":[1]}'],
    at: ['a==1=; b="2 , 3";c=\u00ff\u0080 d; e={"f":[1]}'],
  },
  { when: "others are broken", sent: ["=; ;=x; a; MINE; =b"], at: ["=; ;=x; a; =b"] },
  {
    when: "20 kB of others are beside it",
    sent: [`a=${"x".repeat(20_000)}; MINE`],
    at: [`a=${"x".repeat(20_000)}`],
  },
  {
    when: "it has a line of its own, before others",
    sent: ["MINE", "a=1; b=2", "c=3"],
    at: ["a=1; b=2; c=3"],
  },
  { when: "it has a line of its own, behind another", sent: ["a=1", "MINE"], at: ["a=1"] },
  {
    when: "it stands in the second of three lines",
    sent: ["a=1", "b=2; MINE", "c=3"],
    at: ["a=1; b=2; c=3"],
  },
  { when: "all lines are of its name", sent: ["affinity=forged", "MINE; affinity=", "OTHER"], at: [] },
  {
    when: "50 lines stand before it",
    sent: [...Array.from({ length: 50 }, (_, at) => `c${at}=${at}`), "MINE"],
    at: [Array.from({ length: 50 }, (_, at) => `c${at}=${at}`).join("; ")],
  },
];

test("the pod sees all cookies but ours, byte for byte, whatever lines HTTP/1.1 brings, and the client stays pinned", async () => {
  const pods = (await Pod.startMany(3)).map((pod) => new CookiePod(pod));
  const envoy = await startGateway(
    pods.map(({ pod }) => pod),
    { policy: "strip" },
  );
  for (const { when, sent, at } of rows) {
    for (const [index, { pod }] of pods.entries()) {
      const mine = cookieFor(pod);
      const other = cookieFor(pods[(index + 1) % pods.length]?.pod ?? assert.fail());
      const filled = sent.map((line) =>
        line.replace("MINE", mine).replaceAll("OTHER", other).replace("VALUE", mine.replace("affinity=", "")),
      );
      assert.deepEqual(await sendLines(envoy.port, filled), [pod.name, 0], when);
      assert.deepEqual(pods[index]?.lines, at, when);
    }
  }
  assert.equal(await eventCount(envoy, "resumed", rows.length * pods.length), rows.length * pods.length);
  await assertNoTrap(envoy);
});

test("cookies of a client without ours reach the pod as they came, one line or several", async () => {
  const seen = new CookiePod(await Pod.start("pod"));
  const { port } = await startGateway([seen.pod], { policy: "strip" });
  const lines = ["a=1; b=2;; ;c", "x=affinity; affinity2=y"];
  for (const sent of [[], lines.slice(0, 1), lines, ["affinity", "a=1"]]) {
    assert.deepEqual(await sendLines(port, sent), ["pod", 1]);
    assert.deepEqual(seen.lines, sent);
  }
});

test("a forged cookie of ours does not reach the pod, and its client is a new one", async () => {
  const seen = new CookiePod(await Pod.start("pod"));
  const { port } = await startGateway([seen.pod], { policy: "strip" });
  const foreign = `affinity=${sealed({}, undefined, { scope: "other", sessionName: "affinity" })}`;
  for (const ours of [
    "affinity=forged",
    "affinity=",
    foreign,
    `${foreign}; ${foreign}`,
    "affinity=A".repeat(2000),
  ]) {
    assert.deepEqual(await sendLines(port, [ours]), ["pod", 1]);
    assert.deepEqual(seen.lines, []);
    assert.deepEqual(await sendLines(port, ["a=1", `${ours}; b=2`]), ["pod", 1]);
    assert.deepEqual(seen.lines, ["a=1; b=2"]);
  }
});

test("of HTTP/2 crumbs the pod sees all but ours, and no Cookie header at all when ours was alone", async () => {
  const pods = (await Pod.startMany(3)).map((pod) => new CookiePod(pod));
  const { port } = await startGateway(
    pods.map(({ pod }) => pod),
    { policy: "strip" },
  );
  const session = await http2Session(port);
  const foreign = `affinity=${sealed({}, undefined, { scope: "other", sessionName: "affinity" })}`;
  for (const seen of pods) {
    const mine = cookieFor(seen.pod);
    for (const [crumbs, at] of [
      [[mine], []],
      [[mine, foreign], []],
      [[mine, "a=1", 'b="2"'], ['a=1; b="2"']],
      [["a=1", foreign, mine, "b=2"], ["a=1; b=2"]],
      [["a=1", "b=2", mine], ["a=1; b=2"]],
    ] as const) {
      const stream = session.request({ ...http2Headers({}), cookie: [...crumbs] });
      const [headers] = await once(stream, "response");
      stream.resume();
      assert.deepEqual([headers["x-pod"], headers["set-cookie"]], [seen.pod.name, undefined]);
      assert.deepEqual(seen.lines, at);
    }
  }
});

test("a new client's cookie pins it for all later requests, of which the pod sees no cookie", async () => {
  const pods = await Pod.startMany(5);
  const { port } = await startGateway(pods, { policy: "strip" });
  const session = await http2Session(port);
  for (let client = 0; client < 10; client++) {
    const first = await http1(port);
    const cookie = `affinity=${newCookie(first)}`;
    assert.equal(pinOf(newCookie(first)), pods.find(({ name }) => name === first.body)?.endpoint);
    for (const answer of [
      await http1(port, { cookie }),
      await http2(session, { cookie, method: "POST", body: "x" }),
      await http1(port, { cookie, method: "PUT" }),
    ])
      assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, first.body, []]);
  }
  for (const { headers } of pods.flatMap(({ received }) => received)) assert.equal(headers.cookie, undefined);
});

test("the header that stands in for the cookie in the hash is the filter's: a client's own steers no one", async () => {
  const pods = await Pod.startMany(6);
  const [gone = assert.fail()] = pods;
  const { port } = await startGateway(pods, {
    policy: "strip",
    change: (config) => delete connectionManager(config).early_header_mutation_extensions,
  });
  await gone.stop();
  const headers = { "x-affinity-key": "00000000000000ff" };
  // At random, one of five pods is left out of a hundred requests once in a billion times.
  for (const cookie of ["", "affinity=forged"]) {
    const answers = await many(100, 20, () => http1(port, { headers, cookie }));
    assert.equal(new Set(answers.map(({ body }) => body)).size, 5);
  }
  const moved = await many(40, 20, (index) =>
    http1(port, {
      headers,
      cookie: `affinity=${sealed({ session: BigInt(index + 1), endpoint: gone.endpoint })}`,
    }),
  );
  assert.deepEqual([...new Set(moved.map(({ status }) => status))], [200]);
  assert.ok(new Set(moved.map(({ body }) => body)).size > 1);
});

/** The directives of the answer's Cache-Control, which Envoy joins in one line, and whether it sets our cookie. */
async function caching(port: number, cookie?: string): Promise<[directives: string[], sets: boolean]> {
  const header = cookie === undefined ? "" : `Cookie: ${cookie}\r\n`;
  const request = `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: close\r\n${header}\r\n`;
  const response = await raw(port, request);
  const lines = [...response.matchAll(/^cache-control: (.*)\r$/gim)].map(([, line = ""]) => line);
  return [lines.flatMap((line) => line.split(/ *, */)), /^set-cookie: affinity=/im.test(response)];
}

test("preventCaching: a response that sets the cookie is private, beside what the pod says, and no other one is", async () => {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), pod = assert.fail()] = pods;
  const { port } = await startGateway(pods, { policy: "uncached" });
  await gone.stop();
  for (const own of [[], ["public"], ["no-store"], ["max-age=60", "public"], ["private"]]) {
    pod.behaviour = (request, response) => {
      if (own.length > 0) response.setHeader("Cache-Control", own);
      answerName()(request, response);
    };
    for (const cookie of [undefined, "affinity=forged", cookieFor(gone)])
      assert.deepEqual(await caching(port, cookie), [[...own, "private"], true], own.join());
    assert.deepEqual(await caching(port, cookieFor(pod)), [own, false]);
  }
});

test("preventCaching: a renewed cookie makes its response private too; Envoy's own answer is left as it is", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  const { port } = await startGateway([pod], {
    policy: "uncached",
    filter: filterWith({ preventCaching: true, idleTimeout: "10m" }),
  });
  const seen = nowSeconds() - 61;
  const due = `affinity=${sealed({ issued: seen, seen, endpoint: pod.endpoint })}`;
  assert.deepEqual(await caching(port, due), [["private"], true]);
  assert.deepEqual(await caching(port, cookieFor(pod)), [[], false]);
  await pod.stop();
  for (const cookie of [undefined, due]) assert.deepEqual(await caching(port, cookie), [[], false]);
});

test("as shipped a response that sets the cookie says nothing of caches", async () => {
  const { port } = await startGateway(await Pod.startMany(1));
  assert.deepEqual(await caching(port), [[], true]);
});
