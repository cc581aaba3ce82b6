import { randomBytes } from "node:crypto";
import { HeaderMapType, LogLevel, pairsBytes, Status } from "./abi.ts";
import type { HeaderMap } from "./headers.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { Metrics } from "./metrics.ts";

/** The side of a root or stream context that host calls act on. */
export interface CallContext {
  readonly id: number;
  /** Every host call made for this context, in order, header calls with map and name. */
  readonly calls: string[];
  headerMap(type: number): HeaderMap | null;
  /** Served by the pairs call in place of the header map when set. */
  readonly rawPairs: Buffer | null;
  buffer(type: number): Buffer | null;
  property(path: string): string | undefined;
  setTickPeriod(milliseconds: number): void;
  clearRouteCache(): void;
}

/** What host calls need of the VM that makes them. */
export interface CallingVm {
  readonly memory: GuestMemory;
  readonly metrics: Metrics;
  readonly env: Readonly<Record<string, string>>;
  readonly nanoseconds: bigint;
  readonly logLevel: number;
  /** The context of the entry under way, or the effective one that the module set. */
  context(): CallContext;
  setEffectiveContext(id: number): boolean;
  log(level: number, text: string): void;
}

type HostFunction = (...args: never[]) => number | void;
type HostFunctions = Record<string, HostFunction>;

/**
 * An import object for all that the module imports. A function that this host does not have throws when it is
 * called; each call is put down in the calls of its context.
 */
export function importObject(module: WebAssembly.Module, vm: CallingVm): Record<string, HostFunctions> {
  const known: Record<string, HostFunctions> = {
    env: { ...headerCalls(vm), ...contextCalls(vm), ...systemCalls(vm) },
    wasi_snapshot_preview1: wasiCalls(vm),
    wasi_unstable: wasiCalls(vm),
  };
  const imports: Record<string, HostFunctions> = {};
  for (const { module: space, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function")
      throw new Error(`import ${space}.${name}: a ${kind}; this host gives functions only`);
    (imports[space] ??= {})[name] = known[space]?.[name] ?? missing(`${space}.${name}`);
  }
  return imports;
}

function missing(name: string): HostFunction {
  return () => {
    throw new Error(`${name}: called by the module, but this host does not have it`);
  };
}

function headerCalls(vm: CallingVm): HostFunctions {
  const called = (call: string, type: number, name?: string): HeaderMap | null => {
    const map =
      type === HeaderMapType.request ? "request" : type === HeaderMapType.response ? "response" : type;
    const context = vm.context();
    context.calls.push(name === undefined ? `${call}(${map})` : `${call}(${map}, ${name})`);
    return context.headerMap(type);
  };
  const key = (pointer: number, size: number): string => vm.memory.text(pointer, size).toLowerCase();
  return {
    proxy_get_header_map_value(
      type: number,
      keyAt: number,
      keySize: number,
      valueOut: number,
      sizeOut: number,
    ) {
      const name = key(keyAt, keySize);
      const map = called("proxy_get_header_map_value", type, name);
      if (map === null) return Status.badArgument;
      const value = map.first(name);
      if (value === null) return Status.notFound;
      vm.memory.giveText(value, valueOut, sizeOut);
      return Status.ok;
    },
    proxy_get_header_map_pairs(type: number, pairsOut: number, sizeOut: number) {
      const lines = called("proxy_get_header_map_pairs", type)?.lines ?? [];
      const pairs = vm.context().rawPairs ?? (lines.length === 0 ? Buffer.alloc(0) : pairsBytes(lines));
      vm.memory.give(pairs, pairsOut, sizeOut);
      return Status.ok;
    },
    proxy_add_header_map_value(type: number, keyAt: number, keySize: number, valueAt: number, size: number) {
      const name = key(keyAt, keySize);
      const map = called("proxy_add_header_map_value", type, name);
      map?.add(name, vm.memory.text(valueAt, size));
      return map === null ? Status.badArgument : Status.ok;
    },
    proxy_replace_header_map_value(
      type: number,
      keyAt: number,
      keySize: number,
      valueAt: number,
      size: number,
    ) {
      const name = key(keyAt, keySize);
      const map = called("proxy_replace_header_map_value", type, name);
      map?.replace(name, vm.memory.text(valueAt, size));
      return map === null ? Status.badArgument : Status.ok;
    },
    proxy_remove_header_map_value(type: number, keyAt: number, keySize: number) {
      const name = key(keyAt, keySize);
      const map = called("proxy_remove_header_map_value", type, name);
      map?.remove(name);
      return map === null ? Status.badArgument : Status.ok;
    },
  };
}

function contextCalls(vm: CallingVm): HostFunctions {
  return noted(vm, {
    proxy_get_property(pathAt: number, pathSize: number, valueOut: number, sizeOut: number) {
      const value = vm.context().property(vm.memory.text(pathAt, pathSize).replaceAll("\0", "."));
      if (value === undefined) return Status.notFound;
      vm.memory.give(Buffer.from(value), valueOut, sizeOut);
      return Status.ok;
    },
    proxy_get_buffer_bytes(type: number, start: number, length: number, bytesOut: number, sizeOut: number) {
      const buffer = vm.context().buffer(type);
      if (buffer === null) return Status.notFound;
      const slice = buffer.subarray(start >>> 0, (start >>> 0) + (length >>> 0));
      // Envoy leaves both results as they are when there is nothing to copy.
      if (slice.length > 0) vm.memory.give(slice, bytesOut, sizeOut);
      return Status.ok;
    },
    proxy_get_buffer_status(type: number, lengthOut: number, flagsOut: number) {
      const buffer = vm.context().buffer(type);
      if (buffer === null) return Status.notFound;
      vm.memory.writeU32(lengthOut, buffer.length);
      vm.memory.writeU32(flagsOut, 0);
      return Status.ok;
    },
    proxy_set_effective_context: (id: number) =>
      vm.setEffectiveContext(id) ? Status.ok : Status.badArgument,
    proxy_set_tick_period_milliseconds(milliseconds: number) {
      vm.context().setTickPeriod(milliseconds >>> 0);
      return Status.ok;
    },
    proxy_clear_route_cache() {
      vm.context().clearRouteCache();
      return Status.ok;
    },
    proxy_call_foreign_function(nameAt: number, nameSize: number) {
      if (vm.memory.text(nameAt, nameSize) !== "clear_route_cache") return Status.notFound;
      vm.context().clearRouteCache();
      return Status.ok;
    },
  });
}

function systemCalls(vm: CallingVm): HostFunctions {
  return noted(vm, {
    proxy_log(level: number, textAt: number, size: number) {
      if (level >>> 0 > LogLevel.critical) return Status.badArgument;
      vm.log(level, vm.memory.text(textAt, size, "utf8"));
      return Status.ok;
    },
    proxy_get_log_level(levelOut: number) {
      vm.memory.writeU32(levelOut, vm.logLevel);
      return Status.ok;
    },
    proxy_get_current_time_nanoseconds(timeOut: number) {
      vm.memory.writeU64(timeOut, vm.nanoseconds);
      return Status.ok;
    },
    proxy_define_metric(type: number, nameAt: number, nameSize: number, idOut: number) {
      vm.memory.writeU32(idOut, vm.metrics.define(type, vm.memory.text(nameAt, nameSize)));
      return Status.ok;
    },
    proxy_increment_metric: (id: number, offset: bigint) => vm.metrics.increment(id, offset),
    proxy_get_metric(id: number, valueOut: number) {
      const value = vm.metrics.byId(id);
      if (value === undefined) return Status.notFound;
      vm.memory.writeU64(valueOut, value);
      return Status.ok;
    },
  });
}

function wasiCalls(vm: CallingVm): HostFunctions {
  const environment = (): Buffer[] =>
    Object.entries(vm.env).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  return noted(vm, {
    random_get(at: number, size: number) {
      vm.memory.writeBytes(at, random(size >>> 0));
      return 0;
    },
    environ_sizes_get(countOut: number, sizeOut: number) {
      const entries = environment();
      vm.memory.writeU32(countOut, entries.length);
      vm.memory.writeU32(sizeOut, Buffer.concat(entries).length);
      return 0;
    },
    environ_get(pointersOut: number, textOut: number) {
      let at = textOut;
      environment().forEach((entry, index) => {
        vm.memory.writeU32(pointersOut + 4 * index, at);
        vm.memory.writeBytes(at, entry);
        at += entry.length;
      });
      return 0;
    },
    clock_time_get(_clock: number, _precision: bigint, timeOut: number) {
      vm.memory.writeU64(timeOut, vm.nanoseconds);
      return 0;
    },
  });
}

let drawn = Buffer.alloc(0);

/** Bytes of the system's generator, drawn in large pieces: a call for a few of them takes longer than all else here. */
function random(size: number): Uint8Array {
  if (size > drawn.length) drawn = randomBytes(Math.max(size, 64 * 1024));
  const bytes = drawn.subarray(0, size);
  drawn = drawn.subarray(size);
  return bytes;
}

function noted(vm: CallingVm, functions: HostFunctions): HostFunctions {
  const wrap = ([name, call]: [string, HostFunction]): [string, HostFunction] => [
    name,
    (...args) => {
      vm.context().calls.push(name);
      return call(...args);
    },
  ];
  return Object.fromEntries(Object.entries(functions).map(wrap));
}
