import { obtain, passing, release, staying } from "./heap";

/**
 * Where Envoy puts the values that the filter asks for. They live until the next callback that asks for any: there
 * `resetArena` is the first act.
 */

// Holds what a request hands over as a rule: one Cookie header, one address.
const SIZE: usize = 16 * 1024;
// Envoy's headers end at 8 MiB (max_request_headers_kb). A request beyond any sense gets no memory instead of a trap.
const MAX_VALUE: usize = 64 * 1024 * 1024;

// The search for cookies reads so many bytes behind a value.
const READ_BEHIND: usize = 16;
const base = obtain(staying, SIZE + READ_BEHIND);
let top: usize = 0;
// Values that found no room, a list through the first word of each block.
let overflow: usize = 0;
const LINK: usize = 16;

/** Room for `size` bytes, aligned to 8; 0 when that is more than any value may have. */
export function allocate(size: usize): usize {
  const room = (size + 7) & ~7;
  if (size <= SIZE && room <= SIZE - top) {
    const at = base + top;
    top += room;
    return at;
  }
  if (size > MAX_VALUE) return 0;
  const block = obtain(passing, LINK + size + READ_BEHIND);
  store<usize>(block, overflow);
  overflow = block;
  return block + LINK;
}

export function resetArena(): void {
  top = 0;
  while (overflow) {
    const next = load<usize>(overflow);
    release(passing, overflow);
    overflow = next;
  }
}
