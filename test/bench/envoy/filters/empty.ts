/** The bench's filter that does nothing: what it costs to have a filter in wasm at all. */
export function proxy_abi_version_0_2_1(): void {}

export function malloc(size: usize): usize {
  return heap.alloc(size);
}

export function proxy_on_request_headers(context: u32, count: u32, endOfStream: u32): u32 {
  return 0;
}

export function proxy_on_response_headers(context: u32, count: u32, endOfStream: u32): u32 {
  return 0;
}
