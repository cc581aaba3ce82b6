import assert from "node:assert/strict";
import { test } from "node:test";
import { compileString } from "assemblyscript/asc";
import { pairsBytes } from "./abi.ts";
import { HeaderMap } from "./headers.ts";
import { Vm } from "./host.ts";
import { GuestMemory } from "./guest-memory.ts";

const VALUE = Buffer.from("a value of a header");
const OUT = 16;

/** A guest whose allocator answers with these addresses, one after the other. */
function guest(...addresses: number[]): { memory: GuestMemory; raw: WebAssembly.Memory } {
  const raw = new WebAssembly.Memory({ initial: 1 });
  return { raw, memory: new GuestMemory(raw, () => addresses.shift()!) };
}

test("a value is put where malloc says, and its place and size where the module says", () => {
  const { memory, raw } = guest(1024);
  memory.give(VALUE, OUT, OUT + 4);
  assert.deepEqual([...new Uint32Array(raw.buffer, OUT, 2)], [1024, VALUE.length]);
  assert.equal(memory.text(1024, VALUE.length), VALUE.toString());
});

test("an empty value takes no memory and is a null pointer", () => {
  const { memory, raw } = guest();
  new Uint32Array(raw.buffer, OUT, 2).fill(7);
  memory.give(Buffer.alloc(0), OUT, OUT + 4);
  assert.deepEqual([...new Uint32Array(raw.buffer, OUT, 2)], [0, 0]);
});

test("an allocator that gives nothing, is not aligned, or leaves the memory is noticed", () => {
  for (const [address, reason] of [
    [0, /no memory was given/],
    [1026, /not aligned/],
    [65536, /outside|ends behind/],
    [65536 - 16, /ends behind/],
    [-16, /ends behind/],
  ] as const) {
    assert.throws(() => guest(address).memory.give(VALUE, OUT, OUT + 4), reason, String(address));
  }
});

test("an allocator that gives a place twice in one entry is noticed; in the next entry it may", () => {
  const { memory } = guest(1024, 1032, 1024);
  memory.give(VALUE, OUT, OUT + 4);
  assert.throws(() => memory.give(VALUE, OUT, OUT + 4), /overlaps the block 1024/);
  memory.startEntry();
  memory.give(VALUE, OUT, OUT + 4);
});

test("an allocator that writes into a block of the same entry is noticed", () => {
  const raw = new WebAssembly.Memory({ initial: 1 });
  let next = 1024;
  const memory = new GuestMemory(raw, () => {
    new Uint8Array(raw.buffer)[1030] = 0;
    return (next += 64);
  });
  memory.give(VALUE, OUT, OUT + 4);
  memory.startEntry();
  next = 960;
  memory.give(VALUE, OUT, OUT + 4);
  assert.throws(() => memory.give(VALUE, OUT, OUT + 4), /changed the block 1024/);
});

test("result pointers that overlap, are null, odd, outside, or inside a value are noticed", () => {
  for (const [pointerOut, sizeOut, reason] of [
    [16, 16, /overlap/],
    [16, 18, /overlap/],
    [0, 16, /no aligned place/],
    [16, 21, /no aligned place/],
    [1024, 16, /lies in the block/],
    [16, 1036, /lies in the block/],
    [16, 65536, /outside/],
  ] as const) {
    assert.throws(
      () => guest(1024).memory.give(VALUE, pointerOut, sizeOut),
      reason,
      `${pointerOut} ${sizeOut}`,
    );
  }
});

test("a range that leaves the memory is not read", () => {
  const { memory } = guest();
  assert.equal(memory.read(65535, 1).length, 1);
  for (const [pointer, size] of [
    [65535, 2],
    [-1, 1],
    [0, -1],
    [65536, 1],
  ] as const) {
    assert.throws(() => memory.read(pointer, size), /outside the module's memory/, `${pointer} ${size}`);
  }
});

test("a memory that grows while malloc runs is read and written in its new place", () => {
  const raw = new WebAssembly.Memory({ initial: 1 });
  const memory = new GuestMemory(raw, () => raw.grow(1) * 65536 + 8);
  memory.give(VALUE, OUT, OUT + 4);
  assert.equal(memory.text(65544, VALUE.length), VALUE.toString());
  assert.equal(memory.byteLength, 2 * 65536);
});

test("what an entry was handed is spoilt once the entry is over", () => {
  const { memory } = guest(1024);
  memory.give(VALUE, OUT, OUT + 4);
  memory.poisonBlocks();
  assert.deepEqual(memory.read(1024, VALUE.length), Buffer.alloc(VALUE.length, 0xa5));
});

test("a header map in bytes", () => {
  const expected = [
    // count
    [2, 0, 0, 0],
    // sizes of name and value, for each
    [1, 0, 0, 0, 2, 0, 0, 0],
    [2, 0, 0, 0, 0, 0, 0, 0],
    // a: bc
    [97, 0, 98, 99, 0],
    // de, empty
    [100, 101, 0, 0],
  ].flat();
  assert.deepEqual(
    [
      ...pairsBytes([
        ["a", "bc"],
        ["de", ""],
      ]),
    ],
    expected,
  );
});

test("a header map shows the first of several lines, and replacing makes them one", () => {
  const map = new HeaderMap([
    ["X-A", "1"],
    ["b", "2"],
    ["x-a", "3"],
  ]);
  assert.equal(map.first("x-a"), "1");
  assert.deepEqual(map.all("x-a"), ["1", "3"]);
  map.replace("x-a", "4");
  assert.deepEqual(map.lines, [
    ["b", "2"],
    ["x-a", "4"],
  ]);
  assert.throws(() => map.add("x", "a\r\nb"), /CR or LF/);
});

const SMALL_MODULE = `
  @external("env", "proxy_http_call") declare function hostHttpCall(): void;
  @external("env", "proxy_get_header_map_value")
  declare function hostGetHeader(map: i32, name: usize, length: i32, value: usize, size: usize): i32;
  export function proxy_abi_version_0_2_1(): void {}
  export function malloc(size: usize): usize { return heap.alloc(size); }
  export function proxy_on_context_create(context: u32, parent: u32): void { if (parent) unreachable(); }
  export function proxy_on_configure(context: u32, size: u32): u32 {
    if (size == 0) hostHttpCall();
    if (size == 1) hostGetHeader(0, 0xffff0000, 16, 16, 20);
    return 1;
  }
`;

test("a trap, a missing host function and a range outside the memory fail the VM under their names", async () => {
  const { binary, stderr } = await compileString(SMALL_MODULE, { runtime: "stub", optimizeLevel: 0 });
  assert.ok(binary !== null, stderr.toString());
  const module = new WebAssembly.Module(Buffer.from(binary));
  const fails = (act: (vm: Vm) => void, reason: RegExp): void => {
    const vm = new Vm({ module });
    assert.throws(() => act(vm), reason);
    assert.match(String(vm.failure), reason);
    assert.throws(() => vm.root({ configuration: {} }), /the VM has failed before/);
  };
  fails((vm) => vm.root({ configuration: {} }).stream(), /proxy_on_context_create\(2, 1\): unreachable/);
  fails(
    (vm) => vm.root({ configuration: "" }),
    /proxy_on_configure\(1, 0\): env\.proxy_http_call: called by the module/,
  );
  fails((vm) => vm.root({ configuration: "x" }), /proxy_on_configure\(1, 1\): .*outside the module's memory/);
});

const LOOKING_MODULE = `
  @external("env", "proxy_get_header_map_value")
  declare function hostGetHeader(map: i32, name: usize, length: i32, value: usize, size: usize): i32;
  @external("env", "proxy_replace_header_map_value")
  declare function hostReplaceHeader(map: i32, name: usize, length: i32, value: usize, size: i32): i32;
  @external("env", "proxy_get_property")
  declare function hostGetProperty(path: usize, length: i32, value: usize, size: usize): i32;
  @external("env", "proxy_log") declare function hostLog(level: i32, text: usize, length: i32): i32;
  const out = memory.data(8);
  const NAME = String.UTF8.encode("x-a");
  const SCHEME = String.UTF8.encode("request\\0scheme");
  function look(): void {
    const name = changetype<usize>(NAME);
    let text = "";
    for (let map = 0; map <= 2; map += 2) {
      text += hostGetHeader(map, name, 3, out, out + 4).toString();
      text += hostReplaceHeader(map, name, 3, name, 3).toString();
    }
    text += hostGetProperty(changetype<usize>(SCHEME), SCHEME.byteLength, out, out + 4).toString();
    const line = String.UTF8.encode(text);
    hostLog(2, changetype<usize>(line), line.byteLength);
  }
  export function proxy_abi_version_0_2_1(): void {}
  export function malloc(size: usize): usize { return heap.alloc(size); }
  export function proxy_on_request_headers(context: u32, count: u32, end: u32): u32 { look(); return 0; }
  export function proxy_on_response_headers(context: u32, count: u32, end: u32): u32 { look(); return 0; }
  export function proxy_on_done(context: u32): u32 { if (context == 2) look(); return 1; }
`;

test("a header map is there for the entry that is about it, and gone before and after", async () => {
  const { binary, stderr } = await compileString(LOOKING_MODULE, { runtime: "stub", optimizeLevel: 0 });
  assert.ok(binary !== null, stderr.toString());
  const vm = new Vm({ module: new WebAssembly.Module(Buffer.from(binary)) });
  const stream = vm.root({ configuration: {} }).stream();
  stream.properties["request.scheme"] = "https";
  assert.deepEqual(stream.request([["x-a", "1"]]).lines, [["x-a", "x-a"]]);
  assert.deepEqual(stream.respond([["x-a", "2"]]).lines, [["x-a", "x-a"]]);
  stream.close();
  // Get and replace of the request, the same of the response, and a property of the request: 0 is Ok, 1 NotFound,
  // 2 BadArgument.
  assert.deepEqual(
    vm.logs.map(({ text }) => text),
    ["00220", "22001", "22221"],
  );
});
