import { MAX_ENDPOINT, endpointSize, readEndpoint, writeEndpoint } from "../../assembly/endpoint";
import { bytesOfText, hexOf } from "./bytes";

/** The encoded endpoint as hexadecimal text; empty when the text has none. */
function encoded(text: string): string {
  const bytes = bytesOfText(text);
  const out = new Uint8Array(300);
  const length = readEndpoint(bytes.dataStart, bytes.length, out.dataStart);
  for (let i = <i32>MAX_ENDPOINT; i < out.length; i++) assert(out[i] == 0, "written out of bounds: " + text);
  if (length) assert(endpointSize(out.dataStart, length) == length, "the size is another: " + text);
  return hexOf(out.subarray(0, length));
}

/** The text after a turn through the bytes. */
function turned(text: string): string {
  const bytes = bytesOfText(text);
  const out = new Uint8Array(300);
  const back = new Uint8Array(300);
  if (readEndpoint(bytes.dataStart, bytes.length, out.dataStart) == 0) return "";
  return String.UTF8.decodeUnsafe(back.dataStart, writeEndpoint(out.dataStart, back.dataStart));
}

function asText(text: string): string {
  const bytes = bytesOfText(text);
  return "00" + (bytes.length < 16 ? "0" : "") + bytes.length.toString(16) + hexOf(bytes);
}

class Row {
  constructor(
    public text: string,
    public hex: string,
  ) {}
}

const addresses: Row[] = [
  new Row("10.0.0.1:9080", "040a0000012378"),
  new Row("0.0.0.0:0", "04000000000000"),
  new Row("255.255.255.255:65535", "04ffffffffffff"),
  new Row("[::]:0", "0600000000000000000000000000000000" + "0000"),
  new Row("[::1]:9080", "0600000000000000000000000000000001" + "2378"),
  new Row("[2001:db8::8:800:200c:417a]:80", "0620010db80000000000080800200c417a" + "0050"),
  new Row("[2001:db8:0:1:1:1:1:1]:80", "0620010db8000000010001000100010001" + "0050"),
  new Row("[2001:0:0:1::1]:80", "0620010000000000010000000000000001" + "0050"),
  new Row("[1:2:3:4:5:6:7:8]:80", "0600010002000300040005000600070008" + "0050"),
  new Row("[fe80::]:65535", "06fe800000000000000000000000000000" + "ffff"),
  new Row("[::ffff:192.0.2.1]:80", "0600000000000000000000ffffc0000201" + "0050"),
  new Row("[::192.0.2.1]:80", "06000000000000000000000000c0000201" + "0050"),
];

// What would come back as something else, or is no address at all: kept to the letter.
const texts: string[] = [
  "/run/pod.sock",
  "@abstract",
  "x",
  "10.0.0.1",
  "10.0.0.1:",
  "10.0.0.1:65536",
  "10.0.0.1:080",
  "010.0.0.1:80",
  "10.0.0.256:80",
  "10.0.0:80",
  "10.0.0.1.2:80",
  "10.0.0.1:80 ",
  "[::1]",
  "[::1]:",
  "[::1]80",
  "[::1:80",
  "[0:0:0:0:0:0:0:1]:80",
  "[2001:DB8::1]:80",
  "[::0001]:80",
  "[1::2::3]:80",
  "[1:2:3:4:5:6:7]:80",
  "[1:2:3:4:5:6:7:8:9]:80",
  "[1:2:3:4:5:6:7:8::]:80",
  "[12345::]:80",
  "[fe80::1%eth0]:80",
  "[::ffff:1.2.3]:80",
  "[:]:80",
  "[]:80",
  "[",
  "[::",
  ":80",
];

describe("readEndpoint", () => {
  it("packs addresses, and writeEndpoint brings them back", () => {
    for (let i = 0; i < addresses.length; i++) {
      expect(encoded(addresses[i].text)).toBe(addresses[i].hex, addresses[i].text);
      expect(turned(addresses[i].text)).toBe(addresses[i].text);
    }
  });

  it("keeps every other text to the letter", () => {
    for (let i = 0; i < texts.length; i++) {
      expect(encoded(texts[i])).toBe(asText(texts[i]), texts[i]);
      expect(turned(texts[i])).toBe(texts[i]);
    }
  });

  it("takes up to 255 characters", () => {
    expect(encoded("s".repeat(255)).length).toBe(<i32>MAX_ENDPOINT * 2);
    expect(encoded("s".repeat(256))).toBe("");
    expect(encoded("")).toBe("");
  });
});

describe("endpointSize", () => {
  it("knows no other version, and nothing that is cut short", () => {
    const bytes = new Uint8Array(300);
    for (let version = 0; version < 256; version++) {
      bytes[0] = <u8>version;
      bytes[1] = 5;
      const expected: u32 = version == 4 ? 7 : version == 6 ? 19 : version == 0 ? 7 : 0;
      expect(endpointSize(bytes.dataStart, 300)).toBe(expected, version.toString());
      if (expected) expect(endpointSize(bytes.dataStart, expected - 1)).toBe(0, version.toString());
    }
    expect(endpointSize(bytes.dataStart, 1)).toBe(0);
    expect(endpointSize(bytes.dataStart, 0)).toBe(0);
  });
});
