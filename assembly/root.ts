import { addToCounter, defineCounter } from "./host";
import { Policy } from "./policy";

/** What happens to a client, as the counters `affinity.SCOPE.EVENT` tell it. */
export const enum Event {
  Created,
  Resumed,
  Repinned,
  Rejected,
}

const NAMES = ["created", "resumed", "repinned", "rejected"];

/** A root context: one configuration of one filter, and its counters. */
export class Root {
  next: Root | null = null;
  private readonly metrics: StaticArray<u32> = new StaticArray<u32>(NAMES.length);
  // Counted here and handed over on a tick, so that a request pays no host call for it.
  private readonly counts: StaticArray<u64> = new StaticArray<u64>(NAMES.length);

  constructor(
    readonly context: u32,
    readonly policy: Policy,
  ) {
    const prefix = "affinity." + statName(policy.scope) + ".";
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

/** Envoy splits names of stats at dots, and tags by regular expressions: a scope becomes one plain word. */
export function statName(scope: string): string {
  let name = "";
  for (let i = 0; i < scope.length; i++) {
    const code = scope.charCodeAt(i);
    const letter = code | 0x20;
    const plain =
      (letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39) || code == 0x2d || code == 0x5f;
    name += plain ? scope.charAt(i) : "_";
  }
  return name;
}

// A handful: Envoy keeps one for each configuration that is in use or draining. The one that was asked for last is
// in front.
let roots: Root | null = null;

/** The root context of an id; null when it has no configuration. */
export function findRoot(context: u32): Root | null {
  const first = roots;
  return first == null || first.context == context ? first : findFurther(first, context);
}

function findFurther(first: Root, context: u32): Root | null {
  let before = first;
  let root = first.next;
  while (root != null && root.context != context) {
    before = root;
    root = root.next;
  }
  if (root == null) return null;
  before.next = root.next;
  root.next = first;
  roots = root;
  return root;
}

/** Starts a root context, in the place of one that has the same id. */
export function openRoot(context: u32, policy: Policy): void {
  closeRoot(context);
  const root = new Root(context, policy);
  root.next = roots;
  roots = root;
}

/** Ends a root context; returns whether there was one. */
export function closeRoot(context: u32): bool {
  const root = findRoot(context);
  if (root == null) return false;
  root.flush();
  roots = root.next;
  return true;
}
