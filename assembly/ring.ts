import { kept, make } from "./region";
import { crc32, crc32Further, crc32Start } from "./crc32";

/** Points of a node of weight 1. */
export const POINTS: u32 = 160;

/**
 * The consistent hash ring of resty.chash, which ingress-nginx uses in mode balanced: a node has 160 points for each unit
 * of its weight, the first at crc32(node 00 00 00 00), each next at crc32(node LE32(the one before)). It is not the ring
 * of nginx's own `hash ... consistent`, which puts a NUL for the colon.
 */
@unmanaged
export class Ring {
  /** Each point in 64 bits: its place on the ring, the order in which it came, which decides between equals. */
  points: usize;
  /** The node of each, by the order in which they came. */
  nodes: usize;
  private count: u32;

  /** Adds the points of a node, whose text is `length` bytes at `text`. */
  add(node: u16, text: usize, length: usize, weight: u32): void {
    const start = crc32Start(text, length);
    let place: u32 = 0;
    for (let i: u32 = 0; i < weight * POINTS; i++) {
      store<u32>(previous, place);
      place = ~crc32Further(start, previous, 4);
      store<u64>(this.points + (this.count << 3), ((<u64>place) << 32) | this.count);
      store<u16>(this.nodes + (this.count++ << 1), node);
    }
  }

  /** To be called once, when all nodes are there. */
  close(): void {
    // Shell's sort with Knuth's gaps, The Art of Computer Programming, volume 3, section 5.2.1. No two are equal.
    const points = this.points;
    const length = this.count;
    let gap: u32 = 1;
    while (gap < length / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
      for (let i = gap; i < length; i++) {
        const point = load<u64>(points + (i << 3));
        let at = i;
        for (; at >= gap; at -= gap) {
          const before = load<u64>(points + ((at - gap) << 3));
          if (before <= point) break;
          store<u64>(points + (at << 3), before);
        }
        store<u64>(points + (at << 3), point);
      }
    }
  }

  /** The place of a point, in the order in which they came, and from `close` on in that of the ring. */
  placeOf(index: u32): u32 {
    return load<u32>(this.points + (index << 3), 4);
  }

  /** The node that a key belongs to: that of the first point at or behind the key's place, around the ring. */
  find(key: usize, length: usize): u16 {
    const place = (<u64>crc32(key, length)) << 32;
    let low: u32 = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (load<u64>(this.points + (middle << 3)) < place) low = middle + 1;
      else high = middle;
    }
    if (low == this.count) low = 0;
    return load<u16>(this.nodes + (load<u32>(this.points + (low << 3)) << 1));
  }
}

/** A ring without points; `total` is the sum of the weights of all nodes that will be added. */
export function newRing(total: u32): Ring {
  const ring = make<Ring>(kept);
  ring.points = kept.take(<usize>total * POINTS * sizeof<u64>());
  ring.nodes = kept.take(<usize>total * POINTS * sizeof<u16>());
  return ring;
}

const previous = memory.data(4, 4);
