import { cookieEnd, cookieNext, findCookie } from "../../assembly/cookie";
import { bytesOfText } from "./bytes";
import { cookies } from "./vectors/cookies";

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
