import { md5Hex } from "../../assembly/md5";
import { bytesOfText } from "./bytes";
import { backendKeys, persistent } from "./vectors/former";

const room = memory.data(64);

function hexOf(text: string): string {
  const bytes = bytesOfText(text);
  md5Hex(bytes.dataStart, bytes.length, room);
  return String.UTF8.decodeUnsafe(room, 32);
}

class Sample {
  constructor(
    public text: string,
    public digest: string,
  ) {}
}

// RFC 1321, appendix A.5.
const samples: Sample[] = [
  new Sample("", "d41d8cd98f00b204e9800998ecf8427e"),
  new Sample("a", "0cc175b9c0f1b6a831c399e269772661"),
  new Sample("abc", "900150983cd24fb0d6963f7d28e17f72"),
  new Sample("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
  new Sample("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
  new Sample(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "d174ab98d277d9f5a5611c2c9f419d9f",
  ),
  new Sample(
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "57edf4a22be3c955ac49da2e2107b67a",
  ),
];

describe("md5Hex", () => {
  it("holds for the test suite of RFC 1321", () => {
    for (let i = 0; i < samples.length; i++)
      expect(hexOf(samples[i].text)).toBe(samples[i].digest, samples[i].text);
  });

  it("makes the keys that ingress-nginx gives its backends", () => {
    for (let i = 0; i < backendKeys.length; i++) {
      const row = backendKeys[i];
      expect(hexOf(row.backend)).toBe(row.inner, row.backend);
      expect(hexOf(row.inner + row.backend)).toBe(row.backendKey, row.backend);
    }
  });

  it("makes the keys that ingress-nginx gives its pods in mode persistent", () => {
    for (let i = 0; i < persistent.length; i++) {
      const row = persistent[i];
      expect(hexOf(row.backend + row.endpoint)).toBe(row.upstreamKey, row.endpoint);
    }
  });

  it("is right at every length around a block", () => {
    // Of "a" times n, by OpenSSL: `printf 'a%.0s' $(seq N) | openssl md5`.
    expect(hexOf("a".repeat(55))).toBe("ef1772b6dff9a122358552954ad0df65");
    expect(hexOf("a".repeat(56))).toBe("3b0c8ac703f828b04c6c197006d17218");
    expect(hexOf("a".repeat(63))).toBe("b06521f39153d618550606be297466d5");
    expect(hexOf("a".repeat(64))).toBe("014842d480b571495a4a0363793f7367");
    expect(hexOf("a".repeat(65))).toBe("c743a45e0d2e6a95cb859adae0248435");
  });
});
