import { obtain, release, staying } from "./heap";
import { Text, writeText } from "./text";

const BLOCK: usize = 4096 - 8;
const LINK: usize = 8;

/** Memory for many things that end together. A list of blocks; each starts with the place of the one before. */
@unmanaged
export class Region {
  private blocks: usize;
  private top: usize;
  private end: usize;

  /** Zeros, aligned to 8. */
  take(size: usize): usize {
    size = (size + 7) & ~7;
    if (this.end - this.top < size) {
      const room = max(size + LINK, BLOCK);
      const block = obtain(staying, room);
      store<usize>(block, this.blocks);
      this.blocks = block;
      this.top = block + LINK;
      this.end = block + room;
    }
    const at = this.top;
    this.top += size;
    memory.fill(at, 0, size);
    return at;
  }

  keep(at: usize, length: u32): Text {
    return writeText(at, length, this.take(length + 2));
  }

  /** Ends all that was taken. */
  clear(): void {
    let block = this.blocks;
    while (block) {
      const before = load<usize>(block);
      release(staying, block);
      block = before;
    }
    this.forget();
  }

  /** Leaves what was taken to a copy of this object. */
  forget(): void {
    this.blocks = 0;
    this.top = 0;
    this.end = 0;
  }
}

/** What a configuration is read with: gone when it is read. */
export const scratch = changetype<Region>(memory.data(offsetof<Region>(), 4));
/** What is kept of the configuration that is being read. */
export const kept = changetype<Region>(memory.data(offsetof<Region>(), 4));
/** What the VM keeps for good. */
export const lasting = changetype<Region>(memory.data(offsetof<Region>(), 4));

/** A new object of a class without a constructor, all of it zeros. */
// @ts-ignore: decorator
@inline
export function make<T>(region: Region): T {
  return changetype<T>(region.take(offsetof<T>()));
}
