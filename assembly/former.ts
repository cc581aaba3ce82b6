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
import { Ring } from "./ring";

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

const digest = memory.data(64);
const address = memory.data(MAX_ENDPOINT);

/** One kind of cookie, by its name and what it may name. */
export class Format {
  readonly name: ArrayBuffer;
  /** The CRC-32 of the name of the cluster whose pods these are; meant where the policy has clusters. */
  cluster: u32 = 0;
  /** Null: any address; Envoy itself goes to none but those of the cluster. */
  private endpoints: EndpointList | null = null;
  private ring: Ring | null = null;
  /** Of mode persistent: 32 characters for each endpoint. */
  private keys: ArrayBuffer | null = null;
  /** The second part of the backend's cookies. */
  private backendKey: ArrayBuffer | null = null;

  constructor(
    readonly kind: FormatKind,
    name: string,
  ) {
    this.name = String.UTF8.encode(name);
  }

  /** Whether there is such a cookie in the bytes [at, end) of a Cookie header. To go on with `find`. */
  isIn(at: usize, end: usize): bool {
    const name = changetype<usize>(this.name);
    const nameLength = this.name.byteLength;
    if (this.kind == FormatKind.Envoy) {
      envoyValue = findCookie(at, end, name, nameLength);
      envoyEnd = cookieEnd;
      return envoyValue != 0;
    }
    if (!findNginxCookie(at, end, name, nameLength)) return false;
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
    const backendKey = changetype<usize>(this.backendKey!);
    return backendKeyLength == MD5_HEX_LENGTH && equal(backendKeyStart, backendKey, MD5_HEX_LENGTH);
  }

  private indexOfKey(count: i32): i32 {
    if (keyLength != MD5_HEX_LENGTH) return -1;
    const keys = changetype<usize>(this.keys!);
    for (let i = 0; i < count; i++) {
      if (equal(keys + <usize>i * MD5_HEX_LENGTH, keyStart, MD5_HEX_LENGTH)) return i;
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

  /** The pods of an Envoy cookie. */
  limitTo(endpoints: EndpointList): void {
    this.endpoints = endpoints;
  }

  /**
   * The pods of ingress-nginx's cookies, by `texts` as it writes them: `10.0.0.1:8080`, `[fd00::1]:8080`.
   * @param backend its name there: namespace, service and port with "-" between them
   */
  serve(backend: string, endpoints: EndpointList, texts: string[], weights: i32[]): void {
    this.endpoints = endpoints;
    const name = String.UTF8.encode(backend);
    // backend_key: md5hex(md5hex(name) .. name), sync() in sticky.lua.
    const salted = new ArrayBuffer(<i32>MD5_HEX_LENGTH * 2 + name.byteLength);
    md5Hex(changetype<usize>(name), name.byteLength, changetype<usize>(salted));
    memory.copy(changetype<usize>(salted) + MD5_HEX_LENGTH, changetype<usize>(name), name.byteLength);
    md5Hex(changetype<usize>(salted), MD5_HEX_LENGTH + name.byteLength, digest);
    const backendKey = new ArrayBuffer(<i32>MD5_HEX_LENGTH);
    memory.copy(changetype<usize>(backendKey), digest, MD5_HEX_LENGTH);
    this.backendKey = backendKey;
    if (this.kind == FormatKind.Balanced) this.ring = ringOf(texts, weights);
    else this.keys = keysOf(backend, texts);
  }
}

let envoyValue: usize = 0;
let envoyEnd: usize = 0;

function ringOf(texts: string[], weights: i32[]): Ring {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  const ring = new Ring(total);
  for (let i = 0; i < texts.length; i++) {
    const text = String.UTF8.encode(texts[i]);
    ring.add(<u16>i, changetype<usize>(text), text.byteLength, weights[i]);
  }
  ring.close();
  return ring;
}

/** upstream_key: md5hex(backend name .. node), get_routes() in sticky_persistent.lua. */
function keysOf(backend: string, texts: string[]): ArrayBuffer {
  const keys = new ArrayBuffer(<i32>MD5_HEX_LENGTH * texts.length);
  for (let i = 0; i < texts.length; i++) {
    const text = String.UTF8.encode(backend + texts[i]);
    md5Hex(changetype<usize>(text), text.byteLength, digest);
    memory.copy(changetype<usize>(keys) + <usize>i * MD5_HEX_LENGTH, digest, MD5_HEX_LENGTH);
  }
  return keys;
}
