import assert from "node:assert/strict";
import { openToken } from "../../cli/token.ts";
import type { HeaderMap } from "../wasm/headers.ts";
import { Random } from "../wasm/random.ts";
import { NOW } from "../wasm/sample.ts";
import { HOST_HEADER } from "../wasm/visit.ts";
import { SoakHost } from "./host.ts";
import { configurationOf, KEY, kinds, policies, sessionNameOf, type Kind } from "./kinds.ts";

export interface ModuleSoakOptions {
  readonly requests: number;
  /** How many streams are open at any time. */
  readonly open: number;
  readonly seed?: number;
  /** Called now and then. */
  readonly progress?: (served: number, bytes: number) => void;
}

export interface ModuleSoakReport {
  readonly seed: number;
  readonly requests: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly tokensSet: number;
  /** Of these, how many were opened by another implementation. */
  readonly tokensOpened: number;
  readonly updates: number;
  /** Bytes of the VM's memory after the warm-up and at the end. */
  readonly warmBytes: number;
  readonly endBytes: number;
  /** After how many requests the memory had grown beyond the warm one; null: never. */
  readonly grownAfter: number | null;
}

interface Open {
  readonly kind: Kind;
  readonly context: number;
}

const POLICY_NAMES = Object.keys(policies) as (keyof typeof policies)[];
const REQUESTS_PER_TICK = 1000;
/** Each update of the configuration gives every filter a new root, as Envoy does. */
const REQUESTS_PER_UPDATE = 20_000;
const OPENED_ONE_IN = 50;
// The largest cases have all come many times by then.
const WARM_UP = 0.2;

/**
 * Serves that many requests of all kinds by one VM, with many streams open that are answered in any order. Throws at the
 * first answer, and at the end for any counter, that is not what it has to be.
 */
export function soakModule(module: WebAssembly.Module, options: ModuleSoakOptions): ModuleSoakReport {
  const soak = new ModuleSoak(module, options);
  try {
    return soak.run();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`seed ${soak.random.seed}, request ${soak.served}: ${reason}`, { cause });
  }
}

class ModuleSoak {
  readonly random: Random;
  served = 0;
  readonly #options: ModuleSoakOptions;
  readonly #host: SoakHost;
  readonly #draw = kinds.flatMap((kind, index) =>
    Array.from({ length: Math.round(kind.share * 10) }, () => index),
  );
  readonly #byKind = kinds.map(() => 0);
  readonly #roots = new Map<string, number>();
  readonly #open: Open[] = [];
  #nextContext = 1;
  #updates = 0;
  #tokensSet = 0;
  #tokensOpened = 0;

  constructor(module: WebAssembly.Module, options: ModuleSoakOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.#host = new SoakHost(module, NOW);
  }

  run(): ModuleSoakReport {
    const { requests, open, progress } = this.#options;
    const warm = Math.floor(requests * WARM_UP);
    let warmBytes = 0;
    let grownAfter: number | null = null;
    this.#update();
    for (this.served = 0; this.served < requests; this.served++) {
      if (this.served === warm) warmBytes = this.#host.lean.byteLength;
      if (this.served % REQUESTS_PER_TICK === 0) {
        this.#tick();
        if (this.served > warm && this.#host.lean.byteLength !== warmBytes) grownAfter ??= this.served;
        progress?.(this.served, this.#host.lean.byteLength);
      }
      if (this.served % REQUESTS_PER_UPDATE === REQUESTS_PER_UPDATE - 1) this.#update();
      const index = this.#draw[this.random.below(this.#draw.length)]!;
      this.#byKind[index]!++;
      this.#begin(kinds[index]!);
      if (this.#open.length > open) this.#finishAny();
    }
    this.#finishAll();
    this.#checkCounters();
    const endBytes = this.#host.lean.byteLength;
    return {
      seed: this.random.seed,
      requests,
      byKind: Object.fromEntries(kinds.map(({ name }, index) => [name, this.#byKind[index]!])),
      tokensSet: this.#tokensSet,
      tokensOpened: this.#tokensOpened,
      updates: this.#updates,
      warmBytes,
      endBytes,
      grownAfter: grownAfter ?? (endBytes === warmBytes ? null : requests),
    };
  }

  /** Envoy lets the streams of the old filters end first. */
  #update(): void {
    this.#finishAll();
    for (const policy of POLICY_NAMES) {
      const old = this.#roots.get(policy);
      const next = this.#nextContext++;
      this.#host.lean.configure(next, configurationOf(policy));
      if (old !== undefined) this.#host.end(old);
      this.#roots.set(policy, next);
    }
    this.#updates++;
  }

  #tick(): void {
    for (const root of this.#roots.values()) this.#host.lean.exports.proxy_on_tick?.(root);
  }

  #begin(kind: Kind): void {
    // Ids are numbers of 32 bits, the roots' never given again.
    const context = this.#nextContext++;
    this.#host.lean.exports.proxy_on_context_create?.(context, this.#roots.get(kind.policy)!);
    this.#open.push({ kind, context });
    if (kind.request === null) return;
    const { request, properties, asks } = kind;
    const headers = this.#host.request(context, request, properties);
    for (const name in asks) expectValue(kind, name, headers, asks[name]!);
  }

  #finishAny(): void {
    const at = this.random.below(this.#open.length);
    const one = this.#open[at]!;
    this.#open[at] = this.#open.at(-1)!;
    this.#open.pop();
    this.#finish(one);
  }

  #finishAll(): void {
    for (const one of this.#open) this.#finish(one);
    this.#open.length = 0;
  }

  #finish({ kind, context }: Open): void {
    if (kind.response !== null)
      this.#expectToken(kind, this.#host.respond(context, kind.response, kind.properties));
    this.#host.end(context);
  }

  #expectToken(kind: Kind, headers: HeaderMap): void {
    expectValue(kind, HOST_HEADER, headers, null);
    const inHeader = kind.policy === "header";
    const name = sessionNameOf(kind.policy);
    const lines = headers.all(inHeader ? name : "set-cookie");
    const start = inHeader ? "" : `${name}=`;
    const tokens = lines.filter((line) => line.startsWith(start));
    const expired = lines.length - tokens.length;
    if (expired !== (kind.expires ?? 0)) throw new Error(`${kind.name}: ${expired} cookies were expired`);
    if (tokens.length !== (kind.sets === null ? 0 : 1))
      throw new Error(`${kind.name}: ${tokens.length} tokens were set`);
    if (kind.sets === null) return;
    if (this.#tokensSet++ % OPENED_ONE_IN !== 0) return;
    const value = tokens[0]!.slice(start.length).split(";", 1)[0]!;
    const token = openToken(value, [KEY], { scope: kind.policy, sessionName: name });
    if (token === null) throw new Error(`${kind.name}: ${value} does not open`);
    assert.deepEqual(
      { endpoint: token.endpoint, seen: token.seen, cluster: token.cluster },
      { endpoint: kind.sets, seen: NOW, cluster: kind.cluster },
      kind.name,
    );
    this.#tokensOpened++;
  }

  /** The account balances: each event of each request was counted once. */
  #checkCounters(): void {
    this.#tick();
    const expected: Record<string, number> = {};
    let logs = 0;
    kinds.forEach((kind, index) => {
      logs += this.#byKind[index]! * (kind.logs ?? 0);
      for (const event of kind.events) {
        const name = `affinity.${kind.policy}.${event}`;
        expected[name] = (expected[name] ?? 0) + this.#byKind[index]!;
      }
    });
    for (const name in expected) if (expected[name] === 0) delete expected[name];
    assert.deepEqual(Object.fromEntries(this.#host.counters), expected);
    assert.equal(this.#host.logged, logs, "lines in the log");
  }
}

function expectValue(kind: Kind, name: string, headers: HeaderMap, expected: string | RegExp | null): void {
  const found = headers.first(name);
  if (found === expected) return;
  if (expected instanceof RegExp && found !== null && expected.test(found)) return;
  throw new Error(`${kind.name}: ${name} is ${found}; expected ${expected}`);
}
