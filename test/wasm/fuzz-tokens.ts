import { createCipheriv } from "node:crypto";
import { endpointBytes } from "../../cli/endpoint.ts";
import { sealToken, type TokenFields, type TokenKey } from "../../cli/token.ts";
import { crc32, type Model } from "./fuzz-model.ts";
import { HEADER_BYTES, RandomText } from "./fuzz-random.ts";
import type { Random } from "./random.ts";

const BASE64URL = new RandomText("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const VALUE = new RandomText(HEADER_BYTES.replace(";", ""));
const PATH = new RandomText("abc/._-0123456789");
const MAX_U32 = 0xffffffff;
const POOL_SIZE = 48;

/** Tokens for one policy: those that open, sealed when the pool was filled, and what is made of them. */
export class Tokens {
  readonly #random: Random;
  readonly #model: Model;
  #pool: string[] = [];
  #strays: string[] = [];

  constructor(random: Random, model: Model) {
    this.#random = random;
    this.#model = model;
  }

  /** Seals a new pool, of tokens of every age around the bounds of the policy. */
  fill(now: number, others: readonly Model[]): void {
    const { keys } = this.#model.policy;
    this.#pool = Array.from({ length: POOL_SIZE }, () =>
      this.#seal(this.#model, this.#random.pick(keys), now),
    );
    this.#strays = Array.from({ length: POOL_SIZE / 2 }, () => this.#stray(now, others));
  }

  /** Takes a token that the filter has set into the pool. */
  give(token: string): void {
    this.#pool[this.#random.below(POOL_SIZE)] = token;
  }

  /** One that opens, if its time is not over. */
  valid(): string {
    return this.#random.pick(this.#pool);
  }

  /** Anything that a cookie of our name may hold. */
  any(): string {
    const random = this.#random;
    switch (random.below(20)) {
      default:
        return this.valid();
      case 0:
      case 1:
      case 2:
        return random.pick(this.#strays);
      case 3:
      case 4:
        return this.invalid();
      case 5:
        return BASE64URL.of(random, random.below(random.below(8) === 0 ? 500 : 90));
      case 6:
        return random.below(2) === 0 ? "" : VALUE.of(random, random.below(80));
    }
  }

  /** A token with something wrong: bits, characters, its end, or a half of another. */
  invalid(): string {
    const random = this.#random;
    const token = this.valid();
    const at = random.below(token.length);
    switch (random.below(6)) {
      case 0:
      case 1: {
        const bytes = Buffer.from(token, "base64url");
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        return bytes.toString("base64url");
      }
      case 2:
        return token.slice(0, at) + VALUE.of(random, 1) + token.slice(at + 1);
      case 3:
        return token.slice(0, at);
      case 4:
        return token + random.pick(["A", "AA", "=", "==", "AAAA", "-", " x", "%3D", token]);
      default:
        return token.slice(0, at) + this.valid().slice(at);
    }
  }

  #stray(now: number, others: readonly Model[]): string {
    const random = this.#random;
    const { policy } = this.#model;
    const key = random.pick(policy.keys);
    const binding = { scope: policy.scope, sessionName: policy.sessionName };
    switch (random.below(6)) {
      case 0:
        return this.#seal(this.#model, { id: key.id, bytes: random.bytes(32) }, now);
      case 1:
        return this.#seal(this.#model, { id: random.below(256), bytes: key.bytes }, now);
      case 2:
        return sealBytes(random, this.#oddPlaintext(now), key, { ...binding, scope: `${policy.scope}x` });
      case 3: {
        const other = random.pick(others);
        return this.#seal(other, random.pick(other.policy.keys), now);
      }
      default:
        return sealBytes(random, this.#oddPlaintext(now), key, binding, random.below(8) === 0 ? 2 : 1);
    }
  }

  #seal({ policy }: Model, key: TokenKey, now: number): string {
    return sealToken(this.#fields(now), key, policy, this.#random.bytes(12));
  }

  #fields(now: number): TokenFields {
    const random = this.#random;
    const { cluster } = this.#model.policy;
    const issued = this.#time(now);
    const seen = random.below(4) === 0 ? this.#time(now) : Math.max(issued, this.#time(now));
    const session = random.below(12) === 0 ? 0n : random.bytes(8).readBigUInt64BE();
    const secure = random.below(3) === 0;
    const fields = { issued, seen, session, secure, endpoint: randomEndpoint(random) };
    if (random.below(8) === (cluster === null ? 0 : 1)) return { ...fields, cluster: random.u32() };
    if (cluster === null || random.below(6) === 0) return fields;
    return { ...fields, cluster: crc32(random.pick([...cluster.names.slice(0, 3), "gone"])) };
  }

  /** Around the moments at which a policy changes its mind. */
  #time(now: number): number {
    const random = this.#random;
    const { absolute, idle } = this.#model.policy;
    const tenth = Math.floor(idle / 10);
    const ages = [0, 1, tenth, idle, absolute, random.below(idle + 2), random.below(absolute + 2), -5];
    if (random.below(30) === 0) ages.push(random.u32(), -random.u32());
    const age = random.pick(ages) + random.below(3) - 1;
    return Math.min(Math.max(now - age, 0), MAX_U32);
  }

  /** Sealed with the right key, but no plaintext that the filter ever writes; or just one. */
  #oddPlaintext(now: number): Buffer {
    const random = this.#random;
    const fixed = Buffer.alloc(16);
    fixed.writeUInt32BE(this.#time(now), 0);
    fixed.writeUInt32BE(this.#time(now), 4);
    fixed.set(random.bytes(8), 8);
    const size = random.below(256);
    switch (random.below(6)) {
      case 0:
        return random.bytes(random.below(400));
      case 1:
        return Buffer.concat([fixed, Buffer.from([random.below(9)]), random.bytes(random.below(24))]);
      case 2:
        return Buffer.concat([
          fixed,
          Buffer.from([0, size]),
          random.bytes(random.below(2) === 0 ? size : 255),
        ]);
      case 3:
        return Buffer.concat([
          fixed,
          Buffer.from([0, 255]),
          Buffer.alloc(255, "s"),
          random.bytes(random.below(9)),
        ]);
      case 4:
        return Buffer.concat([
          fixed,
          Buffer.from([random.pick([4, 6, 0x84, 0x86])]),
          random.bytes(random.pick([6, 10, 18, 22])),
        ]);
      default: {
        const endpoint = endpointBytes(randomEndpoint(random))!;
        return Buffer.concat([fixed, endpoint]).subarray(0, random.below(18 + endpoint.length));
      }
    }
  }
}

/** What Envoy may call a host; empty for none. */
export function randomEndpoint(random: Random): string {
  switch (random.below(16)) {
    case 0:
      return `[2001:db8::${(1 + random.below(65535)).toString(16)}]:${random.below(65536)}`;
    case 1:
      return `[${Array.from({ length: 8 }, () => random.pick(["0", "0", "1", "ffff", "ab0"])).join(":")}]:80`;
    case 2:
      return `/${PATH.of(random, random.below(255))}`;
    case 3:
      return random.pick([
        "",
        "10.0.0.01:80",
        "10.0.0.1:080",
        "10.0.0.1",
        "[::]:0",
        "[::ffff:1.2.3.4]:1",
        "1.2.3.4:65536",
      ]);
    default:
      return ipv4(random);
  }
}

function ipv4(random: Random): string {
  const address = random.u32();
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}:${random.below(65536)}`;
}

/** Seals any bytes as a token: what sealToken, which knows its fields, would not. */
function sealBytes(
  random: Random,
  plain: Buffer,
  key: TokenKey,
  { scope, sessionName }: { scope: string; sessionName: string },
  version = 1,
): string {
  const head = Buffer.from([version, key.id]);
  const nonce = random.bytes(12);
  const cipher = createCipheriv("chacha20-poly1305", key.bytes, nonce, { authTagLength: 16 });
  const bound = Buffer.concat([head, Buffer.from(`affinity/1\0${scope}\0${sessionName}`)]);
  cipher.setAAD(bound, { plaintextLength: plain.length });
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([head, nonce, sealed, cipher.getAuthTag()]).toString("base64url");
}
