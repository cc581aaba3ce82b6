/**
 * What it costs to open one token in the module, part by part: `node build/ts/test/bench/open.js [OTHER.wasm TOKEN]`. The
 * other module is a comparator that exports `bench_in`, `bench_open`, `bench_aead_only` and `bench_base64_only`; TOKEN is
 * sealed under the key 00 01 .. 1f of id 1, for the empty scope and name, and one is made where none is given.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { sealToken } from "../../cli/token.ts";
import { compileModule } from "./compile.ts";
import { measure, type Row } from "./slices.ts";

const OPERATIONS = 400;

type Part = (count: number, length: number) => number;

interface Module {
  memory: WebAssembly.Memory;
  header: WebAssembly.Global;
  value: WebAssembly.Global;
  start(): void;
  find: Part;
  openValue: Part;
  decode: Part;
  decrypt: Part;
  write: Part;
}

interface Comparator {
  memory: WebAssembly.Memory;
  bench_in(): number;
  bench_open(count: number): number;
  bench_aead_only(count: number): number;
  bench_base64_only(count: number): number;
}

const [comparatorFile, given] = process.argv.slice(2);
const key = { id: 1, bytes: Buffer.from(Array.from({ length: 32 }, (_, i) => i)) };
const sealed = { issued: 1, seen: 1, session: 1n, endpoint: "10.244.1.7:9080" };
const token = given ?? sealToken(sealed, key, { scope: "", sessionName: "" });

const rows: Row[] = [...ownRows(await compileModule("open.ts")), ...comparatorRows()];
for (const { line } of measure(rows)) console.log(line);

function ownRows(file: string): Row[] {
  const module = instantiate<Module>(file);
  module.start();
  new Uint8Array(module.memory.buffer).set(Buffer.from(token), Number(module.value.value));
  const one = `affinity=${token}`;
  const behind = (count: number): string =>
    [...Array.from({ length: count }, (_, i) => `_ga_${i}=GS1.1.1700000000.${i}`), one].join("; ");
  const part = (name: string, run: Part, length: number): Row => {
    if (run(1, length) === 0) throw new Error(`${name}: does nothing`);
    return { name, operations: OPERATIONS, run: () => run(OPERATIONS, length) };
  };
  const find = (name: string, header: string): Row => {
    const bytes = Buffer.from(header);
    const at = Number(module.header.value);
    return {
      name,
      operations: OPERATIONS,
      run() {
        new Uint8Array(module.memory.buffer).set(bytes, at);
        module.find(OPERATIONS, bytes.length);
      },
    };
  };
  return [
    part("open: value to endpoint", module.openValue, token.length),
    part("  of which base64url", module.decode, token.length),
    part("  of which the AEAD", module.decrypt, Math.floor((token.length * 3) / 4)),
    part("write: endpoint to header value", module.write, token.length),
    find("find: the cookie alone", one),
    find("find: behind 49 others", behind(49)),
    find("find: behind 599 others", behind(599)),
  ];
}

function comparatorRows(): Row[] {
  if (comparatorFile === undefined) return [];
  const module = instantiate<Comparator>(resolve(comparatorFile));
  new Uint8Array(module.memory.buffer).set(Buffer.from(token), module.bench_in());
  if (module.bench_open(1) !== 1) throw new Error(`${comparatorFile}: does not open ${token}`);
  const row = (name: string, run: (count: number) => number): Row => ({
    name,
    operations: OPERATIONS,
    run: () => run(OPERATIONS),
  });
  return [
    row("comparator: value to endpoint", module.bench_open),
    row("  of which base64url", module.bench_base64_only),
    row("  of which the AEAD", module.bench_aead_only),
  ];
}

/** Host functions answer 0 and are not called. */
function instantiate<Exports>(file: string): Exports {
  const module = new WebAssembly.Module(readFileSync(file));
  const imports: WebAssembly.Imports = {};
  for (const { module: space, name } of WebAssembly.Module.imports(module))
    (imports[space] ??= {})[name] = (): number => 0;
  return new WebAssembly.Instance(module, imports).exports as Exports;
}
