/** The exports of the module: the callbacks of proxy-wasm ABI 0.2.1 that the filter takes. */
import { allocate, resetArena } from "./arena";
import { MAX_CONFIGURATION, readConfiguration } from "./configuration";
import * as host from "./host";
import { LogLevel } from "./host";
import { Environment } from "./keys";
import { Problems } from "./problems";
import { onRequestHeaders } from "./request";
import { onResponseHeaders } from "./response";
import { closeRoot, findRoot, openRoot } from "./root";
import { closeStream, openStream } from "./streams";

const CONTINUE: u32 = 0;
const PLUGIN_NAME = String.UTF8.encode("plugin_name");
// How late a counter may be. Prometheus rarely asks more often than each 5 seconds.
const TICK_MILLISECONDS: u32 = 1000;

export function proxy_abi_version_0_2_1(): void {}

export function malloc(size: usize): usize {
  return allocate(size);
}

export function proxy_on_vm_start(root: u32, size: u32): u32 {
  return 1;
}

export function proxy_on_configure(root: u32, size: u32): u32 {
  resetArena();
  const accepted = configure(root, size);
  // The runtime frees nothing by itself, and no managed value is on the stack here.
  __collect();
  return accepted ? 1 : 0;
}

export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent) openStream(context, parent);
}

export function proxy_on_request_headers(context: u32, count: u32, endOfStream: u32): u32 {
  resetArena();
  onRequestHeaders(context);
  return CONTINUE;
}

export function proxy_on_response_headers(context: u32, count: u32, endOfStream: u32): u32 {
  resetArena();
  onResponseHeaders(context);
  return CONTINUE;
}

export function proxy_on_tick(root: u32): void {
  const found = findRoot(root);
  if (found != null) found.flush();
}

export function proxy_on_delete(context: u32): void {
  if (!closeStream(context) && closeRoot(context)) __collect();
}

function configure(root: u32, size: u32): bool {
  const named = host.getProperty(PLUGIN_NAME);
  const pluginName = named ? String.UTF8.decodeUnsafe(host.value, host.valueLength) : "";
  const environment = new Environment(host.getEnvironment());
  // Too long a text is refused by its length, before it takes memory.
  const tooLong = size > MAX_CONFIGURATION;
  const found = size > 0 && !tooLong && host.getConfiguration(size);
  const problems = new Problems();
  const policies = readConfiguration(
    found ? host.value : 0,
    found ? host.valueLength : tooLong ? size : 0,
    pluginName,
    environment,
    problems,
  );
  if (policies.length == 0) {
    for (let i = 0; i < problems.lines.length; i++) {
      host.log(LogLevel.Critical, "configuration refused: " + problems.lines[i]);
    }
    return false;
  }
  openRoot(root, policies);
  host.setTickPeriod(TICK_MILLISECONDS);
  return true;
}
