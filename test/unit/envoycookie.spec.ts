import { addressLength, addressStart, readEnvoyCookie } from "../../assembly/envoycookie";
import { bytesOfText } from "./bytes";
import { envoyCookies } from "./vectors/former";

describe("readEnvoyCookie", () => {
  it("reads both forms, and nothing else", () => {
    for (let i = 0; i < envoyCookies.length; i++) {
      const row = envoyCookies[i];
      const bytes = bytesOfText(row.value);
      const found = readEnvoyCookie(bytes.dataStart, bytes.length);
      expect(found).toBe(row.address.length > 0, row.it);
      if (found) expect(String.UTF8.decodeUnsafe(addressStart, addressLength)).toBe(row.address, row.it);
    }
  });

  it("refuses what is longer than any address makes it", () => {
    const bytes = bytesOfText("MTAu".repeat(87));
    expect(readEnvoyCookie(bytes.dataStart, bytes.length)).toBe(false);
  });
});
