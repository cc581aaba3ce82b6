import { equal } from "./bytes";

/** Which service a cluster belongs to, by Envoy's name of the cluster. */
export class Directory {
  private readonly names: ArrayBuffer[] = [];
  private readonly sums: u32[] = [];
  private readonly services: u16[] = [];

  add(name: string, service: u16): void {
    const bytes = String.UTF8.encode(name);
    this.names.push(bytes);
    this.sums.push(sumOf(changetype<usize>(bytes), bytes.byteLength));
    this.services.push(service);
  }

  /** The service of a cluster; `fallback` for a cluster of none. */
  find(name: usize, length: u32, fallback: u16): u16 {
    const sum = sumOf(name, length);
    for (let i = 0; i < this.sums.length; i++) {
      if (unchecked(this.sums[i]) != sum) continue;
      const other = unchecked(this.names[i]);
      if (other.byteLength == length && equal(changetype<usize>(other), name, length))
        return unchecked(this.services[i]);
    }
    return fallback;
  }
}

/** FNV-1a: names of clusters begin and end alike, so comparing them all is long. */
function sumOf(from: usize, length: u32): u32 {
  let sum: u32 = 0x811c9dc5;
  for (let i: u32 = 0; i < length; i++) sum = (sum ^ load<u8>(from + i)) * 0x01000193;
  return sum;
}
