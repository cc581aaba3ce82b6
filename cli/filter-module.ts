/**
 * The built filter, asked what it says to a configuration: as much of a host for it (proxy-wasm ABI 0.2.1) as it
 * needs to be configured.
 */
import { randomFillSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { Unusable } from "./commands/types.ts";
import { printable } from "./commands/text.ts";

// Of the ABI: proxy_status_t, proxy_buffer_type_t and proxy_log_level_t.
const OK = 0;
const NOT_FOUND = 1;
const UNIMPLEMENTED = 12;
const PLUGIN_CONFIGURATION = 7;
const WARN = 3;

const ROOT_CONTEXT = 1;

export interface PluginInput {
  readonly configuration: Uint8Array;
  /** The `name` of Envoy's PluginConfig; may be empty. */
  readonly pluginName: string;
  /** The environment of the VM. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Verdict {
  readonly accepted: boolean;
  /** What the filter logged about it, at level warn and above. */
  readonly lines: readonly string[];
}

/** @throws Unusable when the file is missing or no WebAssembly. */
export function loadFilter(file: string): WebAssembly.Module {
  if (!existsSync(file)) {
    throw new Unusable(`${printable(file)}: the filter is not built yet; in its folder run: npm run build`);
  }
  try {
    return new WebAssembly.Module(readFileSync(file));
  } catch {
    throw new Unusable(`${printable(file)}: not a WebAssembly module; build it anew by: npm run build`);
  }
}

/** What Envoy would hear from the filter, in a VM of its own, when it hands over this configuration. */
export function configure(filter: WebAssembly.Module, plugin: PluginInput): Verdict {
  const lines: string[] = [];
  try {
    const exports = instantiate(filter, plugin, lines);
    call(exports, "_initialize");
    call(exports, "proxy_on_context_create", ROOT_CONTEXT, 0);
    const started = call(exports, "proxy_on_vm_start", ROOT_CONTEXT, 0) ?? 1;
    const size = plugin.configuration.length;
    const accepted = started !== 0 && (call(exports, "proxy_on_configure", ROOT_CONTEXT, size) ?? 1) !== 0;
    return { accepted, lines };
  } catch (error) {
    // Envoy refuses a plugin whose VM traps.
    return { accepted: false, lines: [...lines, `the filter failed: ${printable(String(error))}`] };
  }
}

type Exports = Readonly<Record<string, unknown>>;

function call(exports: Exports, name: string, ...args: number[]): number | undefined {
  const entry = exports[name];
  return typeof entry === "function"
    ? (entry as (...args: number[]) => number | undefined)(...args)
    : undefined;
}

function instantiate(filter: WebAssembly.Module, plugin: PluginInput, lines: string[]): Exports {
  const known = hostFunctions(() => exports, plugin, lines);
  const imports: Record<string, Record<string, HostFunction>> = {};
  for (const { module, name } of WebAssembly.Module.imports(filter)) {
    (imports[module] ??= {})[name] = known[name] ?? (() => UNIMPLEMENTED);
  }
  const { exports } = new WebAssembly.Instance(filter, imports);
  return exports;
}

type HostFunction = (...args: number[]) => number;

function hostFunctions(
  exports: () => Exports,
  { configuration, pluginName, environment }: PluginInput,
  lines: string[],
): Readonly<Record<string, HostFunction>> {
  // Growing a memory detaches its buffer: taken anew at each use.
  const view = (): DataView => new DataView((exports()["memory"] as WebAssembly.Memory).buffer);
  const bytes = (at: number, size: number): Uint8Array => new Uint8Array(view().buffer, at >>> 0, size >>> 0);
  const text = (at: number, size: number): string => Buffer.from(bytes(at, size)).toString();
  const setU32 = (at: number, value: number): void => view().setUint32(at >>> 0, value, true);
  const give = (value: Uint8Array, pointerOut: number, sizeOut: number): number => {
    // As in Envoy, an empty value is a null pointer.
    const at = value.length === 0 ? 0 : (call(exports(), "malloc", value.length) ?? 0);
    bytes(at, value.length).set(value);
    setU32(pointerOut, at);
    setU32(sizeOut, value.length);
    return OK;
  };
  const now = (out: number): number => {
    view().setBigUint64(out >>> 0, BigInt(Date.now()) * 1_000_000n, true);
    return OK;
  };
  const entries = Object.entries(environment).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  return {
    proxy_log(level, at, size) {
      if (level >= WARN) lines.push(text(at, size));
      return OK;
    },
    proxy_get_property(pathAt, pathSize, valueOut, sizeOut) {
      if (text(pathAt, pathSize) !== "plugin_name") return NOT_FOUND;
      return give(Buffer.from(pluginName), valueOut, sizeOut);
    },
    proxy_get_buffer_bytes(type, start, length, bytesOut, sizeOut) {
      if (type !== PLUGIN_CONFIGURATION) return NOT_FOUND;
      return give(configuration.subarray(start >>> 0, (start >>> 0) + (length >>> 0)), bytesOut, sizeOut);
    },
    proxy_get_current_time_nanoseconds: now,
    // The clock's id and its precision, a bigint, stand before the place.
    clock_time_get: (_clock, _precision, out) => now(out!),
    random_get(at, size) {
      randomFillSync(bytes(at, size));
      return OK;
    },
    environ_sizes_get(countOut, sizeOut) {
      setU32(countOut, entries.length);
      setU32(sizeOut, Buffer.concat(entries).length);
      return OK;
    },
    environ_get(pointersOut, textOut) {
      let at = textOut;
      entries.forEach((entry, index) => {
        setU32(pointersOut + 4 * index, at);
        bytes(at, entry.length).set(entry);
        at += entry.length;
      });
      return OK;
    },
  } satisfies Record<string, (...args: [number, number, number, number, number]) => number>;
}
