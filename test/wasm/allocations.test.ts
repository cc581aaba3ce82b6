import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../cli/root.ts";
import { BareVm } from "../bench/vm.ts";
import { entryOutput } from "../suites.ts";
import { POD, sampleConfiguration, sampleToken } from "./sample.ts";

const MODULE = join(root, entryOutput("test/wasm/allocations.entry.ts"));
const REQUESTS = 10_000;

const token = sampleToken(POD);
const requests: [what: string, cookie: string | undefined, mallocs: number][] = [
  ["pinned", `affinity=${token}`, 1],
  ["pinned behind 600 cookies", `${"a=b; ".repeat(600)}affinity=${token}`, 1],
  ["of a new client", undefined, 0],
  ["with four forged cookies", `affinity=${token.slice(0, -2)}AA; `.repeat(4), 1],
];

for (const [what, cookie, mallocs] of requests) {
  test(`a request ${what} takes no memory, and the host asks for it ${mallocs} times`, () => {
    const vm = new BareVm(MODULE, sampleConfiguration({ cookie: { secure: true } }));
    const header = cookie === undefined ? undefined : Buffer.from(cookie);
    const blocks = vm.exported<() => number>("blocks");
    const before = blocks();
    assert.ok(before > 0, "nothing is counted");
    vm.mallocs = 0;
    vm.serve(header, REQUESTS);
    assert.equal(vm.mallocs, mallocs * REQUESTS);
    assert.equal(blocks(), before);
  });
}

test("a request that needs more than the arena takes a block, and it is counted", () => {
  const vm = new BareVm(MODULE, sampleConfiguration());
  const blocks = vm.exported<() => number>("blocks");
  const before = blocks();
  vm.serve(Buffer.alloc(20_000, "x"), 1);
  assert.equal(blocks(), before + 1);
});
