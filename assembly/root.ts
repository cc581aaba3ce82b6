import { Counters, countersOf } from "./counters";
import { Policy } from "./policy";

/** A root context: one configuration of one filter. */
export class Root {
  next: Root | null = null;
  readonly counters: Counters;

  constructor(
    readonly context: u32,
    readonly policy: Policy,
  ) {
    this.counters = countersOf(policy.scope);
  }
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
  root.counters.flush();
  roots = root.next;
  return true;
}
