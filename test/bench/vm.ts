import { readFileSync } from "node:fs";
import { LeanHost } from "../support/lean-host.ts";

const ROOT = 1;
const NOT_FOUND = 1;

/**
 * The filter with host calls that do next to nothing, so that what is seen is the module's own work. Requests have a Cookie
 * header or none; responses are those of the pod that was asked for.
 */
export class BareVm {
  readonly #host: LeanHost;
  /** How often the host has asked the module for memory of its requests. */
  mallocs = 0;
  #cookie: Uint8Array | undefined;
  #context = ROOT;

  constructor(file: string, configuration: object) {
    this.#host = new LeanHost(new WebAssembly.Module(readFileSync(file)), (host) => ({
      // No other header that the filter asks for has a name of that length.
      proxy_get_header_map_value: (map: number, _name: number, length: number, at: number, size: number) => {
        if (map !== 0 || length !== "cookie".length || this.#cookie === undefined) return NOT_FOUND;
        this.mallocs++;
        return host.give(this.#cookie, at, size);
      },
      proxy_get_header_map_pairs: () => NOT_FOUND,
    }));
    this.#host.configure(ROOT, configuration);
  }

  /** What a build for a test exports beside the filter's callbacks. */
  exported<T>(name: string): T {
    return (this.#host.exports as unknown as Readonly<Record<string, unknown>>)[name] as T;
  }

  /** Whole streams, one after the other, whose requests have this Cookie header. */
  serve(cookie: Uint8Array | undefined, streams: number): void {
    this.#cookie = cookie;
    const { exports } = this.#host;
    for (let i = 0; i < streams; i++) {
      const context = this.open();
      exports.proxy_on_request_headers(context, 1, 1);
      exports.proxy_on_response_headers(context, 1, 1);
      exports.proxy_on_delete?.(context);
    }
  }

  /** A stream that stays open; returns its context. */
  open(): number {
    this.#host.exports.proxy_on_context_create?.(++this.#context, ROOT);
    return this.#context;
  }
}
