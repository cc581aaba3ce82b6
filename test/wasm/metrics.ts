import { MetricType, Status } from "./abi.ts";

/** The metrics of one VM, held as Envoy holds them: by name, however often and by whichever id it was defined. */
export class Metrics {
  readonly #values = new Map<string, bigint>();
  readonly #names: string[] = [];

  /** The value of a metric, or undefined when none of that name was defined. */
  value(name: string): number | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : Number(value);
  }

  get names(): string[] {
    return [...this.#values.keys()];
  }

  /** A new id for each definition, as Envoy gives, which never takes one back. */
  define(type: number, name: string): number {
    if (type !== MetricType.counter) throw new Error(`metric ${name}: type ${type} is not a counter`);
    if (!this.#values.has(name)) this.#values.set(name, 0n);
    this.#names.push(name);
    // Envoy keeps the type in the two low bits of an id.
    return (this.#names.length << 2) | type;
  }

  increment(id: number, offset: bigint): number {
    const name = this.#name(id);
    if (name === undefined) return Status.notFound;
    if (offset <= 0n) return Status.badArgument;
    this.#values.set(name, this.#values.get(name)! + offset);
    return Status.ok;
  }

  byId(id: number): bigint | undefined {
    const name = this.#name(id);
    return name === undefined ? undefined : this.#values.get(name);
  }

  #name(id: number): string | undefined {
    return this.#names[(id >>> 2) - 1];
  }
}
