import {
  backendKeyLength,
  backendKeyStart,
  findNginxCookie,
  keyLength,
  keyStart,
  splitValue,
  valueEnd,
  valueStart,
} from "../../assembly/nginxcookie";
import { bytesOfText } from "./bytes";
import { headers, values } from "./vectors/former";

function text(at: usize, length: usize): string {
  return String.UTF8.decodeUnsafe(at, length);
}

describe("findNginxCookie", () => {
  it("finds what lua-resty-cookie finds", () => {
    for (let i = 0; i < headers.length; i++) {
      const row = headers[i];
      const bytes = bytesOfText(row.header);
      const name = bytesOfText(row.name);
      const found = findNginxCookie(
        bytes.dataStart,
        bytes.dataStart + bytes.length,
        name.dataStart,
        name.length,
      );
      expect(found).toBe(row.found, row.it);
      if (found) expect(text(valueStart, valueEnd - valueStart)).toBe(row.value, row.it);
    }
  });
});

describe("splitValue", () => {
  it("takes a value apart as ingress-nginx does", () => {
    for (let i = 0; i < values.length; i++) {
      const row = values[i];
      const bytes = bytesOfText(row.value);
      splitValue(bytes.dataStart, bytes.dataStart + bytes.length);
      expect(text(keyStart, keyLength)).toBe(row.key, row.it);
      expect(text(backendKeyStart, backendKeyLength)).toBe(row.backendKey, row.it);
    }
  });
});
