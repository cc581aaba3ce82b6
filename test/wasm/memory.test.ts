import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm, type Root } from "./host.ts";
import { Random } from "./random.ts";
import { OTHER_POD, POD, sampleConfiguration, sampleRoot, sampleToken } from "./sample.ts";
import { HOST_HEADER, hostValue, visit } from "./visit.ts";

/** Every kind of request once. */
function playAll(root: Root): void {
  const cookie = `affinity=${PINNED}`;
  visit(root, { host: POD });
  visit(root, { cookie, host: POD });
  visit(root, { cookie, host: OTHER_POD });
  visit(root, { cookie: ["theme=dark", cookie], host: POD });
  visit(root, { cookie: "affinity=bad; affinity=worse", host: POD });
  visit(root, { cookie, host: "s".repeat(400) });
  visit(root, { cookie, response: [[HOST_HEADER, "!"]] });
  root.stream().close();
  const reset = root.stream();
  reset.request([["cookie", cookie]]);
  reset.close();
  root.tick();
}

const PINNED = sampleToken(POD);
const STREAMS_OF_ALL = 9;

test("memory is flat over 200,000 streams", () => {
  const root = sampleRoot();
  for (let turn = 0; turn < 100; turn++) playAll(root);
  const warm = root.vm.memory.byteLength;
  for (let turn = 0; turn < 200_000 / STREAMS_OF_ALL; turn++) playAll(root);
  assert.equal(root.vm.memory.byteLength, warm);
});

const EVERY_FIELD = {
  absoluteTimeout: "12h",
  idleTimeout: "1s",
  cookie: { lifetimeType: "Permanent" },
  keyHeader: "x-affinity-key",
  stripFromRequest: true,
  preventCaching: true,
  cluster: { names: ["session-svc", "session-svc-canary"] },
  debug: { secret: "only-operators-know" },
};

test("memory is flat over 50,000 streams of a policy that uses every field, pinned and balanced", () => {
  const vm = new Vm();
  const { cookie: _, ...inHeader } = { ...EVERY_FIELD, type: "Header", sessionName: "x-session" };
  const policies = [
    EVERY_FIELD,
    { ...EVERY_FIELD, scope: "balanced", mode: "balanced" },
    { ...inHeader, scope: "header" },
  ];
  const roots = policies.map((more) => sampleRoot(more, vm));
  const play = (turns: number): void => {
    for (let turn = 0; turn < turns; turn++) for (const root of roots) playAll(root);
  };
  play(100);
  const warm = vm.memory.byteLength;
  play(50_000 / STREAMS_OF_ALL / roots.length);
  assert.equal(vm.memory.byteLength, warm);
});

test("memory is flat over 2,000 reconfigurations, accepted and refused", () => {
  const vm = new Vm();
  let current = sampleRoot({}, vm);
  const update = (turn: number): void => {
    const cookie = { path: `/${"p".repeat(turn % 50)}` };
    const next = sampleRoot(
      turn % 2 === 0 ? { cookie } : { ...EVERY_FIELD, keyHeader: `x-${turn % 50}` },
      vm,
    );
    playAll(next);
    current.close();
    current = next;
    const refused = vm.root({ configuration: sampleConfiguration({ sessionName: "a b", unknown: [turn] }) });
    assert.equal(refused.accepted, false);
    refused.close();
    vm.root({ configuration: "{" }).close();
  };
  for (let turn = 0; turn < 200; turn++) update(turn);
  const warm = vm.memory.byteLength;
  for (let turn = 0; turn < 2000; turn++) update(turn);
  assert.equal(vm.memory.byteLength, warm);
  assert.equal(visit(current, { host: POD }).setCookie.length, 1);
});

test("memory that 50,000 open streams took serves the next 50,000", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  const openAndClose = (): void => {
    const open = Array.from({ length: 50_000 }, () => root.stream());
    for (const stream of open) stream.request([["cookie", `affinity=${PINNED}`]]);
    for (const stream of random.shuffle(open)) stream.close();
  };
  openAndClose();
  const warm = root.vm.memory.byteLength;
  for (let turn = 0; turn < 3; turn++) openAndClose();
  assert.equal(root.vm.memory.byteLength, warm);
});

// 48 bytes a slot, two to four slots a stream, and a memory that grows by doubling.
test("an open stream costs less than 400 bytes", () => {
  const root = sampleRoot();
  const before = root.vm.memory.byteLength;
  const open = Array.from({ length: 50_000 }, () => root.stream());
  assert.ok(
    (root.vm.memory.byteLength - before) / open.length < 400,
    `${root.vm.memory.byteLength - before} bytes`,
  );
  for (const stream of open) stream.close();
});

test("a header of 1 MB is served again and again from the memory of the first", () => {
  const root = sampleRoot();
  const huge = `theme=${"x".repeat(1_000_000)}; affinity=${PINNED}`;
  const serve = (): void => {
    assert.equal(visit(root, { cookie: huge, host: POD }).asked, POD);
    assert.equal(
      visit(root, { cookie: [huge.slice(0, 1_000_000), `affinity=${PINNED}`], host: POD }).asked,
      POD,
    );
    visit(root, { response: [[HOST_HEADER, "A".repeat(1_000_000)]] });
  };
  for (let turn = 0; turn < 5; turn++) serve();
  const warm = root.vm.memory.byteLength;
  assert.ok(warm < 32 * 1024 * 1024, `${warm} bytes`);
  for (let turn = 0; turn < 100; turn++) serve();
  for (let turn = 0; turn < 1000; turn++) playAll(root);
  assert.equal(root.vm.memory.byteLength, warm);
});

test("headers of every length around the bounds of an arena are read whole", () => {
  const root = sampleRoot();
  const lengths = [1, 7, 8, 9].flatMap((step) =>
    [4096, 8192, 16384, 32768, 65536].flatMap((size) => [size - step, size + step]),
  );
  for (const length of [...lengths, 4096, 8192, 16384, 32768, 65536]) {
    const pad = length - `x=; affinity=${PINNED}`.length;
    const cookie = `x=${"y".repeat(pad)}; affinity=${PINNED}`;
    assert.equal(cookie.length, length);
    assert.equal(visit(root, { cookie, host: POD }).asked, POD, `${length} bytes`);
    assert.deepEqual(visit(root, { cookie, host: POD }).requestHeaders.all(HOST_HEADER), [hostValue(POD)]);
  }
});

test("a large configuration leaves no more memory behind than a few times its size", () => {
  const vm = new Vm();
  const configuration = JSON.stringify(sampleConfiguration({ unknown: "\n\u00e9x".repeat(30_000) }));
  for (let turn = 0; turn < 20; turn++) vm.root({ configuration }).close();
  assert.ok(
    vm.memory.byteLength < 30 * configuration.length,
    `${vm.memory.byteLength} of ${configuration.length}`,
  );
});
