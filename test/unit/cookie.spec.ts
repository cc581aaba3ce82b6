import { cookieEnd, cookieNext, copyWithoutCookie, findCookie } from "../../assembly/cookie";
import { bytesOfText } from "./bytes";
import { cookies } from "./vectors/cookies";
import { strippedCookies } from "./vectors/stripped-cookies";

/** All cookies of a name in a Cookie header, at most `max`. */
function valuesOf(header: string, name: string, max: i32): string[] {
  const bytes = bytesOfText(header);
  const nameBytes = bytesOfText(name);
  const end = bytes.dataStart + bytes.length;
  const values: string[] = [];
  let at = bytes.dataStart;
  while (values.length < max) {
    const value = findCookie(at, end, nameBytes.dataStart, nameBytes.length);
    if (value == 0) break;
    assert(
      value >= bytes.dataStart && cookieEnd >= value && cookieEnd <= end,
      "the value lies outside the header",
    );
    assert(cookieNext >= cookieEnd && cookieNext > at && cookieNext <= end, "the search does not move on");
    values.push(String.UTF8.decodeUnsafe(value, cookieEnd - value));
    at = cookieNext;
  }
  return values;
}

describe("findCookie", () => {
  it("finds what the vectors name", () => {
    for (let i = 0; i < cookies.length; i++) {
      const row = cookies[i];
      expect(valuesOf(row.header, row.name, 4).join(" | ")).toBe(row.values.join(" | "), row.it);
    }
  });

  it("finds each of 800 cookies of one name", () => {
    const pairs: string[] = [];
    for (let i = 0; i < 800; i++) pairs.push("affinity=" + i.toString());
    const values = valuesOf(pairs.join("; "), "affinity", 1000);
    expect(values.length).toBe(800);
    expect(values[799]).toBe("799");
  });

  it("finds nothing in any text that ends before the value starts", () => {
    const header = "theme=dark; affinity=";
    for (let length = 0; length < header.length; length++) {
      expect(valuesOf(header.substring(0, length), "affinity", 4).length).toBe(
        0,
        header.substring(0, length),
      );
    }
  });
});

/** The rest of a Cookie header; what lies around it in memory has to stay as it is. */
function stripped(header: string, name: string): string {
  const bytes = bytesOfText(header);
  const nameBytes = bytesOfText(name);
  const out = new Uint8Array(bytes.length + 16);
  out.fill(0x23);
  const end = copyWithoutCookie(
    bytes.dataStart,
    bytes.dataStart + bytes.length,
    nameBytes.dataStart,
    nameBytes.length,
    out.dataStart + 8,
  );
  const length = <i32>(end - out.dataStart) - 8;
  assert(length >= 0 && length <= bytes.length, "the rest is longer than the header");
  for (let i = 0; i < 8; i++) {
    assert(out[i] == 0x23 && out[bytes.length + 8 + i] == 0x23, "written beside its place");
  }
  assert(String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length) == header, "the header is changed");
  return String.UTF8.decodeUnsafe(out.dataStart + 8, length);
}

describe("copyWithoutCookie", () => {
  it("leaves what the vectors name", () => {
    for (let i = 0; i < strippedCookies.length; i++) {
      const row = strippedCookies[i];
      expect(stripped(row.header, row.name)).toBe(row.rest, row.it);
    }
  });

  it("leaves none of ours, and takes no other, wherever they stand among each other", () => {
    // Ours are 0 to 2 of each six, in three spellings; every choice of them.
    const spellings = ["affinity=x", "theme=dark", "affinity = y "];
    for (let choice = 0; choice < 729; choice++) {
      const pairs: string[] = [];
      const others: string[] = [];
      for (let rest = choice, place = 0; place < 6; place++, rest /= 3) {
        pairs.push(spellings[rest % 3]);
        if (rest % 3 == 1) others.push(spellings[1]);
      }
      expect(stripped(pairs.join("; "), "affinity")).toBe(others.join("; "), pairs.join("; "));
      expect(stripped(pairs.join(";"), "affinity")).toBe(others.join(";"), pairs.join(";"));
    }
  });

  it("copies everything to the end of 40 kB", () => {
    const others = "c=" + "v".repeat(20_000);
    expect(stripped(others + "; affinity=x; " + others, "affinity")).toBe(others + "; " + others);
  });
});
