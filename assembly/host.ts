/** The one file that calls the host (proxy-wasm ABI 0.2.1, and WASI for randomness and the environment). */
import { equal } from "./bytes";
import {
  proxy_add_header_map_value,
  proxy_call_foreign_function,
  proxy_define_metric,
  proxy_get_buffer_bytes,
  proxy_get_current_time_nanoseconds,
  proxy_get_header_map_pairs,
  proxy_get_header_map_value,
  proxy_get_property,
  proxy_increment_metric,
  proxy_log,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
  proxy_set_tick_period_milliseconds,
} from "proxy-wasm-assemblyscript-sdk/assembly/imports";

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
declare function hostRandom(at: usize, size: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "environ_sizes_get")
declare function hostEnvironmentSizes(count: usize, size: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "environ_get")
declare function hostEnvironment(entries: usize, text: usize): u32;

/** Of the ABI, proxy_header_map_type_t. */
export const enum HeaderMap {
  Request = 0,
  Response = 2,
}

/** Of the ABI, proxy_log_level_t. */
export const enum LogLevel {
  Warn = 3,
  Critical = 5,
}

const OK: u32 = 0;
const PLUGIN_CONFIGURATION: i32 = 7; // proxy_buffer_type_t
const COUNTER: i32 = 0; // proxy_metric_type_t

/** The value that the last successful call of a getter returned; until the VM is next entered. */
export let value: usize = 0;
export let valueLength: u32 = 0;

const out = memory.data(8, 8);

function take(status: u32): bool {
  if (status != OK) return false;
  value = load<u32>(out);
  valueLength = load<u32>(out, 4);
  return true;
}

/** The first header of a name, into `value`. Legal in the callback of these headers alone. */
export function getHeader(map: HeaderMap, name: ArrayBuffer): bool {
  return take(proxy_get_header_map_value(map, changetype<usize>(name), name.byteLength, out, out + 4));
}

/** Whether `value` is this text. */
export function isValue(expected: ArrayBuffer): bool {
  const length = expected.byteLength;
  return valueLength == length && equal(value, changetype<usize>(expected), length);
}

/** All headers, into `value`: u32 count, then the u32 lengths of each name and value, then these, each with a NUL. */
export function getHeaders(map: HeaderMap): bool {
  return take(proxy_get_header_map_pairs(map, out, out + 4));
}

/** Makes this the one header of its name. */
export function replaceHeader(map: HeaderMap, name: ArrayBuffer, text: usize, length: u32): void {
  proxy_replace_header_map_value(map, changetype<usize>(name), name.byteLength, text, length);
}

export function addHeader(map: HeaderMap, name: ArrayBuffer, text: usize, length: u32): void {
  proxy_add_header_map_value(map, changetype<usize>(name), name.byteLength, text, length);
}

/** Removes all headers of a name. */
export function removeHeader(map: HeaderMap, name: ArrayBuffer): void {
  proxy_remove_header_map_value(map, changetype<usize>(name), name.byteLength);
}

/** The plugin's configuration, into `value`. Legal in proxy_on_configure. */
export function getConfiguration(size: u32): bool {
  return take(proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, out, out + 4));
}

/** How the response came about: `via_upstream` when a pod answered. */
export const CODE_DETAILS = String.UTF8.encode("response\0code_details");
/** The address of the pod that was asked last, as Envoy writes it. */
export const UPSTREAM_ADDRESS = String.UTF8.encode("upstream\0address");
/** The cluster of the route. */
export const CLUSTER_NAME = String.UTF8.encode("xds\0cluster_name");

/** A property of Envoy's, into `value`. A NUL stands between the parts of its path. */
export function getProperty(path: ArrayBuffer): bool {
  return take(proxy_get_property(changetype<usize>(path), path.byteLength, out, out + 4));
}

const CLEAR_ROUTE_CACHE = String.UTF8.encode("clear_route_cache");

/** Has the route chosen again, by the headers as they are now. Legal on a request; Envoy's own extension of the ABI. */
export function chooseRouteAgain(): void {
  proxy_call_foreign_function(
    changetype<usize>(CLEAR_ROUTE_CACHE),
    CLEAR_ROUTE_CACHE.byteLength,
    0,
    0,
    out,
    out + 4,
  );
}

/** Unix time in seconds. */
export function now(): u32 {
  store<u64>(out, 0);
  proxy_get_current_time_nanoseconds(out);
  return <u32>(load<u64>(out) / 1_000_000_000);
}

/** Fills memory with random bytes that are fit for keys; false when the host has none. */
export function fillRandom(at: usize, size: usize): bool {
  return hostRandom(at, size) == OK;
}

/** The environment of the VM, each entry as `NAME=VALUE`. */
export function getEnvironment(): string[] {
  const entries: string[] = [];
  if (hostEnvironmentSizes(out, out + 4) != OK) return entries;
  const count = load<u32>(out);
  const pointers = new ArrayBuffer(count * sizeof<usize>());
  const text = new ArrayBuffer(load<u32>(out, 4));
  if (hostEnvironment(changetype<usize>(pointers), changetype<usize>(text)) != OK) return entries;
  for (let i: u32 = 0; i < count; i++) {
    const entry = load<usize>(changetype<usize>(pointers) + i * sizeof<usize>());
    entries.push(String.UTF8.decodeUnsafe(entry, changetype<usize>(text) + text.byteLength - entry, true));
  }
  return entries;
}

/** Defines a counter, or finds the one of that name; returns its id. */
export function defineCounter(name: string): u32 {
  const bytes = String.UTF8.encode(name);
  proxy_define_metric(COUNTER, changetype<usize>(bytes), bytes.byteLength, out);
  return load<u32>(out);
}

export function addToCounter(id: u32, count: u64): void {
  proxy_increment_metric(id, <i64>count);
}

/** Asks for proxy_on_tick. Legal in a root context. */
export function setTickPeriod(milliseconds: u32): void {
  proxy_set_tick_period_milliseconds(milliseconds);
}

export function log(level: LogLevel, text: string): void {
  const bytes = String.UTF8.encode("affinity: " + text);
  proxy_log(level, changetype<usize>(bytes), bytes.byteLength);
}
