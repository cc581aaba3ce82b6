import { addToCounter, defineCounter } from "./host";
import { isAlphanumeric } from "./text";

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

const NAMES = ["created", "resumed", "repinned", "renewed", "expired", "rejected", "accepted"];

export function eventName(event: Event): string {
  return unchecked(NAMES[event]);
}

/**
 * The counters of one scope. They are counted here and handed over on a tick, so that a request pays no host call for
 * them.
 */
export class Counters {
  private readonly metrics: StaticArray<u32> = new StaticArray<u32>(NAMES.length);
  private readonly counts: StaticArray<u64> = new StaticArray<u64>(NAMES.length);

  constructor(
    readonly scope: string,
    readonly next: Counters | null,
  ) {
    const prefix = "affinity." + statName(scope) + ".";
    for (let i = 0; i < NAMES.length; i++) this.metrics[i] = defineCounter(prefix + NAMES[i]);
  }

  count(event: Event): void {
    unchecked((this.counts[event] += 1));
  }

  flush(): void {
    for (let i = 0; i < NAMES.length; i++) {
      const count = unchecked(this.counts[i]);
      if (count == 0) continue;
      unchecked((this.counts[i] = 0));
      addToCounter(unchecked(this.metrics[i]), count);
    }
  }
}

// Envoy gives a new id each time that a metric is defined, and takes none back: the counters of a scope outlive its
// configurations.
let all: Counters | null = null;

/** The counters of a scope, the same for all that name it. */
export function countersOf(scope: string): Counters {
  let counters = all;
  while (counters != null && counters.scope != scope) counters = counters.next;
  if (counters != null) return counters;
  const added = new Counters(scope, all);
  all = added;
  return added;
}

/** Envoy splits names of stats at dots, and tags by regular expressions: a scope becomes one plain word. */
function statName(scope: string): string {
  let name = "";
  for (let i = 0; i < scope.length; i++) {
    const code = scope.charCodeAt(i);
    const plain = isAlphanumeric(code) || code == 0x2d || code == 0x5f;
    name += plain ? scope.charAt(i) : "_";
  }
  return name;
}
