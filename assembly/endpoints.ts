import { equal } from "./bytes";
import { MAX_ENDPOINT, isAddress, readEndpoint } from "./endpoint";
import { kept, make } from "./region";

// An IPv6 address with its port, and the length; in words of eight bytes.
const SLOT: usize = 24;
const scratch = memory.data(MAX_ENDPOINT);

/** A list of pods by address and port, each once, in the form that a token has. */
@unmanaged
export class EndpointList {
  slots: usize;
  count: i32;

  /** Adds Envoy's text of an address and port; false when it is none, or is there already. */
  add(text: usize, length: u32): bool {
    const written = readEndpoint(text, length, scratch);
    if (written == 0 || !isAddress(scratch) || this.indexOf(scratch, written) >= 0) return false;
    const slot = this.at(this.count++);
    memory.copy(slot, scratch, written);
    store<u8>(slot + SLOT - 1, <u8>written);
    return true;
  }

  at(index: i32): usize {
    return this.slots + <usize>index * SLOT;
  }

  lengthAt(index: i32): u32 {
    return load<u8>(this.at(index) + SLOT - 1);
  }

  /** -1 for one that is not there. */
  indexOf(endpoint: usize, length: u32): i32 {
    for (let i = 0; i < this.count; i++) {
      if (this.lengthAt(i) == length && equal(this.at(i), endpoint, length)) return i;
    }
    return -1;
  }
}

/** Room for `most` pods. */
export function newEndpoints(most: i32): EndpointList {
  const list = make<EndpointList>(kept);
  list.slots = kept.take(SLOT * most);
  return list;
}
