import { randomFillSync } from "node:crypto";
import { LeanHost } from "../support/lean-host.ts";
import { HeaderMapType, pairsBytes, Status } from "../wasm/abi.ts";
import { HeaderMap, type HeaderLines } from "../wasm/headers.ts";

/** Envoy's properties, by their paths with a NUL between the parts. */
export type Properties = Readonly<Record<string, string>>;

/** What Envoy does for the filter in its callbacks, on LeanHost: headers, properties, counters, clock, randomness. */
export class SoakHost {
  readonly lean: LeanHost;
  /** Unix time in seconds. */
  readonly now: number;
  /** The sum of each counter, by its name. */
  readonly counters = new Map<string, number>();
  /** Lines that were logged. */
  logged = 0;
  readonly #counterNames: string[] = [];
  readonly #pool = Buffer.alloc(64 * 1024);
  #drawn = this.#pool.length;
  #type = -1;
  #headers = new HeaderMap();
  #properties: Properties = {};

  constructor(module: WebAssembly.Module, now: number) {
    this.now = now;
    this.lean = new LeanHost(module, (lean) => ({ ...this.#headerCalls(lean), ...this.#systemCalls(lean) }));
  }

  /** The request headers as the filter leaves them. */
  request(context: number, lines: HeaderLines, properties: Properties): HeaderMap {
    return this.#during(HeaderMapType.request, lines, properties, () =>
      this.lean.exports.proxy_on_request_headers(context, lines.length, 1),
    );
  }

  /** The response headers as the filter leaves them. */
  respond(context: number, lines: HeaderLines, properties: Properties): HeaderMap {
    return this.#during(HeaderMapType.response, lines, properties, () =>
      this.lean.exports.proxy_on_response_headers(context, lines.length, 0),
    );
  }

  /** Ends a stream or a root. */
  end(context: number): void {
    this.lean.exports.proxy_on_done?.(context);
    this.lean.exports.proxy_on_delete?.(context);
  }

  #during(type: number, lines: HeaderLines, properties: Properties, entry: () => number): HeaderMap {
    const headers = new HeaderMap(lines);
    this.#type = type;
    this.#headers = headers;
    this.#properties = properties;
    if (entry() !== 0) throw new Error("the filter did not let the headers go on");
    this.#type = -1;
    return headers;
  }

  #headerCalls(lean: LeanHost): Record<string, (...args: number[]) => number> {
    const text = (at: number, size: number): string => lean.memory.toString("latin1", at, at + size);
    const change = (type: number, act: (headers: HeaderMap) => void): number => {
      if (type !== this.#type) return Status.badArgument;
      act(this.#headers);
      return Status.ok;
    };
    return {
      proxy_get_header_map_value: (type, name, length, at, size) => {
        if (type !== this.#type) return Status.badArgument;
        const value = this.#headers.first(text(name!, length!));
        return value === null ? Status.notFound : lean.giveText(value, at!, size!);
      },
      proxy_get_header_map_pairs: (type, at, size) =>
        type === this.#type ? lean.give(pairsBytes(this.#headers.lines), at!, size!) : Status.badArgument,
      proxy_add_header_map_value: (type, name, length, at, size) =>
        change(type!, (headers) => headers.add(text(name!, length!), text(at!, size!))),
      proxy_replace_header_map_value: (type, name, length, at, size) =>
        change(type!, (headers) => headers.replace(text(name!, length!), text(at!, size!))),
      proxy_remove_header_map_value: (type, name, length) =>
        change(type!, (headers) => headers.remove(text(name!, length!))),
      proxy_get_property: (path, length, at, size) => {
        const value = this.#properties[text(path!, length!)];
        return value === undefined ? Status.notFound : lean.giveText(value, at!, size!);
      },
    };
  }

  #systemCalls(lean: LeanHost): Record<string, (...args: never[]) => number> {
    return {
      proxy_get_current_time_nanoseconds: (at: number) => {
        lean.memory.writeBigUInt64LE(BigInt(this.now) * 1_000_000_000n, at);
        return Status.ok;
      },
      proxy_define_metric: (_type: number, name: number, length: number, at: number) => {
        this.#counterNames.push(lean.memory.toString("latin1", name, name + length));
        lean.memory.writeUInt32LE(this.#counterNames.length - 1, at);
        return Status.ok;
      },
      proxy_increment_metric: (id: number, by: bigint) => {
        const name = this.#counterNames[id];
        if (name === undefined) return Status.notFound;
        this.counters.set(name, (this.counters.get(name) ?? 0) + Number(by));
        return Status.ok;
      },
      proxy_log: () => {
        this.logged++;
        return Status.ok;
      },
      random_get: (at: number, size: number) => {
        // One call of the system for thousands of these.
        if (this.#drawn + size > this.#pool.length) {
          randomFillSync(this.#pool);
          this.#drawn = 0;
        }
        this.#pool.copy(lean.memory, at, this.#drawn, this.#drawn + size);
        this.#drawn += size;
        return 0;
      },
    };
  }
}
