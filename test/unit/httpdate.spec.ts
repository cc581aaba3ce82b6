import { DATE_LENGTH, writeDate } from "../../assembly/httpdate";
import { dates } from "./vectors/dates";

const text = new Uint8Array(64);

describe("writeDate", () => {
  it("writes what Date.toUTCString of Node does", () => {
    expect(dates.length > 200).toBe(true);
    for (let i = 0; i < dates.length; i++) {
      const row = dates[i];
      text.fill(0x2e);
      writeDate(<u32>row.seconds, text.dataStart + 8);
      const written = String.UTF8.decodeUnsafe(text.dataStart, text.length);
      expect(written).toBe(".".repeat(8) + row.text + ".".repeat(64 - 8 - 29), row.it);
    }
    expect(DATE_LENGTH).toBe(29);
  });
});
