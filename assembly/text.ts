import { equal } from "./bytes";

const HEAD: usize = 2;

/** Bytes of a text that stays: their number in 16 bits, then they. */
@unmanaged
export class Text {
  private readonly size: u16;

  // @ts-ignore: decorator
  @inline
  get length(): u32 {
    return this.size;
  }

  // @ts-ignore: decorator
  @inline
  get start(): usize {
    return changetype<usize>(this) + HEAD;
  }

  /** Returns where the copy ends. */
  copyTo(to: usize): usize {
    memory.copy(to, this.start, this.length);
    return to + this.length;
  }

  same(other: Text): bool {
    return this.is(other.start, other.length);
  }

  is(at: usize, length: u32): bool {
    return this.length == length && equal(this.start, at, length);
  }
}

/** Writes a text of `length` bytes, fewer than 65536, to `to`, which has two bytes of room more. */
export function writeText(at: usize, length: u32, to: usize): Text {
  store<u16>(to, <u16>length);
  memory.copy(to + HEAD, at, length);
  return changetype<Text>(to);
}
