import type { Kind } from "./fuzz-cases.ts";

/** How many cases of which kind: a million with the two below. */
export const REQUEST_CASES: Readonly<Record<Kind, number>> = {
  request: 660_000,
  separators: 100_000,
  duplicates: 40_000,
  sizes: 4_000,
  hosts: 60_000,
  foreign: 36_000,
  pairs: 10_000,
};

export const CONFIGURATION_CASES = 50_000;

/** Requests with cookies of other systems. */
export const FORMER_CASES = 40_000;
