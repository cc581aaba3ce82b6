import { crc32 } from "./crc32";

/** The clusters that a session may belong to: the versions of a canary. A token carries the CRC-32 of one's name. */
export class Clusters {
  /** The request header by which routes choose a cluster. */
  readonly header: ArrayBuffer;
  private readonly names: StaticArray<ArrayBuffer>;
  private readonly sums: StaticArray<u32>;
  /** Whether two names have one sum. */
  collide: bool = false;

  constructor(header: string, names: string[]) {
    this.header = String.UTF8.encode(header);
    this.names = new StaticArray<ArrayBuffer>(names.length);
    this.sums = new StaticArray<u32>(names.length);
    for (let i = 0; i < names.length; i++) {
      const name = String.UTF8.encode(names[i]);
      this.names[i] = name;
      const sum = crc32(changetype<usize>(name), name.byteLength);
      if (i > 0 && this.find(sum) != null) this.collide = true;
      this.sums[i] = sum;
    }
  }

  /** Where sessions belong that began before clusters were told apart. */
  get first(): ArrayBuffer {
    return unchecked(this.names[0]);
  }

  get firstSum(): u32 {
    return unchecked(this.sums[0]);
  }

  /** The cluster whose name has this sum; null when it is none of these, or no longer. */
  find(sum: u32): ArrayBuffer | null {
    for (let i = 0; i < this.sums.length; i++) {
      if (unchecked(this.sums[i]) == sum) return unchecked(this.names[i]);
    }
    return null;
  }
}
