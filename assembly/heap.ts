/**
 * Memory that is given back: blocks of powers of two, a list of free ones for each. Nothing is split or joined, so what
 * has been enough once is enough for ever, whatever the order.
 */

// The order of the block, and the next free one behind it.
const HEAD: usize = 8;
const PAGE: usize = 65536;
const free = memory.data(32 * 4, 4);

let top: usize = 0;
let end: usize = 0;

/** A block of at least `size` bytes, at most 1 GiB, aligned to 8. Traps when the VM has no more memory. */
export function obtain(size: usize): usize {
  const order = 32 - clz<u32>(<u32>(size + HEAD) - 1);
  const list = free + (order << 2);
  let block = load<usize>(list);
  if (block) store<usize>(list, load<usize>(block, 4));
  else block = extend(1 << order);
  store<u32>(block, order);
  return block + HEAD;
}

/** Gives a block back. */
export function release(at: usize): void {
  const block = at - HEAD;
  const list = free + (load<u32>(block) << 2);
  store<usize>(block, load<usize>(list), 4);
  store<usize>(list, block);
}

function extend(size: usize): usize {
  // In the tests AssemblyScript's own allocator takes at its first call whatever memory there is. The filter has none.
  if (ASC_RUNTIME != 0) heap.free(heap.alloc(1));
  if (end - top < size) {
    const pages = memory.grow(<i32>((size + PAGE - 1) / PAGE));
    if (pages < 0) unreachable();
    const from = <usize>pages * PAGE;
    if (from != end) top = from;
    end = <usize>memory.size() * PAGE;
  }
  const block = top;
  top += size;
  return block;
}
