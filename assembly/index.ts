/** The exports of the module: the callbacks of proxy-wasm ABI 0.2.1 that the filter takes. */
import { allocate, resetArena } from "./arena";
import { MAX_CONFIGURATION, readConfiguration } from "./configuration";
import { setEnvironment } from "./environment";
import * as host from "./host";
import { LogLevel } from "./host";
import { text, words } from "./literals";
import { problems } from "./problems";
import { kept, scratch } from "./region";
import { onRequestHeaders } from "./request";
import { onResponseHeaders } from "./response";
import { closeRoot, findRoot, openRoot } from "./root";
import { closeStream, openStream } from "./streams";
import { begin, put, putText, written, writtenLength } from "./writer";

const CONTINUE: u32 = 0;
const PLUGIN_NAME = text("plugin_name");
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
  scratch.clear();
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
  if (!closeStream(context)) closeRoot(context);
}

function configure(root: u32, size: u32): bool {
  const named = host.getProperty(PLUGIN_NAME);
  const name = named ? host.value : 0;
  const nameLength = named ? host.valueLength : 0;
  const hasEnvironment = host.getEnvironment();
  setEnvironment(host.value, hasEnvironment ? host.valueLength : 0);
  // Too long a text is refused by its length, before it takes memory.
  const tooLong = size > MAX_CONFIGURATION;
  const found = size > 0 && !tooLong && host.getConfiguration(size);
  const policies = readConfiguration(
    host.value,
    found ? host.valueLength : tooLong ? size : 0,
    name,
    nameLength,
  );
  if (policies != null) {
    openRoot(root, policies);
    host.setTickPeriod(TICK_MILLISECONDS);
    return true;
  }
  let problem = problems;
  while (problem != null) {
    begin();
    put(words("affinity: configuration refused: "));
    putText(problem.line);
    host.log(LogLevel.Critical, written, writtenLength());
    problem = problem.next;
  }
  kept.clear();
  return false;
}
