/** The one file that calls the host (proxy-wasm ABI 0.2.1, and WASI for randomness and the environment). */
import { text } from "./literals";
import { scratch } from "./region";
import { Text } from "./text";
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
export function getHeader(map: HeaderMap, name: Text): bool {
  return take(proxy_get_header_map_value(map, name.start, name.length, out, out + 4));
}

/** Whether `value` is this text. */
export function isValue(expected: Text): bool {
  return expected.is(value, valueLength);
}

/** All headers, into `value`: u32 count, then the u32 lengths of each name and value, then these, each with a NUL. */
export function getHeaders(map: HeaderMap): bool {
  return take(proxy_get_header_map_pairs(map, out, out + 4));
}

/** Makes this the one header of its name. */
export function replaceHeader(map: HeaderMap, name: Text, text: usize, length: u32): void {
  proxy_replace_header_map_value(map, name.start, name.length, text, length);
}

export function addHeader(map: HeaderMap, name: Text, text: usize, length: u32): void {
  proxy_add_header_map_value(map, name.start, name.length, text, length);
}

/** Removes all headers of a name. */
export function removeHeader(map: HeaderMap, name: Text): void {
  proxy_remove_header_map_value(map, name.start, name.length);
}

/** The plugin's configuration, into `value`. Legal in proxy_on_configure. */
export function getConfiguration(size: u32): bool {
  return take(proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, out, out + 4));
}

/** How the response came about: `via_upstream` when a pod answered. */
export const CODE_DETAILS = text("response\0code_details");
/** The address of the pod that was asked last, as Envoy writes it. */
export const UPSTREAM_ADDRESS = text("upstream\0address");
/** The cluster of the route. */
export const CLUSTER_NAME = text("xds\0cluster_name");

/** A property of Envoy's, into `value`. A NUL stands between the parts of its path. */
export function getProperty(path: Text): bool {
  return take(proxy_get_property(path.start, path.length, out, out + 4));
}

const CLEAR_ROUTE_CACHE = text("clear_route_cache");

/** Has the route chosen again, by the headers as they are now. Legal on a request; Envoy's own extension of the ABI. */
export function chooseRouteAgain(): void {
  proxy_call_foreign_function(CLEAR_ROUTE_CACHE.start, CLEAR_ROUTE_CACHE.length, 0, 0, out, out + 4);
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

/** The environment of the VM, each entry as `NAME=VALUE` and a NUL, into `value`. */
export function getEnvironment(): bool {
  if (hostEnvironmentSizes(out, out + 4) != OK) return false;
  valueLength = load<u32>(out, 4);
  value = scratch.take(valueLength);
  return hostEnvironment(scratch.take(load<u32>(out) * sizeof<usize>()), value) == OK;
}

/** Defines a counter, or finds the one of that name; returns its id. */
export function defineCounter(name: usize, length: u32): u32 {
  proxy_define_metric(COUNTER, name, length, out);
  return load<u32>(out);
}

export function addToCounter(id: u32, count: u64): void {
  proxy_increment_metric(id, <i64>count);
}

/** Asks for proxy_on_tick. Legal in a root context. */
export function setTickPeriod(milliseconds: u32): void {
  proxy_set_tick_period_milliseconds(milliseconds);
}

export function log(level: LogLevel, line: usize, length: u32): void {
  proxy_log(level, line, length);
}
