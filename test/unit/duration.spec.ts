import { durationSeconds } from "../../assembly/duration";
import { bytesOfText } from "./bytes";

function secondsOf(text: string): u32 {
  const bytes = bytesOfText(text);
  return durationSeconds(bytes.dataStart, bytes.length);
}

class Row {
  constructor(
    public text: string,
    public seconds: u32,
  ) {}
}

const durations: Row[] = [
  new Row("1s", 1),
  new Row("9s", 9),
  new Row("00001s", 1),
  new Row("1m", 60),
  new Row("90m", 5400),
  new Row("1h", 3600),
  new Row("12h", 43200),
  new Row("1h30m", 5400),
  new Row("1h0m0s0ms", 3600),
  new Row("0h0m1s", 1),
  new Row("1000ms", 1),
  new Row("99000ms", 99),
  new Row("1s1000ms", 2),
  new Row("500ms500ms", 1),
  new Row("1s250ms250ms500ms", 2),
  new Row("1m1m1m1m", 240),
  new Row("1m1000ms", 61),
  new Row("1ms999ms", 1),
  new Row("99999s", 99999),
  new Row("99999m", 5999940),
  new Row("99999h", 359996400),
  // The longest that the grammar knows: below 2^31 seconds.
  new Row("99999h99999h99999h99999h", 1439985600),
  new Row("0s1s", 1),
];

const none: string[] = [
  "",
  " ",
  "1",
  "12345",
  "h",
  "ms",
  "s1",
  "1h1",
  "1hh",
  "1d",
  "1w",
  "1y",
  "1us",
  "1ns",
  "1sm",
  "1mss",
  "1H",
  "1M",
  "1S",
  "1MS",
  "1mS",
  "1.5h",
  "1,5h",
  "-1h",
  "+1h",
  " 1h",
  "1h ",
  "1 h",
  "1h 1m",
  "1h\n",
  "1h\0",
  "123456s",
  "000001s",
  "100000h",
  "1h1m1s1ms1h",
  "1s1s1s1s1s",
  "1h1m1s1000ms1",
  "0s",
  "0ms",
  "0h0m0s0ms",
  "1ms",
  "500ms",
  "999ms",
  "1001ms",
  "1h500ms",
  "1s999ms",
  "P1D",
  "PT1H",
  "1:00:00",
  "0x1s",
  "1e3s",
  "\u0661s",
  "\uff11s",
  "1\u017f",
  "\u0131h",
];

const UNITS: string[] = ["h", "m", "s", "ms"];
const MILLISECONDS: u64[] = [3600000, 60000, 1000, 1];

describe("durationSeconds", () => {
  it("reads what GEP-2257 allows", () => {
    for (let i = 0; i < durations.length; i++) {
      expect(secondsOf(durations[i].text)).toBe(durations[i].seconds, durations[i].text);
    }
  });

  it("is 0 for what is no duration, nothing, or no whole number of seconds", () => {
    for (let i = 0; i < none.length; i++) expect(secondsOf(none[i])).toBe(0, none[i]);
  });

  it("takes one to four units, in every order and as often as they come", () => {
    let read = 0;
    for (let order = 0; order < 4 + 16 + 64 + 256; order++) {
      const count = order < 4 ? 1 : order < 20 ? 2 : order < 84 ? 3 : 4;
      let rest = order - (count == 1 ? 0 : count == 2 ? 4 : count == 3 ? 20 : 84);
      let text = "";
      let sum: u64 = 0;
      for (let part = 0; part < count; part++) {
        // Of thousands, so that also a sum of ms is one of whole seconds.
        const number = 1000 * (part + 1);
        text += number.toString() + UNITS[rest & 3];
        sum += <u64>number * MILLISECONDS[rest & 3];
        rest >>= 2;
      }
      expect(secondsOf(text)).toBe(<u32>(sum / 1000), text);
      read++;
    }
    expect(read).toBe(340);
  });

  it("is 0 for each of them with any character more, or one less", () => {
    const text = "12h34m56s7000ms";
    expect(secondsOf(text)).toBe(45303);
    for (let at = 0; at <= text.length; at++) {
      for (let code = 0; code < 0x80; code++) {
        const digit = code >= 0x30 && code <= 0x39;
        if (digit || code == 0x68 || code == 0x6d || code == 0x73) continue;
        const changed = text.substring(0, at) + String.fromCharCode(code) + text.substring(at);
        expect(secondsOf(changed)).toBe(0, changed);
      }
      if (at > 0 && at < text.length) {
        const unit = text.charCodeAt(at - 1) > 0x39;
        const cut = text.substring(0, at);
        expect(secondsOf(cut) != 0).toBe(unit, cut);
      }
    }
  });
});
