/** Numbers and byte formats of proxy-wasm ABI 0.2.1, as proxy-wasm-cpp-host (Envoy's host) has them. */

export const Status = { ok: 0, notFound: 1, badArgument: 2 } as const;

export const HeaderMapType = { request: 0, response: 2 } as const;

export const BufferType = { vmConfiguration: 6, pluginConfiguration: 7 } as const;

export const LogLevel = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, critical: 5 } as const;

export const MetricType = { counter: 0, gauge: 1, histogram: 2 } as const;

/**
 * A header map as proxy_get_header_map_pairs serves it, little-endian: u32 count; for each pair the u32 sizes of
 * name and value; then each name and each value, a NUL behind every one of them.
 */
export function pairsBytes(lines: Iterable<readonly [name: string, value: string]>): Buffer {
  const pairs = [...lines];
  let texts = "";
  for (const [name, value] of pairs) texts += `${name}\0${value}\0`;
  const bytes = Buffer.alloc(4 + 8 * pairs.length + texts.length);
  let at = bytes.writeUInt32LE(pairs.length);
  for (const [name, value] of pairs) {
    at = bytes.writeUInt32LE(name.length, at);
    at = bytes.writeUInt32LE(value.length, at);
  }
  bytes.write(texts, at, "latin1");
  return bytes;
}
