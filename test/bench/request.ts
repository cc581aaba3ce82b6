/**
 * What a request costs inside the VM, without Envoy: `npm run bench`, or `npm run bench -- OTHER.wasm` to set another
 * build beside it. The host calls are stubs, so only the module's own work counts. A machine is noisy: slices
 * of all rows take turns, and each row is given as a ratio to the first, by the median slice.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { sealToken } from "../../cli/token.ts";
import { root } from "../../cli/root.ts";

const KEY = Buffer.alloc(32, 7);
const BINDING = { scope: "bench", sessionName: "affinity" };
const CONFIGURATION = JSON.stringify({
  scope: BINDING.scope,
  keys: [{ id: 1, secret: KEY.toString("base64") }],
});
const REQUESTS_PER_SLICE = 2000;
const SLICES = 150;

const token = sealToken(
  { issued: 1, seen: 1, session: 1n, endpoint: "10.244.1.7:9080" },
  { id: 1, bytes: KEY },
  BINDING,
);
const forged = token.slice(0, -2) + "AA";
const others = Array.from({ length: 60 }, (_, i) => `_ga_${i}=GS1.1.${"0123456789".repeat(5)}.${i}`).join(
  "; ",
);

const requests: [name: string, cookie: string | undefined][] = [
  ["pinned", `affinity=${token}`],
  ["no cookie at all", undefined],
  ["pinned, last in 4 kB of cookies", `${others}; affinity=${token}`],
  ["four forged cookies", Array.from({ length: 4 }, () => `affinity=${forged}`).join("; ")],
  ["64 kB of semicolons", ";".repeat(65536)],
];

interface Exports {
  memory: WebAssembly.Memory;
  malloc(size: number): number;
  proxy_on_context_create(context: number, parent: number): void;
  proxy_on_configure(root: number, size: number): number;
  proxy_on_request_headers(context: number, count: number, end: number): number;
  proxy_on_response_headers(context: number, count: number, end: number): number;
  proxy_on_delete(context: number): void;
}

/** A VM with one root; `serve` runs whole streams with this Cookie header. */
function load(file: string): { serve(cookie: Uint8Array | undefined, streams: number): void } {
  const NOT_FOUND = 1;
  let cookie: Uint8Array | undefined;
  let exports: Exports;
  const give = (bytes: Uint8Array, pointer: number, size: number): number => {
    const at = exports.malloc(bytes.length);
    new Uint8Array(exports.memory.buffer).set(bytes, at);
    const view = new DataView(exports.memory.buffer);
    view.setUint32(pointer, at, true);
    view.setUint32(size, bytes.length, true);
    return 0;
  };
  const configuration = Buffer.from(CONFIGURATION);
  const stubs: Record<string, (...args: number[]) => number> = {
    proxy_get_header_map_value: (map, _name, _length, pointer, size) =>
      map === 0 && cookie !== undefined ? give(cookie, pointer!, size!) : NOT_FOUND,
    proxy_get_header_map_pairs: () => NOT_FOUND,
    proxy_get_property: () => NOT_FOUND,
    proxy_get_buffer_bytes: (_type, _start, _length, pointer, size) => give(configuration, pointer!, size!),
    environ_sizes_get: () => NOT_FOUND,
  };
  const module = new WebAssembly.Module(readFileSync(file));
  const imports: WebAssembly.Imports = {};
  for (const { module: space, name } of WebAssembly.Module.imports(module)) {
    (imports[space] ??= {})[name] = stubs[name] ?? ((): number => 0);
  }
  exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
  exports.proxy_on_context_create(1, 0);
  if (exports.proxy_on_configure(1, configuration.length) !== 1)
    throw new Error(`${file}: refused ${CONFIGURATION}`);
  let context = 1;
  return {
    serve(header, streams) {
      cookie = header;
      for (let i = 0; i < streams; i++) {
        exports.proxy_on_context_create(++context, 1);
        exports.proxy_on_request_headers(context, 1, 1);
        exports.proxy_on_response_headers(context, 1, 1);
        exports.proxy_on_delete(context);
      }
    },
  };
}

const files = [join(root, "build/affinity.wasm"), ...process.argv.slice(2).map((file) => resolve(file))];
const rows = files.flatMap((file) => {
  const vm = load(file);
  return requests.map(([name, cookie]) => {
    const header = cookie === undefined ? undefined : Buffer.from(cookie);
    return { file, name, run: () => vm.serve(header, REQUESTS_PER_SLICE), nanoseconds: [] as number[] };
  });
});
for (let slice = 0; slice < SLICES; slice++) {
  for (const row of slice % 2 ? rows.toReversed() : rows) {
    const start = process.hrtime.bigint();
    row.run();
    const taken = Number(process.hrtime.bigint() - start) / REQUESTS_PER_SLICE;
    if (slice >= SLICES / 5) row.nanoseconds.push(taken); // the first fifth warms up
  }
}
console.log("   ratio    a request  what (which module)");
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
const base = median(rows[0]!.nanoseconds);
for (const row of rows) {
  const own = median(row.nanoseconds);
  console.log(
    `${(own / base).toFixed(2).padStart(8)}  ${own.toFixed(0).padStart(8)} ns  ${row.name}  (${row.file})`,
  );
}
