import { crc32 } from "../../assembly/crc32";
import { bytesOfHex } from "./bytes";
import { crc32 as rows } from "./vectors/crc32";

describe("crc32", () => {
  it("is zlib's", () => {
    expect(rows.length > 20).toBe(true);
    for (let i = 0; i < rows.length; i++) {
      const bytes = bytesOfHex(rows[i].hex);
      expect(crc32(bytes.dataStart, bytes.length)).toBe(<u32>rows[i].sum, rows[i].it);
    }
  });
});
