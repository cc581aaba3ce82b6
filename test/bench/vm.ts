import { readFileSync } from "node:fs";

/** What of the filter's exports a bench calls, and what a test's build of it has beside. */
export interface Exports {
  memory: WebAssembly.Memory;
  malloc(size: number): number;
  proxy_on_context_create(context: number, parent: number): void;
  proxy_on_configure(root: number, size: number): number;
  proxy_on_request_headers(context: number, count: number, end: number): number;
  proxy_on_response_headers(context: number, count: number, end: number): number;
  proxy_on_delete(context: number): void;
  [name: string]: unknown;
}

const ROOT = 1;
const NOT_FOUND = 1;

/**
 * The filter with host calls that do next to nothing, so that what is seen is the module's own work. Requests have a Cookie
 * header or none; responses are those of the pod that was asked for.
 */
export class BareVm {
  readonly exports: Exports;
  /** How often the host asked the module for memory. */
  mallocs = 0;
  #cookie: Uint8Array | undefined;
  #context = ROOT;

  constructor(file: string, configuration: string) {
    const bytes = Buffer.from(configuration);
    const stubs: Record<string, (...args: number[]) => number> = {
      // No other header that the filter asks for has a name of that length.
      proxy_get_header_map_value: (map, _name, length, pointer, size) =>
        map === 0 && length === "cookie".length && this.#cookie !== undefined
          ? this.#give(this.#cookie, pointer!, size!)
          : NOT_FOUND,
      proxy_get_header_map_pairs: () => NOT_FOUND,
      proxy_get_property: () => NOT_FOUND,
      proxy_get_buffer_bytes: (_type, _start, _length, pointer, size) => this.#give(bytes, pointer!, size!),
      environ_sizes_get: () => NOT_FOUND,
    };
    const module = new WebAssembly.Module(readFileSync(file));
    const imports: WebAssembly.Imports = {};
    for (const { module: space, name } of WebAssembly.Module.imports(module)) {
      (imports[space] ??= {})[name] = stubs[name] ?? ((): number => 0);
    }
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    this.exports.proxy_on_context_create(ROOT, 0);
    if (this.exports.proxy_on_configure(ROOT, bytes.length) !== 1)
      throw new Error(`${file}: refused ${configuration}`);
  }

  /** Whole streams, one after the other, whose requests have this Cookie header. */
  serve(cookie: Uint8Array | undefined, streams: number): void {
    this.#cookie = cookie;
    for (let i = 0; i < streams; i++) {
      const context = this.open();
      this.exports.proxy_on_request_headers(context, 1, 1);
      this.exports.proxy_on_response_headers(context, 1, 1);
      this.exports.proxy_on_delete(context);
    }
  }

  /** A stream that stays open; returns its context. */
  open(): number {
    this.exports.proxy_on_context_create(++this.#context, ROOT);
    return this.#context;
  }

  #give(value: Uint8Array, pointer: number, size: number): number {
    this.mallocs++;
    const at = this.exports.malloc(value.length);
    new Uint8Array(this.exports.memory.buffer).set(value, at);
    const view = new DataView(this.exports.memory.buffer);
    view.setUint32(pointer, at, true);
    view.setUint32(size, value.length, true);
    return 0;
  }
}
