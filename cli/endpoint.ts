/** The bytes that stand for an endpoint in a token: a form byte (4, 6 or 0) and what belongs to it. */

const IPV4_FORM = 4;
const IPV6_FORM = 6;
const TEXT_FORM = 0;

/**
 * Bytes of an endpoint: `a.b.c.d:port` in 7, `[v6]:port` in 19, any other text of at most 255 bytes as it is.
 * Text stands for bytes one to one (latin1), as in a header. Only the text that reading would give back is
 * packed: `10.0.0.01:80` stays text. Null when the text is longer than 255 bytes or is no latin1.
 */
export function endpointBytes(text: string): Buffer | null {
  const packed = packedAddress(text);
  if (packed !== null && endpointText(packed) === text) return packed;
  const raw = Buffer.from(text, "latin1");
  if (raw.length > 255 || raw.toString("latin1") !== text) return null;
  return Buffer.concat([Buffer.from([TEXT_FORM, raw.length]), raw]);
}

/** The endpoint that the bytes stand for, or null when they are not exactly one endpoint. */
export function endpointText(bytes: Buffer): string | null {
  switch (bytes[0]) {
    case IPV4_FORM:
      return bytes.length === 7 ? `${[...bytes.subarray(1, 5)].join(".")}:${bytes.readUInt16BE(5)}` : null;
    case IPV6_FORM:
      return bytes.length === 19 ? `[${ipv6Text(bytes.subarray(1, 17))}]:${bytes.readUInt16BE(17)}` : null;
    case TEXT_FORM:
      return bytes.length >= 2 && bytes.length === 2 + bytes[1]! ? bytes.toString("latin1", 2) : null;
    default:
      return null;
  }
}

function packedAddress(text: string): Buffer | null {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text);
  if (parts === null) return null;
  const port = Number(parts[3]);
  const address = parts[1] !== undefined ? ipv6Bytes(parts[1]) : ipv4Bytes(parts[2]!);
  if (address === null || port > 0xffff) return null;
  const form = parts[1] !== undefined ? IPV6_FORM : IPV4_FORM;
  return Buffer.from([form, ...address, port >> 8, port & 0xff]);
}

function ipv4Bytes(text: string): number[] | null {
  const numbers = text.split(".").map(Number);
  const inRange = (part: number): boolean => Number.isInteger(part) && part <= 255;
  return numbers.length === 4 && numbers.every(inRange) ? numbers : null;
}

function ipv6Bytes(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groupBytes(halves[0]!);
  const tail = groupBytes(halves[1] ?? "");
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function groupBytes(text: string): number[] | null {
  const bytes: number[] = [];
  for (const group of text === "" ? [] : text.split(":")) {
    if (group.includes(".")) {
      const quad = ipv4Bytes(group);
      if (quad === null) return null;
      bytes.push(...quad);
    } else {
      if (!/^[0-9a-f]{1,4}$/.test(group)) return null;
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

/**
 * RFC 5952 section 4: lower case, no leading zeros, `::` for the longest run of two or more zero groups, the
 * first of equals. As inet_ntop writes it, ::ffff:a.b.c.d and ::a.b.c.d (six zero groups) end in a dotted quad.
 */
function ipv6Text(address: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2));
  const run = longestZeroRun(groups);
  const mapped = run.start === 0 && (run.length === 6 || (run.length === 5 && groups[5] === 0xffff));
  const hex = groups.map((group) => group.toString(16));
  if (mapped) hex.splice(6, 2, [...address.subarray(12)].join("."));
  if (run.length < 2) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
