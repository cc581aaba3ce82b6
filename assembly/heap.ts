/**
 * Memory that is given back: a list of free blocks by address, of which the first that is large enough serves, and
 * neighbours become one again. Knuth, The Art of Computer Programming, volume 1, section 2.5. Few blocks are ever free: the
 * filter takes what it needs in large ones.
 *
 * What lives for one callback and what stays have a list each: a configuration that comes in between requests would
 * else divide the room of the largest of them, and the next of that size would take more.
 */

// Of each block its size, with this head, and while it is free the next one.
const HEAD: usize = 8;
const NEXT: usize = 4;
const UNIT: usize = 16;
const PAGE: usize = 65536;
// Each is a block of no size before all others.
/** Blocks that are given back when the callback ends, or soon. */
export const passing = memory.data(8, 8);
/** Blocks of configurations and streams. */
export const staying = memory.data(8, 8);

/** How many blocks were asked for. */
export let obtained: u32 = 0;

/** A block of at least `size` bytes, at most 1 GiB, aligned to 8. Traps when the VM has no more memory. */
export function obtain(list: usize, size: usize): usize {
  obtained++;
  size = (size + HEAD + UNIT - 1) & ~(UNIT - 1);
  while (true) {
    let before = list;
    let block = load<usize>(before, NEXT);
    while (block && load<usize>(block) < size) {
      before = block;
      block = load<usize>(block, NEXT);
    }
    if (block) {
      const rest = load<usize>(block) - size;
      store<usize>(block, rest);
      if (rest == 0) store<usize>(before, load<usize>(block, NEXT), NEXT);
      block += rest;
      store<usize>(block, size);
      return block + HEAD;
    }
    extend(list, size);
  }
}

/** Gives a block back to the list that it is of. */
export function release(list: usize, at: usize): void {
  const block = at - HEAD;
  let before = list;
  let next = load<usize>(before, NEXT);
  while (next && next < block) {
    before = next;
    next = load<usize>(next, NEXT);
  }
  store<usize>(block, next, NEXT);
  store<usize>(before, block, NEXT);
  join(block);
  join(before);
}

/** Joins a free block with the next one, if that is right behind it. */
function join(block: usize): void {
  const next = load<usize>(block, NEXT);
  if (block + load<usize>(block) != next) return;
  store<usize>(block, load<usize>(block) + load<usize>(next));
  store<usize>(block, load<usize>(next, NEXT), NEXT);
}

function extend(list: usize, size: usize): void {
  // In the tests AssemblyScript's own allocator takes at its first call whatever memory there is. The filter has none.
  if (ASC_RUNTIME != 0) heap.free(heap.alloc(1));
  const pages = (size + PAGE - 1) / PAGE;
  const before = memory.grow(<i32>pages);
  if (before < 0) unreachable();
  const block = <usize>before * PAGE;
  store<usize>(block, pages * PAGE);
  release(list, block + HEAD);
}
