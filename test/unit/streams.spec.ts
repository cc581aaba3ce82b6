import {
  Renewal,
  closeStream,
  findStream,
  longestRun,
  openStream,
  openStreams,
} from "../../assembly/streams";

let state: u32 = 2463534242;

/** Xorshift, the same numbers at each run. G. Marsaglia, Xorshift RNGs, Journal of Statistical Software 8 (2003). */
function random(below: u32): u32 {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % below;
}

function rootOf(context: u32): u32 {
  const stream = findStream(context);
  return stream == null ? 0 : stream.root;
}

describe("streams", () => {
  it("knows a stream from openStream to closeStream", () => {
    openStream(7, 1);
    expect(rootOf(7)).toBe(1);
    expect(rootOf(8)).toBe(0);
    expect(closeStream(8)).toBe(false);
    expect(closeStream(7)).toBe(true);
    expect(closeStream(7)).toBe(false);
    expect(rootOf(7)).toBe(0);
    expect(openStreams()).toBe(0);
  });

  it("starts afresh when an id comes again", () => {
    openStream(7, 1);
    const before = findStream(7)!;
    before.session = 5;
    before.resumed = true;
    before.renewal = <u8>Renewal.Due;
    before.explained = true;
    before.attributes = 3;
    openStream(7, 2);
    expect(rootOf(7)).toBe(2);
    const after = findStream(7)!;
    expect(after.session).toBe(0);
    expect(after.resumed).toBe(false);
    expect(after.renewal).toBe(<u8>Renewal.None);
    expect(after.explained).toBe(false);
    expect(after.attributes).toBe(0);
    expect(openStreams()).toBe(1);
    closeStream(7);
  });

  it("takes no id 0, which marks an empty slot", () => {
    openStream(0, 1);
    expect(openStreams()).toBe(0);
    expect(rootOf(0)).toBe(0);
    expect(closeStream(0)).toBe(false);
  });

  it("agrees with a map, whatever is opened and closed, ids running over 2^32", () => {
    const model = new Map<u32, u32>();
    let next: u32 = 0xffff8000;
    for (let i = 0; i < 200_000; i++) {
      if (random(100) < 52) {
        if (next != 0) {
          openStream(next, next ^ 0x5555);
          model.set(next, next ^ 0x5555);
        }
        next += random(8) ? 1 : 1024; // far apart now and then: the same slot
      } else {
        const candidate = next - 1 - random(20_000);
        const known = model.has(candidate);
        assert(closeStream(candidate) == known, "closed: " + candidate.toString());
        if (known) model.delete(candidate);
      }
    }
    expect(openStreams()).toBe(<u32>model.size);
    const ids = model.keys();
    for (let i = 0; i < ids.length; i++) {
      assert(rootOf(ids[i]) == (ids[i] ^ 0x5555), "lost: " + ids[i].toString());
      assert(closeStream(ids[i]), "not closed: " + ids[i].toString());
    }
    expect(openStreams()).toBe(0);
  });

  it("keeps probes short for the newcomers among 50,000 long streams that began together", () => {
    let longest: u32 = 0;
    for (let id: u32 = 1; id <= 50_000; id++) openStream(id, 1);
    for (let id: u32 = 50_001; id <= 350_000; id++) {
      openStream(id, 1);
      if (id % 1000 == 0) longest = max(longest, longestRun());
      closeStream(id);
    }
    for (let id: u32 = 1; id <= 50_000; id++) closeStream(id);
    expect(openStreams()).toBe(0);
    expect(longest < 64).toBe(true, longest.toString() + " slots in a row");
  });
});
