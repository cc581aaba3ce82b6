import { readFileSync } from "node:fs";
import { join } from "node:path";
import { instantiateSync } from "@assemblyscript/loader";
import { root as checkout } from "../../cli/root.ts";
import { BufferType, HeaderMapType, LogLevel } from "./abi.ts";
import { HeaderMap, type HeaderLines } from "./headers.ts";
import { importObject, type CallContext, type CallingVm } from "./imports.ts";
import { GuestMemory } from "./guest-memory.ts";
import { Metrics } from "./metrics.ts";

/** A line that the module logged; level as in LogLevel. */
export interface LogLine {
  readonly level: number;
  readonly text: string;
}

export interface VmOptions {
  /** What `environment_variables` hands to the VM. */
  readonly env?: Readonly<Record<string, string>>;
  readonly vmConfiguration?: string;
  /** Any other module than $AFFINITY_WASM or build/affinity.wasm. */
  readonly module?: WebAssembly.Module;
  /** What an instrumented module imports beside the host's functions. */
  readonly imports?: WebAssembly.Imports;
}

export interface RootOptions {
  readonly name?: string;
  readonly rootId?: string;
  /** Text and bytes go in as they are, anything else as JSON. */
  readonly configuration: unknown;
}

type Entry = (...args: number[]) => number | undefined;

let builtModule: WebAssembly.Module | undefined;

/** The module under test, compiled once: $AFFINITY_WASM, else build/affinity.wasm. */
function affinityModule(): WebAssembly.Module {
  if (builtModule === undefined) {
    const file = process.env.AFFINITY_WASM ?? join(checkout, "build/affinity.wasm");
    try {
      builtModule = new WebAssembly.Module(readFileSync(file));
    } catch (cause) {
      throw new Error(`${file}: the filter cannot be loaded; "npm run build:wasm" makes it`, { cause });
    }
  }
  return builtModule;
}

/**
 * One instance of a proxy-wasm module (ABI 0.2.1) in Node, driven in the order of proxy-wasm-cpp-host. A trap in
 * any entry throws with the name of the export and fails the VM for good, as Envoy does.
 */
export class Vm implements CallingVm {
  readonly memory: GuestMemory;
  readonly metrics = new Metrics();
  readonly env: Readonly<Record<string, string>>;
  readonly vmConfiguration: Buffer;
  readonly logs: LogLine[] = [];
  readonly logLevel: number = LogLevel.info;
  /** The clock of the VM, unix time in seconds. */
  now = 1_800_000_000;
  /** The id of the next root or stream context, counted on from there as Envoy does. */
  nextContextId = 1;
  /** Spoils what an entry was handed as soon as it has returned. */
  poison = true;
  /** Why the VM is of no more use, once it has trapped. */
  failure: Error | null = null;

  readonly #exports: Record<string, unknown>;
  readonly #contexts = new Map<number, Context>();
  #entered: Context;
  #effective: Context | null = null;

  constructor(options: VmOptions = {}) {
    const module = options.module ?? affinityModule();
    this.env = options.env ?? {};
    this.vmConfiguration = Buffer.from(options.vmConfiguration ?? "");
    this.#entered = new Context(this, 0);
    const { exports } = instantiateSync(module, {
      ...importObject(module, this),
      ...options.imports,
    });
    this.#exports = exports;
    if (!("proxy_abi_version_0_2_1" in exports)) throw new Error("proxy_abi_version_0_2_1: not exported");
    const allocate = this.#exported("malloc") ?? this.#exported("proxy_on_memory_allocate");
    if (allocate === null) throw new Error("malloc, proxy_on_memory_allocate: neither is exported");
    if (exports.memory === undefined) throw new Error("memory: not exported");
    this.memory = new GuestMemory(exports.memory, (size) => allocate(size) ?? 0);
    this.enter(this.#exported("_initialize") === null ? "_start" : "_initialize", this.#entered, []);
  }

  get nanoseconds(): bigint {
    return BigInt(Math.round(this.now * 1000)) * 1_000_000n;
  }

  /** Starts and configures a root context, as a filter in a chain (or an update of one) does. */
  root(options: RootOptions): Root {
    return new Root(this, this.nextContextId++, options);
  }

  /** A stream context of that root: for tests `root.stream()`. */
  stream(root: Root): Stream {
    return new Stream(this, this.nextContextId++, root);
  }

  context(): CallContext {
    return this.#effective ?? this.#entered;
  }

  setEffectiveContext(id: number): boolean {
    const context = this.#contexts.get(id);
    if (context === undefined) return false;
    this.#effective = context;
    return true;
  }

  log(level: number, text: string): void {
    this.logs.push({ level, text });
  }

  register(context: Context): void {
    this.#contexts.set(context.id, context);
  }

  forget(context: Context): void {
    this.#contexts.delete(context.id);
  }

  /** Calls an export for a context; undefined when the module does not export it. */
  enter(name: string, context: Context, args: readonly number[]): number | undefined {
    const entry = this.#exported(name);
    if (entry === null) return undefined;
    if (this.failure !== null) throw new Error(`${name}: the VM has failed before`, { cause: this.failure });
    this.#entered = context;
    this.#effective = null;
    this.memory.startEntry();
    try {
      const result = entry(...args);
      if (this.poison) this.memory.poisonBlocks();
      return result;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.failure = new Error(`${name}(${args.join(", ")}): ${reason}`, { cause });
      throw this.failure;
    }
  }

  #exported(name: string): Entry | null {
    const entry = this.#exports[name];
    return typeof entry === "function" ? (entry as Entry) : null;
  }
}

class Context implements CallContext {
  readonly vm: Vm;
  readonly id: number;
  readonly calls: string[] = [];
  /** Properties by dotted path, e.g. `plugin_name`. */
  readonly properties: Record<string, string> = {};
  rawPairs: Buffer | null = null;
  tickPeriod = 0;
  routeCacheClears = 0;

  constructor(vm: Vm, id: number) {
    this.vm = vm;
    this.id = id;
    if (id !== 0) vm.register(this);
  }

  headerMap(_type: number): HeaderMap | null {
    return null;
  }

  buffer(type: number): Buffer | null {
    return type === BufferType.vmConfiguration ? this.vm.vmConfiguration : null;
  }

  property(path: string): string | undefined {
    return this.properties[path];
  }

  setTickPeriod(milliseconds: number): void {
    this.tickPeriod = milliseconds;
  }

  clearRouteCache(): void {
    this.routeCacheClears++;
  }

  protected enter(name: string, ...args: number[]): number | undefined {
    return this.vm.enter(name, this, [this.id, ...args]);
  }
}

/** A root context: one configured filter. */
export class Root extends Context {
  /** Whether on_vm_start and on_configure accepted; Envoy refuses the listener otherwise. */
  readonly accepted: boolean;
  /** What was logged while it started. */
  readonly logs: readonly LogLine[];
  #configuration: Buffer | null;

  constructor(vm: Vm, id: number, options: RootOptions) {
    super(vm, id);
    const { configuration } = options;
    const asIs = typeof configuration === "string" || configuration instanceof Uint8Array;
    this.#configuration = Buffer.from(asIs ? configuration : JSON.stringify(configuration));
    this.properties.plugin_name = options.name ?? "affinity";
    this.properties.plugin_root_id = options.rootId ?? "";
    const firstLog = vm.logs.length;
    this.enter("proxy_on_context_create", 0);
    const started = this.enter("proxy_on_vm_start", vm.vmConfiguration.length) ?? 1;
    const size = this.#configuration.length;
    this.accepted = started !== 0 && (this.enter("proxy_on_configure", size) ?? 1) !== 0;
    // Envoy serves the configuration during these entries only.
    this.#configuration = null;
    this.logs = vm.logs.slice(firstLog);
  }

  stream(): Stream {
    return this.vm.stream(this);
  }

  /** One tick of the timer that the module asked for. */
  tick(): void {
    if (this.tickPeriod === 0) throw new Error(`root ${this.id}: tick, but no tick period is set`);
    this.enter("proxy_on_tick");
  }

  /** Ends the context, as an update or the end of the listener does. */
  close(): void {
    const done = this.enter("proxy_on_done") ?? 1;
    if (done === 0) throw new Error(`root ${this.id}: proxy_on_done = 0, but nothing is left to wait for`);
    this.enter("proxy_on_delete");
    this.vm.forget(this);
  }

  override buffer(type: number): Buffer | null {
    return type === BufferType.pluginConfiguration ? this.#configuration : super.buffer(type);
  }
}

/**
 * A stream context: one request, and its response when it gets that far. As in Envoy's
 * source/extensions/common/wasm/context.cc, a header map is there only while the entry for it runs: when that answers
 * Continue, the map is gone, and every call for one of its headers is a bad argument.
 */
export class Stream extends Context {
  readonly root: Root;
  #request: HeaderMap | null = null;
  #response: HeaderMap | null = null;

  constructor(vm: Vm, id: number, root: Root) {
    super(vm, id);
    this.root = root;
    this.enter("proxy_on_context_create", root.id);
  }

  /** The request headers as the filter leaves them. */
  request(lines: HeaderLines): HeaderMap {
    const headers = new HeaderMap(lines);
    this.#request = headers;
    this.#expectContinue(this.enter("proxy_on_request_headers", lines.length, 1));
    this.#request = null;
    return headers;
  }

  /** The response headers as the filter leaves them. */
  respond(lines: HeaderLines): HeaderMap {
    const headers = new HeaderMap(lines);
    this.#response = headers;
    this.#expectContinue(this.enter("proxy_on_response_headers", lines.length, 0));
    this.#response = null;
    return headers;
  }

  close(): void {
    this.enter("proxy_on_done");
    this.enter("proxy_on_log");
    this.enter("proxy_on_delete");
    this.vm.forget(this);
  }

  override headerMap(type: number): HeaderMap | null {
    if (type === HeaderMapType.request) return this.#request;
    return type === HeaderMapType.response ? this.#response : null;
  }

  override property(path: string): string | undefined {
    // Envoy reads these off the request's headers. The few that it keeps, such as request.time, are left out.
    if (path.startsWith("request.") && this.#request === null) return undefined;
    return super.property(path) ?? this.root.property(path);
  }

  #expectContinue(action: number | undefined): void {
    if ((action ?? 0) !== 0)
      throw new Error(`stream ${this.id}: the filter answered ${action}, not Continue (0)`);
  }
}
