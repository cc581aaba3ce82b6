import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../cli/root.ts";
import { insert, instrument, PROBE } from "../support/instrument.ts";
import { Vm } from "./host.ts";
import { Random } from "./random.ts";
import { KEY, NOW, POD, sampleConfiguration, sampleKey, sampleToken } from "./sample.ts";
import { visit } from "./visit.ts";

/**
 * What can be told of time without a clock: which code runs, in which order, and at which addresses it reads and writes.
 * What the processor makes of an instruction is beyond a test: no instruction that is used divides or depends on its
 * operands on the processors that Envoy is built for.
 */

const TAG = 16;
const random = new Random();

/** A digest of all that was reported to it, in order. */
class Trace {
  #digest = 0;
  #length = 0;

  add(...numbers: number[]): void {
    for (const number of numbers)
      this.#digest = Math.imul(this.#digest ^ number, 0x01000193) ^ (number >>> 15);
    this.#length++;
  }

  /** What was reported during an act. */
  of(act: () => void): string {
    this.#digest = 0x811c9dc5;
    this.#length = 0;
    act();
    assert.ok(this.#length > 0, "nothing was reported");
    return `${this.#length} steps, ${this.#digest >>> 0}`;
  }
}

interface Aead {
  memory: WebAssembly.Memory;
  key: WebAssembly.Global;
  nonce: WebAssembly.Global;
  aad: WebAssembly.Global;
  text: WebAssembly.Global;
  out: WebAssembly.Global;
  open(
    key: number,
    nonce: number,
    aad: number,
    aadSize: number,
    text: number,
    size: number,
    out: number,
  ): number;
}

/** `open` of the cipher alone, and the trace of a call, with addresses. */
function cipher(
  wasm: Uint8Array,
): (key: Buffer, nonce: Buffer, aad: Buffer, sealed: Buffer) => [boolean, string] {
  const trace = new Trace();
  const same = <Value>(_id: number, value: Value): Value => value;
  const address = (id: number, _bytes: number, offset: number, at: number): number => {
    trace.add(id, offset, at);
    return at;
  };
  const { module } = instrument(wasm, { addresses: true });
  const env: Record<string, WebAssembly.ImportValue> = {};
  for (const { module: space, name } of WebAssembly.Module.imports(module))
    if (space === "env") env[name] = same;
  env.load_ptr = env.store_ptr = address;
  const imports = { env, [PROBE]: { block: (block: number) => trace.add(block) } };
  const { exports } = new WebAssembly.Instance(module, imports) as unknown as { exports: Aead };
  const put = (place: WebAssembly.Global, bytes: Buffer): number => {
    Buffer.from(exports.memory.buffer).set(bytes, place.value as number);
    return place.value as number;
  };
  return (key, nonce, aad, sealed) => {
    const { key: keyAt, nonce: nonceAt, aad: aadAt, text, out } = exports;
    const places = [put(keyAt, key), put(nonceAt, nonce), put(aadAt, aad), put(text, sealed)] as const;
    const [k, n, a, s] = places;
    let opened = 0;
    const traced = trace.of(() => (opened = exports.open(k, n, a, aad.length, s, sealed.length, out.value)));
    return [opened !== 0, traced];
  };
}

function seal(key: Buffer, nonce: Buffer, aad: Buffer, text: Buffer): Buffer {
  const sealing = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG });
  sealing.setAAD(aad, { plaintextLength: text.length });
  return Buffer.concat([sealing.update(text), sealing.final(), sealing.getAuthTag()]);
}

const aeadWasm = readFileSync(join(root, "build/test/aead.wasm"));
// A token of an IPv4 pod: what is sealed, and what it is bound to.
const LENGTHS = { text: 23, aad: 46 };

function drawn(): [Buffer, Buffer, Buffer, Buffer] {
  return [random.bytes(32), random.bytes(12), random.bytes(LENGTHS.aad), random.bytes(LENGTHS.text)];
}

test("a wrong tag is refused by the same steps at the same addresses, whichever of its bits are wrong", (context) => {
  context.diagnostic(`seed ${random.seed}`);
  const open = cipher(aeadWasm);
  const [key, nonce, aad, text] = drawn();
  const sealed = seal(key, nonce, aad, text);
  const traces = new Set<string>();
  const refuse = (wrong: Buffer): void => {
    const [opened, trace] = open(key, nonce, aad, wrong);
    assert.equal(opened, false);
    traces.add(trace);
  };
  for (let bit = 0; bit < TAG * 8; bit++) {
    const wrong = Buffer.from(sealed);
    wrong[sealed.length - TAG + (bit >> 3)]! ^= 1 << (bit & 7);
    refuse(wrong);
  }
  for (let right = 0; right < TAG; right++) {
    const wrong = Buffer.from(sealed);
    for (let at = sealed.length - TAG + right; at < sealed.length; at++) wrong[at]! ^= 0xff;
    refuse(wrong);
  }
  assert.equal(traces.size, 1, [...traces].join("; "));
});

test("texts of one length are opened by the same steps at the same addresses, whatever they and their keys are", () => {
  const open = cipher(aeadWasm);
  const traces = new Set<string>();
  for (let turn = 0; turn < 300; turn++) {
    const [key, nonce, aad, text] = drawn();
    if (turn < 2) for (const part of [key, nonce, aad, text]) part.fill(turn * 0xff);
    const [opened, trace] = open(key, nonce, aad, seal(key, nonce, aad, text));
    assert.equal(opened, true);
    traces.add(trace);
  }
  assert.equal(traces.size, 1, [...traces].join("; "));
});

test("a branch, or an address, that hangs on one byte of the text is found out", () => {
  for (const leak of [
    "(if (i32.and (i32.load8_u (local.get $4)) (i32.const 1)) (then (nop)))",
    "(drop (i32.load8_u (i32.load8_u (local.get $4))))",
  ]) {
    const open = cipher(insert(aeadWasm, "open", leak));
    const traces = new Set<string>();
    for (let turn = 0; turn < 20; turn++) {
      const [key, nonce, aad, text] = drawn();
      traces.add(open(key, nonce, aad, seal(key, nonce, aad, text))[1]);
    }
    assert.ok(traces.size > 1, leak);
  }
});

/** The filter, and the trace of the blocks that a whole request with this cookie runs. */
function filter(): { traceOf(token: string): string } {
  const trace = new Trace();
  const { module } = instrument(readFileSync(join(root, "build/affinity.wasm")));
  const imports = { [PROBE]: { block: (block: number) => trace.add(block) } };
  const vm = new Vm({ module, imports });
  const configured = vm.root({ configuration: sampleConfiguration({ absoluteTimeout: "12h" }) });
  // The first response of a VM draws the nonces of all.
  visit(configured, { host: POD });
  return {
    traceOf: (token) => trace.of(() => void visit(configured, { cookie: `affinity=${token}`, host: POD })),
  };
}

test("a whole request with a forged token runs the same code whichever byte of the tag is wrong, or whoever sealed it", () => {
  const { traceOf } = filter();
  const bytes = Buffer.from(sampleToken(POD), "base64url");
  const tokens = Array.from({ length: TAG }, (_, at) => {
    const wrong = Buffer.from(bytes);
    wrong[bytes.length - TAG + at]! ^= 0x10;
    return wrong.toString("base64url");
  });
  tokens.push(sampleToken(POD, { scope: "another" }), sampleToken(POD, { sessionName: "another" }));
  tokens.push(sampleToken(POD, { key: { id: KEY.id, bytes: sampleKey(99).bytes } }));
  assert.equal(new Set(tokens.map(traceOf)).size, 1);
});

test("a whole request runs the same code for each pod whose address has as many digits", () => {
  const { traceOf } = filter();
  const pods = Array.from({ length: 300 }, () => {
    const [a, b, c, d] = Array.from({ length: 4 }, () => 100 + random.below(156));
    return `${a}.${b}.${c}.${d}:${10_000 + random.below(55_536)}`;
  }).filter((pod) => pod !== POD);
  const tokens = pods.map((pod) => sampleToken(pod, { issued: NOW - random.below(40_000) }));
  assert.equal(new Set(tokens.map(traceOf)).size, 1);
});
