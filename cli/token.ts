import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { endpointBytes, endpointText } from "./endpoint.ts";

/** A key of the filter's configuration: 32 bytes and the id (0 to 255) that tokens carry. */
export interface TokenKey {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** What a token is bound to: it opens nowhere else. */
export interface TokenBinding {
  readonly scope: string;
  readonly sessionName: string;
}

/** What a token says. */
export interface TokenFields {
  /** Unix time in seconds, 32 bits: when the session began. */
  readonly issued: number;
  /** Unix time in seconds, 32 bits: when the session was last seen. */
  readonly seen: number;
  /** 64 random bits that name the session. */
  readonly session: bigint;
  /** `a.b.c.d:port`, `[v6]:port` or other text of at most 255 bytes; empty when nothing is pinned. */
  readonly endpoint: string;
  /** CRC-32 of the name of the cluster that served, where the filter tells versions of a service apart. */
  readonly cluster?: number;
  /** Whether it travels in a cookie that is Secure, as it does whose client came over https; false when left out. */
  readonly secure?: boolean;
}

/** A token that opened, and the id of the key that opened it. */
export interface OpenedToken extends TokenFields {
  readonly keyId: number;
}

const VERSION = 1;
const HEAD_LENGTH = 2;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
// issued u32, seen u32, session u64
const TIMES_LENGTH = 16;
const CLUSTER_LENGTH = 4;
// Of the endpoint's first byte.
const SECURE = 0x80;
const CIPHER = "chacha20-poly1305";
const TAG_OPTION = { authTagLength: TAG_LENGTH };

/**
 * Seals a version 1 token: base64url, without padding, of head, nonce, ciphertext and tag (RFC 8439).
 * @param nonce 12 bytes that no other token under this key may have; drawn at random when left out.
 * @throws RangeError when a field does not fit its place.
 */
export function sealToken(
  fields: TokenFields,
  key: TokenKey,
  binding: TokenBinding,
  nonce: Uint8Array = randomBytes(NONCE_LENGTH),
): string {
  if (nonce.length !== NONCE_LENGTH) throw new RangeError(`nonce: ${nonce.length} bytes; a nonce has 12`);
  const endpoint = endpointBytes(fields.endpoint);
  if (endpoint === null) {
    throw new RangeError(`endpoint: "${fields.endpoint}" does not fit; a text has at most 255 bytes`);
  }
  if (fields.secure) endpoint[0]! |= SECURE;
  const plain = Buffer.alloc(TIMES_LENGTH);
  plain.writeUInt32BE(fields.issued, 0);
  plain.writeUInt32BE(fields.seen, 4);
  plain.writeBigUInt64BE(fields.session, 8);
  const head = Buffer.from([VERSION, key.id]);
  if (head[1] !== key.id) throw new RangeError(`key id: ${key.id} is none; an id is 0 to 255`);
  const cipher = createCipheriv(CIPHER, key.bytes, nonce, TAG_OPTION);
  const cluster = Buffer.alloc(fields.cluster === undefined ? 0 : CLUSTER_LENGTH);
  if (fields.cluster !== undefined) cluster.writeUInt32BE(fields.cluster);
  const plaintextLength = plain.length + endpoint.length + cluster.length;
  cipher.setAAD(additionalData(head, binding), { plaintextLength });
  const sealed = [cipher.update(plain), cipher.update(endpoint), cipher.update(cluster), cipher.final()];
  return Buffer.concat([head, nonce, ...sealed, cipher.getAuthTag()]).toString("base64url");
}

/** Opens a version 1 token under whichever of the keys has its id; null when it is none of theirs. */
export function openToken(
  text: string,
  keys: readonly TokenKey[],
  binding: TokenBinding,
): OpenedToken | null {
  const token = Buffer.from(text, "base64url");
  // Buffer skips what is not base64url, and padding: only the canonical spelling of the bytes is a token.
  if (token.toString("base64url") !== text) return null;
  if (token.length < HEAD_LENGTH + NONCE_LENGTH + TIMES_LENGTH + TAG_LENGTH || token[0] !== VERSION)
    return null;
  const key = keys.find((candidate) => candidate.id === token[1]);
  if (key === undefined) return null;
  const plain = decrypted(token, key, binding);
  if (plain === null) return null;
  const rest = plain.subarray(TIMES_LENGTH);
  const secure = (rest[0]! & SECURE) !== 0;
  rest[0]! &= ~SECURE;
  const endpoint = endpointText(rest);
  const end = rest.length - CLUSTER_LENGTH;
  const endpointBefore = endpoint === null && end > 0 ? endpointText(rest.subarray(0, end)) : null;
  const pinned = endpoint ?? endpointBefore;
  if (pinned === null) return null;
  return {
    keyId: key.id,
    issued: plain.readUInt32BE(0),
    seen: plain.readUInt32BE(4),
    session: plain.readBigUInt64BE(8),
    endpoint: pinned,
    ...(endpoint === null ? { cluster: rest.readUInt32BE(end) } : {}),
    ...(secure ? { secure } : {}),
  };
}

function decrypted(token: Buffer, key: TokenKey, binding: TokenBinding): Buffer | null {
  const tagStart = token.length - TAG_LENGTH;
  const nonce = token.subarray(HEAD_LENGTH, HEAD_LENGTH + NONCE_LENGTH);
  const decipher = createDecipheriv(CIPHER, key.bytes, nonce, TAG_OPTION);
  const plaintextLength = tagStart - HEAD_LENGTH - NONCE_LENGTH;
  decipher.setAAD(additionalData(token.subarray(0, HEAD_LENGTH), binding), { plaintextLength });
  decipher.setAuthTag(token.subarray(tagStart));
  const plain = decipher.update(token.subarray(HEAD_LENGTH + NONCE_LENGTH, tagStart));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return plain;
}

function additionalData(head: Uint8Array, binding: TokenBinding): Buffer {
  return Buffer.concat([head, Buffer.from(`affinity/${VERSION}\0${binding.scope}\0${binding.sessionName}`)]);
}
