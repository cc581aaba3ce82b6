import assert from "node:assert/strict";
import { test } from "../support/check.ts";
import { http1, http2Headers, http2Session, raw, STICKY_HOST } from "../support/client.ts";
import { assertNoTrap, cookieFor, keyOf, newCookie, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { randomBytes } from "node:crypto";
import { once } from "node:events";

/** The pod that answers a request with these Cookie lines on HTTP/1.1, and how many cookies it sets. */
async function answerTo(
  port: number,
  lines: string[],
): Promise<[status: string, pod: string, cookies: number]> {
  const headers = lines.map((line) => `Cookie: ${line}\r\n`).join("");
  const response = await raw(
    port,
    `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: close\r\n${headers}\r\n`,
  );
  const status = /^HTTP\/1\.1 (\d+)/.exec(response)?.[1] ?? "none";
  const cookies = response.match(/^set-cookie: affinity=/gim)?.length ?? 0;
  return [status, /^x-pod: (.*)\r$/im.exec(response)?.[1] ?? "none", cookies];
}

const foreign = keyOf(1, randomBytes(32).toString("base64"));
const POD = { endpoint: "127.0.0.1:1" };
const forged = cookieFor(POD, foreign);

// MINE stands for a cookie that opens.
const found: Record<string, string[]> = {
  "it stands alone": ["MINE"],
  "others stand before and behind it": ["a=1; MINE; b=2"],
  "no blanks stand between cookies": ["a=1;MINE;b=2"],
  "it is in quotes": ['a=1; affinity="VALUE"; b=2'],
  "names begin or end like its own": ["affinity2=x; xaffinity=y; affinity-=z; Affinity=w; MINE"],
  "another cookie's value looks like it": ['a="affinity=x; MINE'],
  "others are broken": ["; ;=; a; =b; MINE;;"],
  "a forged one stands before it": [`${forged}; MINE`],
  "three forged ones stand before it": [`${forged}; ${forged}; affinity=; MINE`],
  "it stands in the second Cookie line": ["a=1", "MINE"],
  "it stands in the third Cookie line behind a forged one": ["a=1", forged, "b=2; MINE"],
  "it stands in the first of two lines": ["MINE", "a=1"],
  "another of its name that opens stands behind it": ["MINE", "OTHER"],
  "50 other lines stand before it": [...Array.from({ length: 50 }, (_, at) => `c${at}=${at}`), "MINE"],
  "20 kB of other cookies stand before it": [`a=${"x".repeat(20_000)}; MINE`],
};

for (const [when, lines] of Object.entries(found)) {
  test(`the cookie is found when ${when}`, async () => {
    const pods = await Pod.startMany(4);
    const { port } = await startGateway(pods);
    for (const [index, pod] of pods.entries()) {
      const mine = cookieFor(pod);
      const other = cookieFor(pods[(index + 1) % pods.length] ?? pod);
      const filled = lines.map((line) =>
        line.replace("MINE", mine).replace("OTHER", other).replace("VALUE", mine.replace("affinity=", "")),
      );
      assert.deepEqual(await answerTo(port, filled), ["200", pod.name, 0]);
    }
  });
}

test("of more than four cookies of our name the fifth is not tried", async () => {
  const pods = await Pod.startMany(1);
  const [pod = assert.fail()] = pods;
  const envoy = await startGateway(pods);
  const four = Array<string>(4).fill(forged).join("; ");
  assert.deepEqual(await answerTo(envoy.port, [`${four}; ${cookieFor(pod)}`]), ["200", pod.name, 1]);
  assert.deepEqual(await answerTo(envoy.port, [four, cookieFor(pod)]), ["200", pod.name, 1]);
  await assertNoTrap(envoy);
});

test("HTTP/2 crumbs are one Cookie header: ours is found in any of them", async () => {
  const pods = await Pod.startMany(4);
  const { port } = await startGateway(pods);
  const session = await http2Session(port);
  for (const pod of pods) {
    for (const crumbs of [
      [cookieFor(pod), "a=1", "b=2"],
      ["a=1", cookieFor(pod), "b=2"],
      ["a=1", forged, cookieFor(pod)],
    ]) {
      const stream = session.request({ ...http2Headers({}), cookie: crumbs });
      const [headers] = await once(stream, "response");
      stream.resume();
      assert.deepEqual([headers["x-pod"], headers["set-cookie"]], [pod.name, undefined]);
    }
  }
});

test("the pod gets the client's cookies as they were sent", async () => {
  const pod = await Pod.start("pod");
  const { port } = await startGateway([pod]);
  const cookie = `a=1; ${cookieFor(pod)};b="2"; affinity=x`;
  await http1(port, { cookie });
  assert.equal(pod.last.headers.cookie, cookie);
});

test("the pod's own cookies reach the client beside ours", async () => {
  const pod = await Pod.start("pod");
  const { port } = await startGateway([pod]);
  pod.behaviour = (_request, response) => {
    response.setHeader("set-cookie", ["connect.sid=1; HttpOnly", "theme=dark"]).end("pod");
  };
  const { setCookie } = await http1(port);
  assert.deepEqual(setCookie.slice(0, 2), ["connect.sid=1; HttpOnly", "theme=dark"]);
  newCookie({ status: 200, headers: {}, body: "", setCookie: setCookie.slice(2) });
});
