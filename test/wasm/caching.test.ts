import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, KEY, NOW, OTHER_POD, POD, sampleKey, sampleRoot, sampleToken } from "./sample.ts";
import { visit, type VisitOptions } from "./visit.ts";

const OLD_KEY = sampleKey(7);
const POLICY = {
  preventCaching: true,
  absoluteTimeout: "1h",
  cluster: { names: ["session-svc"] },
  keys: [KEY, OLD_KEY].map((key) => ({ id: key.id, secret: base64(key) })),
};
const PINNED = `affinity=${sampleToken(POD)}`;

const setting: [what: string, options: VisitOptions][] = [
  ["a newcomer's", { host: POD }],
  ["a bad cookie's", { cookie: "affinity=bad", host: POD }],
  [
    "one of a session that is over",
    { cookie: `affinity=${sampleToken(POD, { issued: NOW - 3600 })}`, host: POD },
  ],
  ["one of another pod", { cookie: PINNED, host: OTHER_POD }],
  ["a renewal's", { cookie: `affinity=${sampleToken(POD, { key: OLD_KEY })}`, host: POD }],
  ["one that lets go of a cluster", { cookie: PINNED, details: "no_healthy_upstream" }],
];

const silent: [what: string, options: VisitOptions][] = [
  ["a pinned client's", { cookie: PINNED, host: POD }],
  ["a reply of Envoy's own", { details: "direct_response" }],
  ["one of a pod that no token can carry", { host: "s".repeat(256) }],
];

for (const [what, options] of setting) {
  test(`a response that sets the cookie is private: ${what}`, () => {
    for (const own of [[], ["no-store"], ["public, max-age=60", "no-transform"]]) {
      const lines = own.map((value) => ["Cache-Control", value] as const);
      const seen = visit(sampleRoot(POLICY), { ...options, response: [[":status", "200"], ...lines] });
      assert.equal(seen.setCookie.length, 1);
      assert.deepEqual(seen.responseHeaders.all("cache-control"), [...own, "private"]);
      const off = visit(sampleRoot({ ...POLICY, preventCaching: false }), {
        ...options,
        response: [...lines],
      });
      assert.equal(off.setCookie.length, 1);
      assert.deepEqual(off.responseHeaders.all("cache-control"), own);
    }
  });
}

for (const [what, options] of silent) {
  test(`a response that sets no cookie is left as it is: ${what}`, () => {
    const response = [
      [":status", "200"],
      ["cache-control", "public"],
    ] as const;
    const seen = visit(sampleRoot(POLICY), { ...options, response });
    assert.deepEqual(seen.responseHeaders.lines, response);
  });
}

test("a token in a header makes its response private as well", () => {
  const root = sampleRoot({ type: "Header", sessionName: "x-session", preventCaching: true });
  assert.deepEqual(visit(root, { host: POD }).responseHeaders.all("cache-control"), ["private"]);
  const request = [["x-session", sampleToken(POD, { sessionName: "x-session" })]] as const;
  assert.deepEqual(visit(root, { request, host: POD }).responseHeaders.all("cache-control"), []);
});
