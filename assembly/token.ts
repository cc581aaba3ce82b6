import { decodeBase64Url, encodeBase64Url } from "./base64";
import { TAG_LENGTH, open, seal } from "./chacha20poly1305";
import { MAX_ENDPOINT, endpointSize } from "./endpoint";
import { JsonValue } from "./json";
import { text } from "./literals";
import { kept } from "./region";

/**
 * The token, version 1: base64url of `head(2) nonce(12) ciphertext tag(16)`.
 * head: 0x01, id of the key. Plaintext, big-endian: issued u32, seen u32, session u64, endpoint, whose first byte has its
 * top bit set when the cookie is Secure, and where versions of a service are told apart the CRC-32 of the serving
 * cluster's name.
 * Associated data: head, then `affinity/1` NUL scope NUL sessionName; so a token of one service is void at another.
 */

export const VERSION: u8 = 1;
const HEAD: u32 = 2;
const NONCE: u32 = 12;
const FIXED: u32 = 4 + 4 + 8;
const CLUSTER: u32 = 4;
const SECURE: u32 = 0x80;
const MIN_SEALED: u32 = HEAD + NONCE + FIXED + 2 + TAG_LENGTH;
const MAX_SEALED: u32 = HEAD + NONCE + FIXED + MAX_ENDPOINT + CLUSTER + TAG_LENGTH;

// RFC 4648, section 5, without padding: 4 characters for 3 bytes.
/** Fewest characters of a token. */
export const MIN_TOKEN: u32 = (MIN_SEALED * 4 + 2) / 3;
/** Most characters of a token. */
export const MAX_TOKEN: u32 = (MAX_SEALED * 4 + 2) / 3;

const sealed = memory.data(512, 16);
const plain = memory.data(512);

/** What a token says. */
@unmanaged
export class Token {
  /** Random, given to the client at its first visit and kept when its pod changes. */
  session: u64;
  /** When the client first came, and when it was last seen by a gateway that wrote so; unix seconds. */
  issued: u32;
  seen: u32;
  /** Encoded as endpoint.ts does it. */
  endpoint: usize;
  endpointLength: u32;
  /** CRC-32 of the name of the cluster that served, if it `hasCluster`. */
  cluster: u32;
  hasCluster: bool;
  /** The id of the key that opened it. */
  keyId: u8;
  /** Whether it travels in a cookie that is Secure: who brings it came over https (RFC 6265, section 5.4). */
  secure: bool;
}

/** Bytes of a key. */
export const KEY_LENGTH: u32 = 32;
const PURPOSE = text("affinity/1\0");

/** A key of ChaCha20-Poly1305, and what every token that it seals is bound to. */
@unmanaged
export class SealingKey {
  /** The next key to open tokens with. */
  next: SealingKey | null;
  id: u8;
  associatedLength: u32;

  // Both stand behind the object itself.
  private get bytes(): usize {
    return changetype<usize>(this) + BYTES;
  }

  private get associatedData(): usize {
    return changetype<usize>(this) + ASSOCIATED_DATA;
  }

  /** The key of this id, among this one and those behind it. */
  find(id: u8): SealingKey | null {
    if (this.id == id) return this;
    const next = this.next;
    return next == null ? null : next.find(id);
  }

  /** Seals a token under a nonce (12 bytes, never used before with this key); returns the characters written. */
  seal(token: Token, nonce: usize, to: usize): u32 {
    let length = FIXED + token.endpointLength;
    store<u32>(plain, bswap(token.issued));
    store<u32>(plain, bswap(token.seen), 4);
    store<u64>(plain, bswap(token.session), 8);
    memory.copy(plain + FIXED, token.endpoint, token.endpointLength);
    if (token.secure) store<u8>(plain + FIXED, load<u8>(plain + FIXED) | SECURE);
    if (token.hasCluster) {
      store<u32>(plain + length, bswap(token.cluster));
      length += CLUSTER;
    }
    store<u8>(sealed, VERSION);
    store<u8>(sealed, this.id, 1);
    memory.copy(sealed + HEAD, nonce, NONCE);
    seal(this.bytes, nonce, this.associatedData, this.associatedLength, plain, length, sealed + HEAD + NONCE);
    return encodeBase64Url(sealed, HEAD + NONCE + length + TAG_LENGTH, to);
  }

  /** Opens what `decode` left in `sealed`; returns whether it is one of ours. */
  open(length: u32, into: Token): bool {
    const plain = open(
      this.bytes,
      sealed + HEAD,
      this.associatedData,
      this.associatedLength,
      sealed + HEAD + NONCE,
      length,
    );
    if (plain == 0) return false;
    const endpoint = plain + FIXED;
    const form = load<u8>(endpoint);
    into.secure = (form & SECURE) != 0;
    store<u8>(endpoint, form & ~SECURE);
    const rest = length - TAG_LENGTH - FIXED;
    const endpointLength = endpointSize(endpoint, rest);
    const hasCluster = rest == endpointLength + CLUSTER;
    if (endpointLength == 0 || (rest != endpointLength && !hasCluster)) return false;
    into.issued = bswap(load<u32>(plain));
    into.seen = bswap(load<u32>(plain, 4));
    into.session = bswap(load<u64>(plain, 8));
    into.endpoint = endpoint;
    into.endpointLength = endpointLength;
    into.hasCluster = hasCluster;
    into.cluster = hasCluster ? bswap(load<u32>(endpoint + endpointLength)) : 0;
    into.keyId = this.id;
    return true;
  }
}

const BYTES: usize = offsetof<SealingKey>();
const ASSOCIATED_DATA: usize = BYTES + KEY_LENGTH;

/** A key of 32 bytes at `bytes`, for the tokens of one scope and name. */
export function newKey(id: u8, bytes: usize, scope: JsonValue, sessionName: JsonValue): SealingKey {
  const length = HEAD + PURPOSE.length + scope.length + 1 + sessionName.length;
  // Zeros fill its last block.
  const at = kept.take(ASSOCIATED_DATA + ((length + 15) & ~15));
  const key = changetype<SealingKey>(at);
  key.id = id;
  key.associatedLength = length;
  memory.copy(at + BYTES, bytes, KEY_LENGTH);
  const data = at + ASSOCIATED_DATA;
  store<u8>(data, VERSION);
  store<u8>(data, id, 1);
  const scopeAt = PURPOSE.copyTo(data + HEAD);
  memory.copy(scopeAt, scope.text, scope.length);
  memory.copy(scopeAt + scope.length + 1, sessionName.text, sessionName.length);
  return key;
}

/** Opens a token with the key that its head names. `into.endpoint` holds until the next call of this file. */
export function openToken(text: usize, length: u32, keys: SealingKey, into: Token): bool {
  if (length < MIN_TOKEN || length > MAX_TOKEN) return false;
  const size = decodeBase64Url(text, length, sealed);
  if (size < <i32>MIN_SEALED || load<u8>(sealed) != VERSION) return false;
  const key = keys.find(load<u8>(sealed, 1));
  return key != null && key.open(size - HEAD - NONCE, into);
}
