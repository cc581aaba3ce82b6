import assert from "node:assert/strict";
import { test } from "node:test";
import type { Root } from "./host.ts";
import { OTHER_POD, POD, sampleRoot, sampleToken } from "./sample.ts";
import { visit } from "./visit.ts";

const EVENTS = ["created", "resumed", "repinned", "rejected"] as const;
const PREFIX = "affinity.default_session-svc_9080";

function counts(root: Root, prefix = PREFIX): Record<string, number> {
  return Object.fromEntries(EVENTS.map((event) => [event, root.vm.metrics.value(`${prefix}.${event}`) ?? 0]));
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
  assert.deepEqual(counts(root), { created: 0, resumed: 0, repinned: 0, rejected: 0 });
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
  assert.deepEqual(counts(root), { created: 1, resumed: 0, repinned: 0, rejected: 0 });
  assert.deepEqual(counts(other, "affinity.shop_cart_80"), {
    created: 0,
    resumed: 0,
    repinned: 0,
    rejected: 1,
  });
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
  assert.deepEqual(counts(root), { created: 0, resumed: 0, repinned: 0, rejected: 0 });
});

test("onHostChange keep: a request that another pod answers is resumed, not repinned", () => {
  const root = sampleRoot({ onHostChange: "keep" });
  visit(root, { cookie: `affinity=${sampleToken(POD)}`, host: OTHER_POD });
  root.tick();
  assert.deepEqual(counts(root), { created: 0, resumed: 1, repinned: 0, rejected: 0 });
});
