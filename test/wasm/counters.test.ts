import assert from "node:assert/strict";
import { test } from "node:test";
import type { Root } from "./host.ts";
import { base64, KEY, NOW, OTHER_POD, POD, sampleKey, sampleRoot, sampleToken } from "./sample.ts";
import { visit, type VisitOptions } from "./visit.ts";

const EVENTS = ["created", "resumed", "repinned", "renewed", "expired", "rejected"] as const;
const PREFIX = "affinity.default_session-svc_9080";

/** The counters that are not 0. */
function counts(root: Root, prefix = PREFIX): Record<string, number> {
  const all = EVENTS.map((event) => [event, root.vm.metrics.value(`${prefix}.${event}`) ?? 0] as const);
  return Object.fromEntries(all.filter(([, count]) => count !== 0));
}

function play(root: Root): void {
  const cookie = `affinity=${sampleToken(POD)}`;
  visit(root, { host: POD });
  for (let turn = 0; turn < 5; turn++) visit(root, { cookie, host: POD });
  for (let turn = 0; turn < 2; turn++) visit(root, { cookie, host: OTHER_POD });
  for (let turn = 0; turn < 3; turn++) visit(root, { cookie: "affinity=bad", host: POD });
  visit(root, { cookie: "theme=dark" });
}

test("what happened is counted, and reaches Envoy with the next tick", () => {
  const root = sampleRoot();
  play(root);
  assert.deepEqual(counts(root), {});
  root.tick();
  const expected = { created: 4, resumed: 7, repinned: 2, rejected: 3 };
  assert.deepEqual(counts(root), expected);
  root.tick();
  assert.deepEqual(counts(root), expected);
  play(root);
  root.tick();
  assert.deepEqual(counts(root), { created: 8, resumed: 14, repinned: 4, rejected: 6 });
});

test("a tick is asked for, and comes at least every ten seconds", () => {
  const { tickPeriod } = sampleRoot();
  assert.ok(tickPeriod > 0 && tickPeriod <= 10_000, `${tickPeriod} ms`);
});

test("what is not yet handed over when a root closes is not lost", () => {
  const root = sampleRoot();
  play(root);
  root.close();
  assert.deepEqual(counts(root), { created: 4, resumed: 7, repinned: 2, rejected: 3 });
});

test("a root that takes the place of another counts on", () => {
  const root = sampleRoot();
  play(root);
  const next = sampleRoot({}, root.vm);
  root.close();
  play(next);
  next.tick();
  assert.deepEqual(counts(next), { created: 8, resumed: 14, repinned: 4, rejected: 6 });
});

test("two roots of one VM count apart when their scopes differ", () => {
  const root = sampleRoot();
  const other = sampleRoot({ scope: "shop/cart:80" }, root.vm);
  visit(root, { host: POD });
  visit(other, { cookie: "affinity=bad" });
  root.tick();
  other.tick();
  assert.deepEqual(counts(root), { created: 1 });
  assert.deepEqual(counts(other, "affinity.shop_cart_80"), { rejected: 1 });
});

test("characters of the scope that a name of a counter cannot have become low lines", () => {
  for (const [scope, name] of [
    ["AZaz09_-", "AZaz09_-"],
    ["a.b:c/d", "a_b_c_d"],
    ["!\"#$%&'()*+,-./:;<=>?@[]^`{|}~\\", `${"_".repeat(12)}-${"_".repeat(18)}`],
  ] as const) {
    const root = sampleRoot({ scope });
    visit(root, { host: POD });
    root.tick();
    assert.equal(root.vm.metrics.value(`affinity.${name}.created`), 1, root.vm.metrics.names.join(", "));
  }
});

test("a response that sets no cookie counts as nothing created", () => {
  const root = sampleRoot();
  visit(root, {});
  visit(root, { host: "s".repeat(300) });
  visit(root, { response: [["x-affinity-host", "!"]] });
  root.tick();
  assert.deepEqual(counts(root), {});
});

test("onHostChange keep: a request that another pod answers is resumed, not repinned", () => {
  const root = sampleRoot({ onHostChange: "keep" });
  visit(root, { cookie: `affinity=${sampleToken(POD)}`, host: OTHER_POD });
  root.tick();
  assert.deepEqual(counts(root), { resumed: 1 });
});

const OLD_KEY = sampleKey(7);
const ONE_OF_EACH = {
  absoluteTimeout: "1h",
  idleTimeout: "10m",
  cluster: { names: ["session-svc"] },
  keys: [KEY, OLD_KEY].map((key) => ({ id: key.id, secret: base64(key) })),
};

function cookie(...tokens: string[]): { cookie: string } {
  return { cookie: tokens.map((token) => `affinity=${token}`).join("; ") };
}

const SERVED = { cluster: "session-svc" };
const OVER = sampleToken(POD, { ...SERVED, issued: NOW - 3600, seen: NOW });
const IDLE = sampleToken(POD, { ...SERVED, issued: NOW - 600 });
const DUE = sampleToken(POD, { ...SERVED, issued: NOW - 900, seen: NOW - 60 });
const FRESH = sampleToken(POD, { ...SERVED, issued: NOW });
const OLD = sampleToken(POD, { ...SERVED, key: OLD_KEY, issued: NOW });

const events: [what: string, options: VisitOptions, counted: Record<string, number>][] = [
  ["a session that is over counts as expired, not as rejected", cookie(OVER), { expired: 1, created: 1 }],
  ["so does one that was idle for too long", cookie(IDLE), { expired: 1, created: 1 }],
  ["over, beside one that does not open", cookie("bad", OVER, "worse"), { expired: 1, created: 1 }],
  ["two that are over count once", cookie(OVER, IDLE), { expired: 1, created: 1 }],
  ["over, beside one that is in time: resumed alone", cookie(OVER, FRESH), { resumed: 1 }],
  ["over, and no pod answers", { ...cookie(OVER), details: "direct_response" }, { expired: 1 }],
  ["a renewal after a tenth", cookie(DUE), { resumed: 1, renewed: 1 }],
  ["a renewal under the first key", cookie(OLD), { resumed: 1, renewed: 1 }],
  ["a renewal that no pod answers is none", { ...cookie(DUE), details: "direct_response" }, { resumed: 1 }],
  ["due, and another pod: repinned alone", { ...cookie(DUE), host: OTHER_POD }, { resumed: 1, repinned: 1 }],
  ["neither", cookie(FRESH), { resumed: 1 }],
  ["let go", { ...cookie(FRESH), details: "no_healthy_upstream" }, { resumed: 1, repinned: 1 }],
];

for (const [what, options, counted] of events) {
  test(`counted: ${what}`, () => {
    const root = sampleRoot(ONE_OF_EACH);
    visit(root, { host: POD, ...SERVED, ...options });
    root.tick();
    assert.deepEqual(counts(root), counted);
  });
}

test("counted in mode balanced: created, resumed, renewed, expired, rejected", () => {
  const root = sampleRoot({ ...ONE_OF_EACH, mode: "balanced" });
  for (const options of [{}, cookie(FRESH), cookie(DUE), cookie(OVER), cookie("bad")]) {
    visit(root, { host: POD, ...SERVED, unpinned: true, ...options });
  }
  root.tick();
  assert.deepEqual(counts(root), { created: 3, resumed: 2, renewed: 1, expired: 1, rejected: 1 });
});
