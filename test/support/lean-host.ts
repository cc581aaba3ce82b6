import { BufferType } from "../wasm/abi.ts";

/** What the module calls; by the name that it imports. */
export type HostCalls = Readonly<Record<string, (...args: never[]) => number>>;

/** What both kinds of hosts below drive; a module may leave callbacks out that it does not need. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  malloc(size: number): number;
  _initialize?(): void;
  proxy_on_context_create?(context: number, parent: number): void;
  proxy_on_vm_start?(root: number, size: number): number;
  proxy_on_configure(root: number, size: number): number;
  proxy_on_request_headers(context: number, count: number, end: number): number;
  proxy_on_response_headers(context: number, count: number, end: number): number;
  proxy_on_tick?(root: number): void;
  proxy_on_done?(context: number): number;
  proxy_on_delete?(context: number): void;
}

const OK = 0;
const NOT_FOUND = 1;

/**
 * A host of proxy-wasm ABI 0.2.1 for millions of requests: it checks nothing and keeps no record, so that little but
 * the module's own work takes time. The host that holds the module to every rule is test/wasm/host.ts.
 */
export class LeanHost {
  readonly exports: Exports;
  #memory: Buffer;
  #configuration: Buffer | null = null;

  /** Of the calls that are not given, all but the configuration's do nothing and succeed. */
  constructor(module: WebAssembly.Module, calls: (host: LeanHost) => HostCalls) {
    const known: HostCalls = {
      proxy_get_buffer_bytes: (type: number, _start: number, _length: number, at: number, size: number) =>
        type === BufferType.pluginConfiguration && this.#configuration !== null
          ? this.give(this.#configuration, at, size)
          : NOT_FOUND,
      proxy_get_property: () => NOT_FOUND,
      environ_sizes_get: () => NOT_FOUND,
      ...calls(this),
    };
    const imports: WebAssembly.Imports = {};
    for (const { module: space, name } of WebAssembly.Module.imports(module))
      (imports[space] ??= {})[name] = known[name] ?? ((): number => OK);
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    this.#memory = Buffer.from(this.exports.memory.buffer);
    this.exports._initialize?.();
  }

  /** All of the module's memory; until the module is entered again. */
  get memory(): Buffer {
    const { buffer } = this.exports.memory;
    // Growing leaves an old buffer behind.
    if (this.#memory.buffer !== buffer) this.#memory = Buffer.from(buffer);
    return this.#memory;
  }

  get byteLength(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Hands bytes over where the module's allocator says. */
  give(bytes: Uint8Array, pointerOut: number, sizeOut: number): number {
    const at = bytes.length === 0 ? 0 : this.exports.malloc(bytes.length);
    this.memory.set(bytes, at);
    return this.#tell(at, bytes.length, pointerOut, sizeOut);
  }

  /** The same for text of characters up to 0xff. */
  giveText(text: string, pointerOut: number, sizeOut: number): number {
    const at = text.length === 0 ? 0 : this.exports.malloc(text.length);
    this.memory.write(text, at, "latin1");
    return this.#tell(at, text.length, pointerOut, sizeOut);
  }

  /** Starts a root context; throws when the module refuses the configuration. */
  configure(root: number, configuration: unknown): void {
    const text = JSON.stringify(configuration);
    this.#configuration = Buffer.from(text);
    const { exports } = this;
    exports.proxy_on_context_create?.(root, 0);
    exports.proxy_on_vm_start?.(root, 0);
    const accepted = exports.proxy_on_configure(root, this.#configuration.length);
    this.#configuration = null;
    if (accepted !== 1) throw new Error(`refused: ${text}`);
  }

  #tell(at: number, size: number, pointerOut: number, sizeOut: number): number {
    const { memory } = this;
    memory.writeUInt32LE(at, pointerOut);
    memory.writeUInt32LE(size, sizeOut);
    return OK;
  }
}
