import { allocate, resetArena } from "../../assembly/arena";

const SIZES: usize[] = [1, 8, 0, 100, 16_000, 500, 16_384, 16_385, 1_000_000, 3];

// Static, so that the test itself leaves no garbage behind.
const blocks = new StaticArray<usize>(SIZES.length);

/** Allocates all sizes, fills each block with its number, and returns whether all kept theirs. */
function keepsApart(): bool {
  for (let i = 0; i < SIZES.length; i++) {
    const at = allocate(SIZES[i]);
    if (at == 0 || at % 8 != 0) return false;
    memory.fill(at, <u8>(i + 1), SIZES[i]);
    blocks[i] = at;
  }
  for (let i = 0; i < SIZES.length; i++) {
    // Neighbours overlap at their ends first.
    if (
      SIZES[i] > 0 &&
      (load<u8>(blocks[i]) != <u8>(i + 1) || load<u8>(blocks[i] + SIZES[i] - 1) != <u8>(i + 1))
    )
      return false;
  }
  return true;
}

describe("arena", () => {
  it("gives blocks that do not overlap, however large", () => {
    resetArena();
    expect(keepsApart()).toBe(true);
    resetArena();
  });

  it("takes no more memory however often it is reset", () => {
    for (let i = 0; i < 20; i++) {
      resetArena();
      keepsApart();
    }
    const pages = memory.size();
    for (let i = 0; i < 500; i++) {
      resetArena();
      keepsApart();
    }
    expect(memory.size()).toBe(pages);
    resetArena();
  });

  it("gives nothing instead of trapping when a value is beyond any sense", () => {
    resetArena();
    expect(allocate(64 * 1024 * 1024 + 1)).toBe(0);
    expect(allocate(0xffffffff)).toBe(0);
    expect(allocate(0xfffffff9)).toBe(0);
  });
});
