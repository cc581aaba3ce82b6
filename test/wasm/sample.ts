import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { openToken, sealToken, type OpenedToken, type TokenKey } from "../../cli/token.ts";
import { Vm, type Root } from "./host.ts";

/** A key that is the same in every run: the SHA-256 of its name. */
export function sampleKey(id: number, name = `key ${id}`): TokenKey {
  return { id, bytes: createHash("sha256").update(name).digest() };
}

export function base64(key: TokenKey): string {
  return Buffer.from(key.bytes).toString("base64");
}

export const KEY = sampleKey(1);
export const SCOPE = "default/session-svc:9080";
export const POD = "10.244.1.7:9080";
export const OTHER_POD = "10.244.2.9:9080";
/** Unix time at which the sample VMs stand. */
export const NOW = 1_800_000_000;

/** The smallest configuration, and what a test adds to it. */
export function sampleConfiguration(more: object = {}): Record<string, unknown> {
  return { scope: SCOPE, keys: [{ id: KEY.id, secret: base64(KEY) }], ...more };
}

/** A root that has to be accepted, in a VM of its own unless one is given. */
export function sampleRoot(more: object = {}, vm: Vm = new Vm()): Root {
  const root = vm.root({ configuration: sampleConfiguration(more) });
  if (!root.accepted) throw new Error(`refused: ${root.logs.map((line) => line.text).join("\n")}`);
  return root;
}

export const SESSION = 0x0123456789abcdefn;

export interface TokenOptions {
  readonly key?: TokenKey;
  readonly scope?: string;
  readonly sessionName?: string;
  /** Unix time in seconds; a minute ago unless it is given. */
  readonly issued?: number;
  /** When the session began unless it is given. */
  readonly seen?: number;
  readonly session?: bigint;
  /** Name of the cluster that served; the token has none unless it is given. */
  readonly cluster?: string;
  /** Whether its cookie is Secure; no unless it is given. */
  readonly secure?: boolean;
}

/** A token for that endpoint, sealed by the independent implementation. */
export function sampleToken(endpoint: string, options: TokenOptions = {}): string {
  const { key = KEY, scope = SCOPE, sessionName = "affinity", issued = NOW - 60, cluster } = options;
  const { seen = issued, session = SESSION, secure = false } = options;
  const sum = cluster === undefined ? {} : { cluster: crc32(cluster) };
  return sealToken({ issued, seen, session, endpoint, secure, ...sum }, key, { scope, sessionName });
}

/** CRC-32 as gzip's trailer has it (RFC 1952, section 2.3.1): Node 20 has no function for it. */
export function crc32(text: string): number {
  return gzipSync(text).readUInt32LE(gzipSync(text).length - 8);
}

/** What a cookie value says; it has to open under the sample key, scope and name unless others are given. */
export function opened(
  value: string,
  { keys = [KEY], scope = SCOPE, sessionName = "affinity" } = {},
): OpenedToken {
  const token = openToken(value, keys, { scope, sessionName });
  if (token === null) throw new Error(`${value}: does not open under scope ${scope}, name ${sessionName}`);
  return token;
}
