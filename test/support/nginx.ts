/** ingress-nginx's cookies, made and read by its rules: an implementation of its own beside the filter's. */
import { createHash } from "node:crypto";
import { vectors } from "./vectors.ts";

export type NginxMode = "balanced" | "persistent";

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

/** The second part of a backend's cookies. */
export function backendKey(backend: string): string {
  return md5(md5(backend) + backend);
}

/** The cookie that pins a client to a node in mode persistent. */
export function persistentCookie(backend: string, node: string): string {
  return `${md5(backend + node)}|${backendKey(backend)}`;
}

/** A cookie of mode balanced: a time, a worker and a random number, of which the ring decides. */
export function balancedCookie(backend: string, seed: number): string {
  const time = (1_790_000_000 + seed * 37.203).toFixed(3).replace(/\.?0+$/, "");
  return `${time}.${40 + (seed % 9)}.${1 + ((seed * 7919) % 999_999)}|${backendKey(backend)}`;
}

const POINTS = 160;

/** resty.chash: the node of a key, among nodes with their weights. */
export class NginxRing {
  readonly #points: { place: number; node: string }[] = [];

  constructor(nodes: readonly string[], weightOf: (node: string) => number = () => 1) {
    for (const node of nodes) {
      let place = 0;
      for (let i = 0; i < POINTS * weightOf(node); i++) {
        const previous = Buffer.alloc(4);
        previous.writeUInt32LE(place);
        place = crc32(Buffer.concat([Buffer.from(node), previous]));
        this.#points.push({ place, node });
      }
    }
    this.#points.sort((a, b) => a.place - b.place);
  }

  find(key: Uint8Array): string {
    const place = crc32(key);
    return (this.#points.find((point) => point.place >= place) ?? this.#points[0]!).node;
  }

  /** The node of a cookie. */
  nodeOf(cookie: string): string {
    return this.find(Buffer.from(cookie.split("|")[0]!));
  }
}

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 0xff]!;
  return ~sum >>> 0;
}

/** What lua-resty-balancer's own code, and ingress-nginx's, make of names, keys and pods. */
export interface FormerVectors {
  readonly balanced: readonly { nodes: string[]; key: string; place: number; node: string }[];
  readonly backendKeys: readonly { backend: string; inner: string; backendKey: string }[];
  readonly persistent: readonly {
    backend: string;
    endpoint: string;
    upstreamKey: string;
    cookie: string;
  }[];
  readonly balancedCookies: readonly {
    backend: string;
    endpoints: string[];
    cookie: string;
    backendKey: string;
    node: string;
  }[];
  readonly headers: readonly { it: string; header: string; name: string; found: boolean; value: string }[];
  readonly envoyCookies: readonly { it: string; value: string; address: string }[];
}

export const formerVectors: FormerVectors = vectors("former.json");

/** `10.0.0.1:80=2` of the vectors as the configuration has it. */
export function weighted(node: string): { address: string; weight: number } {
  const [address, weight] = node.split("=");
  return { address: address!, weight: Number(weight) };
}
