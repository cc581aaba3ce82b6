import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../cli/root.ts";
import { growthOf, type Sample } from "../soak/growth.ts";
import { kinds } from "../soak/kinds.ts";
import { soakModule } from "../soak/module.ts";
import { insert } from "../support/instrument.ts";

const REQUESTS = 200_000;
const OPEN = 4000;

const wasm = readFileSync(join(root, "build/affinity.wasm"));

test("200,000 requests of all kinds are answered right, and the VM's memory stays flat to the byte", (context) => {
  const report = soakModule(new WebAssembly.Module(wasm), { requests: REQUESTS, open: OPEN });
  context.diagnostic(`seed ${report.seed}: ${report.tokensOpened} of ${report.tokensSet} tokens were opened`);
  assert.equal(report.grownAfter, null);
  assert.equal(report.endBytes, report.warmBytes);
  for (const { name } of kinds) assert.ok(report.byKind[name]! > 0, `${name}: none was played`);
  assert.ok(report.tokensOpened > REQUESTS / 1000, `${report.tokensOpened} tokens were opened`);
});

test("a filter that loses 16 bytes with each request does not pass", () => {
  const leak =
    "(if (i32.eqz (i32.and (local.get $0) (i32.const 4095))) (then (drop (memory.grow (i32.const 1)))))";
  const leaking = insert(wasm, "proxy_on_request_headers", leak);
  const report = soakModule(new WebAssembly.Module(leaking), { requests: REQUESTS, open: OPEN });
  assert.notEqual(report.grownAfter, null);
  assert.ok(report.endBytes > report.warmBytes);
});

/** Thirty samples; `bytes` says how much is held at each. */
function samples(bytes: (index: number) => number, more: Partial<Sample> = {}): Sample[] {
  return Array.from({ length: 30 }, (_, index) => ({
    resident: bytes(index),
    allocated: 1,
    vms: 3,
    ...more,
  }));
}

test("growth in the warm-up and one high sample are no growth of an Envoy; a steady one beyond the bound is", () => {
  assert.equal(
    growthOf(
      samples((index) => Math.min(index, 9) * 1000 + (index === 29 ? 9999 : 0)),
      50,
    ),
    null,
  );
  assert.match(
    growthOf(
      samples((index) => index * 10),
      50,
    )!,
    /^resident memory grew from 130 to 270 /,
  );
  assert.match(
    growthOf(
      samples(() => 1).map((one, index) => ({ ...one, allocated: index * 10 })),
      50,
    )!,
    /^allocated/,
  );
  assert.match(
    growthOf(
      samples(() => 1).map((one, index) => ({ ...one, vms: index })),
      50,
    )!,
    /wasm VMs$/,
  );
  assert.match(
    growthOf(
      samples(() => 1, { vms: NaN }),
      50,
    )!,
    /not whole/,
  );
  assert.match(growthOf(samples(() => 1).slice(0, 7), 50)!, /too few/);
});
