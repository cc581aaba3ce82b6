import { crc32, crc32Further, crc32Start } from "./crc32";

/** Points of a node of weight 1. */
export const POINTS: u32 = 160;

/**
 * The consistent hash ring of resty.chash, which ingress-nginx uses in mode balanced: a node has 160 points for each unit
 * of its weight, the first at crc32(node 00 00 00 00), each next at crc32(node LE32(the one before)). It is not the ring
 * of nginx's own `hash ... consistent`, which puts a NUL for the colon.
 */
export class Ring {
  /** Each point in 64 bits: its place on the ring, the order in which it came, which decides between equals. */
  private readonly points: StaticArray<u64>;
  private readonly nodes: StaticArray<u16>;
  private count: u32 = 0;

  /** `total` is the sum of the weights of all nodes that will be added. */
  constructor(total: u32) {
    this.points = new StaticArray<u64>(<i32>(total * POINTS));
    this.nodes = new StaticArray<u16>(<i32>(total * POINTS));
  }

  /** Adds the points of a node, whose text is `length` bytes at `text`. */
  add(node: u16, text: usize, length: usize, weight: u32): void {
    const start = crc32Start(text, length);
    let place: u32 = 0;
    for (let i: u32 = 0; i < weight * POINTS; i++) {
      store<u32>(previous, place);
      place = ~crc32Further(start, previous, 4);
      this.points[this.count] = ((<u64>place) << 32) | this.count;
      this.nodes[this.count++] = node;
    }
  }

  /** To be called once, when all nodes are there. */
  close(): void {
    // Shell's sort with Knuth's gaps, The Art of Computer Programming, volume 3, section 5.2.1. No two are equal.
    const points = this.points;
    const length = points.length;
    let gap = 1;
    while (gap < length / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
      for (let i = gap; i < length; i++) {
        const point = unchecked(points[i]);
        let at = i;
        for (; at >= gap && unchecked(points[at - gap]) > point; at -= gap)
          unchecked((points[at] = points[at - gap]));
        unchecked((points[at] = point));
      }
    }
  }

  /** The place of a point, in the order in which they came, and from `close` on in that of the ring. */
  placeOf(index: i32): u32 {
    return <u32>(this.points[index] >> 32);
  }

  /** The node that a key belongs to: that of the first point at or behind the key's place, around the ring. */
  find(key: usize, length: usize): u16 {
    const place = (<u64>crc32(key, length)) << 32;
    let low = 0;
    let high = this.points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (unchecked(this.points[middle]) < place) low = middle + 1;
      else high = middle;
    }
    return unchecked(this.nodes[<u32>this.points[low < this.points.length ? low : 0]]);
  }
}

const previous = memory.data(4, 4);
