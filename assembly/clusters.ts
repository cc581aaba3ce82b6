import { ClusterNames } from "./clusternames";
import { crc32 } from "./crc32";
import { kept, make } from "./region";
import { Text } from "./text";

/** The clusters that a session may belong to: the versions of a canary. A token carries the CRC-32 of one's name. */
@unmanaged
export class Clusters {
  /** The request header by which routes choose a cluster. */
  header: Text;
  names: ClusterNames;
  /** The CRC-32 of each. */
  sums: usize;

  /** Where sessions belong that began before clusters were told apart. */
  get first(): Text {
    return this.names.at(0);
  }

  get firstSum(): u32 {
    return load<u32>(this.sums);
  }

  /** The cluster whose name has this sum; null when it is none of these, or no longer. */
  find(sum: u32): Text | null {
    const index = this.indexOf(sum, this.names.count);
    return index < 0 ? null : this.names.at(index);
  }

  /** Whether two names have one sum. */
  get collide(): bool {
    for (let i = 1; i < this.names.count; i++) {
      if (this.indexOf(load<u32>(this.sums + (i << 2)), i) >= 0) return true;
    }
    return false;
  }

  private indexOf(sum: u32, count: i32): i32 {
    for (let i = 0; i < count; i++) {
      if (load<u32>(this.sums + (i << 2)) == sum) return i;
    }
    return -1;
  }
}

export function newClusters(header: Text, names: ClusterNames): Clusters {
  const clusters = make<Clusters>(kept);
  clusters.header = header;
  clusters.names = names;
  clusters.sums = kept.take((<usize>names.count) << 2);
  for (let i = 0; i < names.count; i++) {
    const name = names.at(i);
    store<u32>(clusters.sums + (i << 2), crc32(name.start, name.length));
  }
  return clusters;
}
