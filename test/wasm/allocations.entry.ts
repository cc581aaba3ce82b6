// The module of allocations.test.ts: the filter, and how many blocks of memory it has taken.
import { obtained } from "../../assembly/heap";

export * from "../../assembly/index";

export function blocks(): u32 {
  return obtained;
}
