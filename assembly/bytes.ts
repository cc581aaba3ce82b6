/** Whether two stretches of memory hold the same bytes. Shorter than what `memory.compare` expands to, at each use. */
export function equal(one: usize, other: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    if (load<u8>(one + i) != load<u8>(other + i)) return false;
  }
  return true;
}
