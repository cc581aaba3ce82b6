import { crc32 } from "../../assembly/crc32";
import { newRing } from "../../assembly/ring";
import { bytesOfHex, bytesOfText } from "./bytes";
import { balanced, ringPoints } from "./vectors/former";

// The vectors come from lua-resty-balancer's own C and Lua.
describe("Ring", () => {
  it("has the points of resty.chash", () => {
    for (let i = 0; i < ringPoints.length; i++) {
      const row = ringPoints[i];
      const ring = newRing(row.weight);
      const text = bytesOfText(row.node);
      ring.add(0, text.dataStart, text.length, row.weight);
      for (let k = 0; k < row.first.length; k++)
        expect(ring.placeOf(k).toString()).toBe(row.first[k], row.node);
      expect(ring.placeOf(159)).toBe(<u32>row.last, row.node);
      ring.close();
      expect(ring.placeOf(0)).toBe(<u32>row.least, row.node);
      expect(ring.placeOf(159)).toBe(<u32>row.most, row.node);
    }
  });

  it("finds the node that resty.chash finds", () => {
    expect(balanced.length >= 60).toBe(true);
    for (let i = 0; i < balanced.length; i++) {
      const row = balanced[i];
      let total = 0;
      for (let k = 0; k < row.nodes.length; k++) total += weightOf(row.nodes[k]);
      const ring = newRing(total);
      for (let k = 0; k < row.nodes.length; k++) {
        const text = bytesOfText(nodeOf(row.nodes[k]));
        ring.add(<u16>k, text.dataStart, text.length, weightOf(row.nodes[k]));
      }
      ring.close();
      const key = bytesOfHex(row.key);
      expect(crc32(key.dataStart, key.length)).toBe(<u32>row.place, "place of " + row.key);
      const found = nodeOf(row.nodes[ring.find(key.dataStart, key.length)]);
      expect(found).toBe(row.node, row.key + " in " + row.nodes.join(" "));
    }
  });
});

function nodeOf(text: string): string {
  return text.substring(0, text.indexOf("="));
}

function weightOf(text: string): i32 {
  return <i32>parseInt(text.substring(text.indexOf("=") + 1), 10);
}
