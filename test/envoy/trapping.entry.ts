/** The filter with a way to make it trap, which its own code has not: a request with very many headers. */
import { proxy_on_request_headers as onRequestHeaders } from "../../assembly/index";

export {
  malloc,
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_response_headers,
  proxy_on_tick,
  proxy_on_vm_start,
} from "../../assembly/index";

const TRAPS_ABOVE: u32 = 50;

export function proxy_on_request_headers(context: u32, count: u32, endOfStream: u32): u32 {
  if (count > TRAPS_ABOVE) unreachable();
  return onRequestHeaders(context, count, endOfStream);
}
