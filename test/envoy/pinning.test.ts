import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeLater, test } from "../support/check.ts";
import { http1, http2, http2Session, keepAlive, many, STICKY_HOST } from "../support/client.ts";
import { newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";

test("a pinned client meets one pod on HTTP/1.1 and gets no second cookie", async () => {
  const pods = await Pod.startMany(10);
  const { port } = await startGateway(pods);
  const first = await http1(port);
  const cookie = `affinity=${newCookie(first)}`;
  const agent = keepAlive(1);
  for (let request = 0; request < 200; request++) {
    const answer = await http1(port, { cookie, ...(request % 2 === 0 ? { agent } : {}) });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, first.body, []]);
  }
});

test("a pinned client meets one pod on HTTP/2 and gets no second cookie", async () => {
  const { port } = await startGateway(await Pod.startMany(10));
  const session = await http2Session(port);
  const first = await http2(session);
  const cookie = `affinity=${newCookie(first)}`;
  for (let request = 0; request < 200; request++) {
    const answer = await http2(session, { cookie });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, first.body, []]);
  }
});

for (const concurrency of [1, 2]) {
  test(`1,000 pinned requests at once meet their pods, with --concurrency ${concurrency}`, async () => {
    const { port } = await startGateway(await Pod.startMany(10), { concurrency });
    const clients = await many(20, 20, async () => {
      const first = await http1(port);
      return { cookie: `affinity=${newCookie(first)}`, pod: first.body };
    });
    const session = await http2Session(port);
    const agent = keepAlive(500);
    const answers = await many(1000, 1000, async (index) => {
      const client = clients[index % clients.length] ?? assert.fail();
      const ask = { cookie: client.cookie };
      const answer = index % 2 === 0 ? await http1(port, { ...ask, agent }) : await http2(session, ask);
      return { answer, client };
    });
    for (const { answer, client } of answers) {
      assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, client.pod, []]);
    }
  });
}

test("visitors without a cookie spread over all pods, about evenly", async () => {
  const { port } = await startGateway(await Pod.startMany(10), { concurrency: 2 });
  const answers = await many(1000, 20, () => http1(port));
  const met = new Map<string, number>();
  for (const { body } of answers) met.set(body, (met.get(body) ?? 0) + 1);
  assert.equal(met.size, 10);
  // 100 each on average with a standard deviation of 9.5: beyond 50 to 150 it is no chance.
  for (const [pod, count] of met) assert.ok(count >= 50 && count <= 150, `${pod} got ${count} of 1000`);
});

test("the cookie is 71 characters, opens to the pod that answered, and differs for every visitor", async () => {
  const pods = await Pod.startMany(10);
  const { port } = await startGateway(pods);
  const values = await many(300, 10, async () => {
    const answer = await http1(port);
    const value = newCookie(answer);
    assert.match(value, /^[A-Za-z0-9_-]{71}$/);
    assert.equal(pinOf(value), pods.find((pod) => pod.name === answer.body)?.endpoint);
    return value;
  });
  assert.equal(new Set(values).size, values.length);
  assert.equal(new Set(values.map((value) => pinOf(value))).size, 10);
});

test("the cookie shows no address, as text, in base64 or in its bytes", async () => {
  const pods = await Pod.startMany(3);
  const { port } = await startGateway(pods);
  for (let visitor = 0; visitor < 30; visitor++) {
    const value = newCookie(await http1(port));
    const bytes = Buffer.from(value, "base64url");
    for (const pod of pods) {
      const text = Buffer.from(pod.endpoint);
      const binary = Buffer.from([127, 0, 0, 1, pod.port >> 8, pod.port & 255]);
      for (const shown of [text, Buffer.from("127.0.0.1"), binary]) assert.equal(bytes.indexOf(shown), -1);
      // The two middle thirds of base64 that do not depend on what stands before.
      for (const shown of ["127.0.0.1", text.toString("base64").slice(0, 12)]) {
        assert.ok(!value.includes(shown), `${value} shows ${shown}`);
      }
    }
  }
});

test("the cookie has the attributes of the shipped configuration on http", async () => {
  const { port } = await startGateway([await Pod.start("pod")]);
  const [line = ""] = (await http1(port)).setCookie;
  assert.equal(line.replace(/=[^;]*/, "=VALUE"), "affinity=VALUE; Path=/; HttpOnly; SameSite=Lax");
});

test("curl with a cookie file meets the pod of its first request", async () => {
  const { port } = await startGateway(await Pod.startMany(10));
  const folder = mkdtempSync(join(tmpdir(), "affinity-curl-"));
  closeLater({ close: () => rmSync(folder, { recursive: true }) });
  const jar = join(folder, "cookie.dat");
  const curl = async (flag: string): Promise<string> => {
    const args = ["--silent", "--show-error", "--fail", flag, jar, "-H", `Host: ${STICKY_HOST}`];
    return (await promisify(execFile)("curl", [...args, `http://127.0.0.1:${port}/`])).stdout;
  };
  const first = await curl("-c");
  assert.match(first, /^pod-\d$/);
  for (let request = 0; request < 4; request++) assert.equal(await curl("-b"), first);
});
