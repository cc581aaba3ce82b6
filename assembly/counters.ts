import { isAlphanumeric } from "./characters";
import { addToCounter, defineCounter } from "./host";
import { words } from "./literals";
import { lasting, make } from "./region";
import { Text } from "./text";
import { putWord } from "./wordlist";
import { begin, put, putByte, written, writtenLength } from "./writer";

/** What happens to a client, as the counters `affinity.SCOPE.EVENT` tell it. */
export const enum Event {
  Created,
  Resumed,
  Repinned,
  Renewed,
  Expired,
  Rejected,
  Accepted,
  None,
}

const NAMES = words("created resumed repinned renewed expired rejected accepted");
const COUNT: usize = <usize>Event.None;

export function putEvent(event: Event): void {
  putWord(NAMES, event);
}

/**
 * The counters of one scope. They are counted here and handed over on a tick, so that a request pays no host call for
 * them.
 */
@unmanaged
export class Counters {
  scope: Text;
  next: Counters | null;
  /** For each event the number since the last tick, and the host's id of the counter. */
  private counts: usize;
  private metrics: usize;

  define(): void {
    this.counts = lasting.take(COUNT * sizeof<u64>());
    this.metrics = lasting.take(COUNT * sizeof<u32>());
    for (let event: usize = 0; event < COUNT; event++) {
      begin();
      put(words("affinity."));
      putStatName(this.scope);
      putByte(0x2e);
      putEvent(<Event>event);
      store<u32>(this.metrics + (event << 2), defineCounter(written, writtenLength()));
    }
  }

  count(event: Event): void {
    const at = this.counts + ((<usize>event) << 3);
    store<u64>(at, load<u64>(at) + 1);
  }

  flush(): void {
    for (let event: usize = 0; event < COUNT; event++) {
      const at = this.counts + (event << 3);
      const count = load<u64>(at);
      if (count == 0) continue;
      store<u64>(at, 0);
      addToCounter(load<u32>(this.metrics + (event << 2)), count);
    }
  }
}

// Envoy gives a new id each time that a metric is defined, and takes none back: the counters of a scope outlive its
// configurations.
let all: Counters | null = null;

/** The counters of a scope, the same for all that name it. */
export function countersOf(scope: Text): Counters {
  let counters = all;
  while (counters != null && !counters.scope.same(scope)) counters = counters.next;
  if (counters != null) return counters;
  const added = make<Counters>(lasting);
  added.scope = lasting.keep(scope.start, scope.length);
  added.next = all;
  added.define();
  all = added;
  return added;
}

/** Envoy splits names of stats at dots, and tags by regular expressions: a scope becomes one plain word. */
function putStatName(scope: Text): void {
  for (let i: u32 = 0; i < scope.length; i++) {
    const byte = load<u8>(scope.start + i);
    const plain = isAlphanumeric(byte) || byte == 0x2d || byte == 0x5f;
    putByte(plain ? byte : 0x5f);
  }
}
