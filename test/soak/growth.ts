/** What an Envoy holds at one moment, in bytes, and how many wasm VMs it has. */
export interface Sample {
  /** Resident memory, as the operating system counts it: V8's too. */
  readonly resident: number;
  /** What Envoy's own allocator has given out: `server.memory_allocated`. */
  readonly allocated: number;
  /** `wasm.envoy.wasm.runtime.v8.active`. */
  readonly vms: number;
}

const WARM_UP = 1 / 3;
const FEWEST = 6;

/**
 * What is wrong with a row of samples that were taken at even distances; null when nothing is. The first third is the
 * warm-up; of the rest the last third must not lie more than `bound` bytes above the first, by their medians.
 */
export function growthOf(samples: readonly Sample[], bound: number): string | null {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  if (warm.length < FEWEST) return `${samples.length} samples are too few to tell`;
  // A statistic that Envoy does not have would never grow.
  if (!samples.every((sample) => Object.values(sample).every(Number.isFinite)))
    return "a sample is not whole";
  const third = Math.floor(warm.length / 3);
  for (const what of ["resident", "allocated"] as const) {
    const before = median(warm.slice(0, third).map((sample) => sample[what]));
    const after = median(warm.slice(-third).map((sample) => sample[what]));
    if (after - before > bound)
      return `${what} memory grew from ${before} to ${after} bytes: more than ${bound} bytes`;
  }
  const vms = new Set(warm.map((sample) => sample.vms));
  return vms.size === 1 ? null : `there were ${[...vms].join(", ")} wasm VMs`;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
