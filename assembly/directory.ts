import { Policy } from "./policy";
import { kept, make } from "./region";
import { Text } from "./text";

/** Which policy a cluster belongs to, by Envoy's name of the cluster. A list, ended by null. */
@unmanaged
export class Directory {
  next: Directory | null;
  sum: u32;
  name: Text;
  policy: Policy;

  /** The entry of a cluster, in this one or behind it; null for a cluster of none. */
  find(name: usize, length: u32): Directory | null {
    const sum = sumOf(name, length);
    let entry: Directory | null = this;
    while (entry != null && (entry.sum != sum || !entry.name.is(name, length))) entry = entry.next;
    return entry;
  }
}

/** A new entry before `next`. */
export function newEntry(name: Text, policy: Policy, next: Directory | null): Directory {
  const entry = make<Directory>(kept);
  entry.next = next;
  entry.sum = sumOf(name.start, name.length);
  entry.name = name;
  entry.policy = policy;
  return entry;
}

/** FNV-1a: names of clusters begin and end alike, so comparing them all is long. */
function sumOf(from: usize, length: u32): u32 {
  let sum: u32 = 0x811c9dc5;
  for (let i: u32 = 0; i < length; i++) sum = (sum ^ load<u8>(from + i)) * 0x01000193;
  return sum;
}
