import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "../support/check.ts";
import { http1, http2, http2Session, many, raw, STICKY_HOST, type Answer } from "../support/client.ts";
import {
  assertNoTrap,
  binding,
  cookieFor,
  eventCount,
  key,
  keyOf,
  newCookie,
  pinOf,
  startGateway,
} from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";

// One gateway for most of this: what one cookie does to it, the next would see.
const pods = await Pod.startMany(3);
const envoy = await startGateway(pods);

/** 200 and a cookie that pins to the pod that answered; returns that cookie. */
function assertNewPin(answer: Answer): string {
  assert.equal(answer.status, 200);
  const value = newCookie(answer);
  assert.equal(pinOf(value), pods.find((pod) => pod.name === answer.body)?.endpoint);
  return value;
}

/** The filter lives on: no trap, and a pinned client is still served by its pod without a new cookie. */
async function assertStillPins(): Promise<void> {
  await assertNoTrap(envoy);
  for (const pod of pods) {
    const answer = await http1(envoy.port, { cookie: cookieFor(pod) });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []]);
  }
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

test("every flipped bit of the token's 53 bytes makes the client a new one", async () => {
  const token = Buffer.from(newCookie(await http1(envoy.port)), "base64url");
  assert.equal(token.length, 53);
  const values = new Set<string>();
  await many(token.length * 8, 20, async (bit) => {
    const cookie = `affinity=${flipped(token, bit).toString("base64url")}`;
    values.add(assertNewPin(await http1(envoy.port, { cookie })));
  });
  assert.equal(values.size, 424);
  assert.equal(await eventCount(envoy, "rejected", 424), 424);
  await assertStillPins();
});

test("every flipped bit of the cookie's 71 characters makes the client a new one, where it leaves legal HTTP", async () => {
  const characters = Buffer.from(newCookie(await http1(envoy.port)), "latin1");
  const outcomes = await many(characters.length * 8, 20, async (bit) => {
    const changed = flipped(characters, bit);
    const request = `GET / HTTP/1.1\r\nHost: ${STICKY_HOST}\r\nConnection: close\r\nCookie: affinity=`;
    const response = await raw(envoy.port, `${request}${changed.toString("latin1")}\r\n\r\n`);
    const setCookie = response.match(/^set-cookie: affinity=[\w-]{71};/gim)?.length ?? 0;
    const outcome = `${/^HTTP\/1\.1 (\d+)/.exec(response)?.[1]} with ${setCookie} new cookies`;
    // RFC 9110, section 5.5: control characters in a field are a malformed request, which Envoy may refuse.
    const isHttp = changed.every((byte) => byte >= 0x20 && byte !== 0x7f);
    if (isHttp || outcome !== "400 with 0 new cookies")
      assert.equal(outcome, "200 with 1 new cookies", response);
    return outcome;
  });
  assert.equal(outcomes.length, 568);
  const pinned = outcomes.filter((outcome) => outcome.startsWith("200")).length;
  assert.ok(pinned > 350, `only ${pinned} of the flipped cookies were legal HTTP`);
  await assertStillPins();
});

const POD = { endpoint: "127.0.0.1:1" };
const FOREIGN = randomBytes(32).toString("base64");

const others = {
  "a key that the gateway does not have": () => cookieFor(POD, keyOf(1, randomBytes(32).toString("base64"))),
  "the gateway's key under another id": () => cookieFor(POD, { ...key, id: 2 }),
  "another scope": () => cookieFor(POD, key, { ...binding, scope: "default/session-svc:9081" }),
  "another cookie name": () =>
    cookieFor(POD, key, { ...binding, sessionName: "affinities" }).replace(/^[^=]+/, "affinity"),
  "no value": () => "affinity=",
  "no value and no equals sign": () => "affinity",
  "one character": () => "affinity=A",
  "half a token": () => cookieFor(POD).slice(0, 40),
  "a token cut by one character": () => cookieFor(POD).slice(0, -1),
  "a token with one character more": () => `${cookieFor(POD)}A`,
  "a token with padding": () => `${cookieFor(POD)}=`,
  "a token in the other base64 alphabet": () => `affinity=${"+/".repeat(36).slice(0, 71)}`,
  "blanks within": () => cookieFor(POD).replace(/.{30}$/, " $&"),
  "an address in the clear": () => `affinity=${POD.endpoint}`,
  "an address in base64": () => `affinity=${Buffer.from(POD.endpoint).toString("base64")}`,
  "percent signs": () => "affinity=%00%ff%2e%2e",
  "bytes beyond ASCII": () => `affinity=${"\u00ff\u0080\u00fe".repeat(20)}`,
  "only separators": () => ";;; ; =; ==;;affinity; affinity;=affinity",
  "a value of 40 kB": () => `affinity=${"A".repeat(40_000)}`,
  "a token and then 40 kB": () => `${cookieFor(POD)}${"A".repeat(40_000)}`,
  "800 cookies of our name": () => Array.from({ length: 800 }, (_, at) => `affinity=${at}`).join("; "),
  "600 tokens of another key": () =>
    Array.from({ length: 600 }, () => cookieFor(POD, keyOf(1, FOREIGN))).join("; "),
};

for (const [what, cookie] of Object.entries(others)) {
  test(`a cookie with ${what} gets 200 and a new pin, on HTTP/1.1 and HTTP/2`, async () => {
    const session = await http2Session(envoy.port);
    const value = cookie();
    for (const answer of [
      await http1(envoy.port, { cookie: value }),
      await http2(session, { cookie: value }),
    ]) {
      const pin = assertNewPin(answer);
      const next = await http1(envoy.port, { cookie: `affinity=${pin}` });
      assert.deepEqual([next.status, next.body, next.setCookie], [200, answer.body, []]);
    }
    await assertStillPins();
  });
}

test("a sealed pin to an address where no pod is gets a new pin and never a connection", async () => {
  const stranger = await Pod.start("stranger");
  for (const endpoint of [stranger.endpoint, "127.0.0.1:1", "[::1]:80", "192.0.2.1:9080", "not an address"]) {
    assertNewPin(await http1(envoy.port, { cookie: cookieFor({ endpoint }) }));
  }
  assert.deepEqual(stranger.received, []);
  await assertStillPins();
});

test("random bytes as a token are refused, 2,000 of them", async () => {
  await many(2000, 20, async (index) => {
    const cookie = `affinity=${randomBytes(index % 100).toString("base64url")}`;
    assertNewPin(await http1(envoy.port, { cookie }));
  });
  await assertStillPins();
});
