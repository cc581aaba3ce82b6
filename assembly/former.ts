/** Cookies of other systems that pin a client until it has a token of ours. */
import { equal } from "./bytes";
import { cookieEnd, findCookie } from "./cookie";
import { MAX_ENDPOINT, isAddress, readEndpoint } from "./endpoint";
import { EndpointList } from "./endpoints";
import { addressLength, addressStart, readEnvoyCookie } from "./envoycookie";
import { MD5_HEX_LENGTH, md5Hex } from "./md5";
import {
  backendKeyLength,
  backendKeyStart,
  findNginxCookie,
  keyLength,
  keyStart,
  splitValue,
  valueEnd,
  valueStart,
} from "./nginxcookie";
import { JsonValue } from "./json";
import { kept } from "./region";
import { Ring, newRing } from "./ring";
import { Text } from "./text";
import { begin, putBytes, written, writtenLength } from "./writer";

export const enum FormatKind {
  /** Mode balanced of ingress-nginx. */
  Balanced,
  /** Mode persistent of ingress-nginx. */
  Persistent,
  /** Envoy's own filter stateful_session. */
  Envoy,
}

/** Whose cookie a format's is: only one that no other format claims may be taken for what it is not. */
export const enum Claim {
  /** By its second part it is of this very backend. */
  Own,
  Any,
}

/** The pod that `Format.find` found, as an encoded endpoint. */
export let pod: usize = 0;
export let podLength: u32 = 0;

const address = memory.data(MAX_ENDPOINT);

/** One kind of cookie, by its name and what it may name. */
@unmanaged
export class Format {
  next: Format | null;
  kind: FormatKind;
  name: Text;
  /** The CRC-32 of the name of the cluster whose pods these are; meant where the policy has clusters. */
  cluster: u32;
  /** Null: any address; Envoy itself goes to none but those of the cluster. */
  endpoints: EndpointList | null;
  private ring: Ring | null;
  /** Of mode persistent: 32 characters for each endpoint. */
  private keys: usize;
  /** The second part of the backend's cookies. */
  private backendKey: usize;

  /** Whether there is such a cookie in the bytes [at, end) of a Cookie header. To go on with `find`. */
  isIn(at: usize, end: usize): bool {
    const name = this.name;
    if (this.kind == FormatKind.Envoy) {
      envoyValue = findCookie(at, end, name.start, name.length);
      envoyEnd = cookieEnd;
      return envoyValue != 0;
    }
    if (!findNginxCookie(at, end, name.start, name.length)) return false;
    splitValue(valueStart, valueEnd);
    return true;
  }

  /** Sets `pod` to the one that the cookie of the last `isIn` names; false when it names none of the endpoints. */
  find(claim: Claim): bool {
    if (this.kind == FormatKind.Envoy) return claim == Claim.Any && this.findAddress();
    if (keyLength == 0 || (claim == Claim.Own && !this.isOwn())) return false;
    const endpoints = this.endpoints!;
    const ring = this.ring;
    const index = ring != null ? <i32>ring.find(keyStart, keyLength) : this.indexOfKey(endpoints.count);
    if (index < 0) return false;
    pod = endpoints.at(index);
    podLength = endpoints.lengthAt(index);
    return true;
  }

  private isOwn(): bool {
    return backendKeyLength == MD5_HEX_LENGTH && equal(backendKeyStart, this.backendKey, MD5_HEX_LENGTH);
  }

  private indexOfKey(count: i32): i32 {
    if (keyLength != MD5_HEX_LENGTH) return -1;
    for (let i = 0; i < count; i++) {
      if (equal(this.keys + <usize>i * MD5_HEX_LENGTH, keyStart, MD5_HEX_LENGTH)) return i;
    }
    return -1;
  }

  private findAddress(): bool {
    if (!readEnvoyCookie(envoyValue, <u32>(envoyEnd - envoyValue))) return false;
    pod = address;
    podLength = readEndpoint(addressStart, addressLength, address);
    const endpoints = this.endpoints;
    return (
      podLength != 0 &&
      isAddress(address) &&
      (endpoints == null || endpoints.indexOf(address, podLength) >= 0)
    );
  }

  /**
   * The pods of ingress-nginx's cookies, as it writes them: `10.0.0.1:8080`, `[fd00::1]:8080`.
   * @param backend its name there: namespace, service and port with "-" between them
   * @param first the pods, each with its text, and its weight for a count
   */
  serve(backend: JsonValue, first: JsonValue): void {
    // backend_key: md5hex(md5hex(name) .. name), sync() in sticky.lua.
    const backendKey = kept.take(MD5_HEX_LENGTH);
    md5Hex(backend.text, backend.length, backendKey);
    begin();
    putBytes(backendKey, <u32>MD5_HEX_LENGTH);
    putBytes(backend.text, backend.length);
    md5Hex(written, writtenLength(), backendKey);
    this.backendKey = backendKey;
    if (this.kind == FormatKind.Balanced) this.ring = ringOf(first);
    else this.keys = keysOf(backend, first, this.endpoints!.count);
  }
}

let envoyValue: usize = 0;
let envoyEnd: usize = 0;

function ringOf(first: JsonValue): Ring {
  let total = 0;
  for (let pod: JsonValue | null = first; pod != null; pod = pod.next) total += pod.count;
  const ring = newRing(total);
  let node: u16 = 0;
  for (let pod: JsonValue | null = first; pod != null; pod = pod.next)
    ring.add(node++, pod.text, pod.length, pod.count);
  ring.close();
  return ring;
}

/** upstream_key: md5hex(backend name .. node), get_routes() in sticky_persistent.lua. */
function keysOf(backend: JsonValue, first: JsonValue, count: i32): usize {
  const keys = kept.take(MD5_HEX_LENGTH * <usize>count);
  let at = keys;
  for (let pod: JsonValue | null = first; pod != null; pod = pod.next) {
    begin();
    putBytes(backend.text, backend.length);
    putBytes(pod.text, pod.length);
    md5Hex(written, writtenLength(), at);
    at += MD5_HEX_LENGTH;
  }
  return keys;
}
