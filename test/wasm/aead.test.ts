import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { instantiateSync } from "@assemblyscript/loader";
import { root } from "../../cli/root.ts";
import { Random } from "./random.ts";

const CASES = 4000;
const TAG_LENGTH = 16;
const LONGEST = 300;
const UNTOUCHED = 0xa5;

/** The exports of aead.entry.ts. Places are offsets into the memory, as the module's own functions take them. */
interface Exports extends Record<string, unknown> {
  memory: WebAssembly.Memory;
  key: WebAssembly.Global;
  nonce: WebAssembly.Global;
  aad: WebAssembly.Global;
  text: WebAssembly.Global;
  out: WebAssembly.Global;
  seal(
    key: number,
    nonce: number,
    aad: number,
    aadLength: number,
    text: number,
    length: number,
    out: number,
  ): void;
  open(
    key: number,
    nonce: number,
    aad: number,
    aadLength: number,
    sealed: number,
    length: number,
    out: number,
  ): number;
}

interface Case {
  key: Buffer;
  nonce: Buffer;
  aad: Buffer;
  text: Buffer;
}

const random = new Random();
let module: Exports;

before(() => {
  module = instantiateSync<Exports>(moduleBytes(), {}).exports;
});

after(() => console.log(`seed ${random.seed} (SEED repeats it)`));

function moduleBytes(): Buffer<ArrayBuffer> {
  const file = "build/test/aead.wasm";
  try {
    return readFileSync(join(root, file));
  } catch {
    throw new Error(`${file}: missing; npm test compiles it from test/wasm/aead.entry.ts`);
  }
}

function randomCase(): Case {
  return {
    key: random.bytes(32),
    nonce: random.bytes(12),
    aad: random.bytes(random.below(LONGEST + 1)),
    text: random.bytes(random.below(LONGEST + 1)),
  };
}

function describe({ key, nonce, aad, text }: Case): string {
  const hex = [key, nonce, aad, text].map((bytes) => bytes.toString("hex"));
  return `seed ${random.seed}, key ${hex[0]}, nonce ${hex[1]}, additional data ${hex[2]}, text ${hex[3]}`;
}

function sealedByNode({ key, nonce, aad, text }: Case): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(aad, { plaintextLength: text.length });
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

function place(at: WebAssembly.Global, length: number): Buffer {
  return Buffer.from(module.memory.buffer, at.value, length);
}

function put({ key, nonce, aad, text }: Case): void {
  place(module.key, 32).set(key);
  place(module.nonce, 12).set(nonce);
  place(module.aad, aad.length).set(aad);
  place(module.text, text.length).set(text);
  place(module.out, LONGEST + 2 * TAG_LENGTH).fill(UNTOUCHED);
}

function sealedByModule(one: Case): Buffer {
  put(one);
  const { key, nonce, aad, text, out } = module;
  module.seal(key.value, nonce.value, aad.value, one.aad.length, text.value, one.text.length, out.value);
  assertUntouched(one.text.length + TAG_LENGTH, one);
  return Buffer.from(place(out, one.text.length + TAG_LENGTH));
}

/** The plain text, or null where the module refuses. */
function openedByModule(one: Case, sealed: Buffer): Buffer | null {
  put({ ...one, text: sealed });
  const { key, nonce, aad, text, out } = module;
  const opened = module.open(
    key.value,
    nonce.value,
    aad.value,
    one.aad.length,
    text.value,
    sealed.length,
    out.value,
  );
  const length = opened === 0 ? 0 : sealed.length - TAG_LENGTH;
  assertUntouched(length, one);
  return opened === 0 ? null : Buffer.from(place(out, length));
}

function assertUntouched(from: number, one: Case): void {
  const rest = place(module.out, LONGEST + 2 * TAG_LENGTH).subarray(from);
  assert.ok(
    rest.every((byte) => byte === UNTOUCHED),
    `bytes from ${from} of the output were written: ${describe(one)}`,
  );
}

test(`seals ${CASES} random texts as OpenSSL does`, () => {
  for (let count = 0; count < CASES; count++) {
    const one = randomCase();
    assert.equal(sealedByModule(one).toString("hex"), sealedByNode(one).toString("hex"), describe(one));
  }
});

test(`opens ${CASES} random texts that OpenSSL sealed`, () => {
  for (let count = 0; count < CASES; count++) {
    const one = randomCase();
    const opened = openedByModule(one, sealedByNode(one));
    assert.equal(opened?.toString("hex") ?? "refused", one.text.toString("hex"), describe(one));
  }
});

test(`refuses ${CASES} random texts of which one bit, anywhere, was flipped, and writes nothing`, () => {
  for (let count = 0; count < CASES; count++) {
    const one = randomCase();
    const sealed = sealedByNode(one);
    const parts = [one.key, one.nonce, one.aad, sealed].filter((part) => part.length > 0);
    const part = random.pick(parts);
    part[random.below(part.length)]! ^= 1 << random.below(8);
    assert.equal(openedByModule(one, sealed), null, describe(one));
  }
});

test(`refuses ${CASES} random texts cut short, and writes nothing`, () => {
  for (let count = 0; count < CASES; count++) {
    const one = randomCase();
    const sealed = sealedByNode(one);
    assert.equal(openedByModule(one, sealed.subarray(0, random.below(sealed.length))), null, describe(one));
  }
});

test("asks for nothing from a host", () => {
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(moduleBytes())), []);
});
