/** Header lines in order; a value's characters are its bytes (latin1). */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** A header map that behaves as Envoy's: names are lower case, a name may have several lines. */
export class HeaderMap {
  #lines: [name: string, value: string][];

  constructor(lines: HeaderLines = []) {
    this.#lines = lines.map(([name, value]) => [name.toLowerCase(), value]);
  }

  get lines(): HeaderLines {
    return this.#lines;
  }

  /** The value of the first line of that name: Envoy shows a filter no other. */
  first(name: string): string | null {
    return this.#lines.find(([candidate]) => candidate === name)?.[1] ?? null;
  }

  all(name: string): string[] {
    return this.#lines.filter(([candidate]) => candidate === name).map(([, value]) => value);
  }

  add(name: string, value: string): void {
    this.#lines.push([name.toLowerCase(), checkedValue(name, value)]);
  }

  /** All lines of that name become this one, at the end. */
  replace(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  remove(name: string): void {
    const lower = name.toLowerCase();
    if (this.#lines.some(([candidate]) => candidate === lower)) {
      this.#lines = this.#lines.filter(([candidate]) => candidate !== lower);
    }
  }
}

function checkedValue(name: string, value: string): string {
  if (/[\0\r\n]/.test(name) || /[\0\r\n]/.test(value)) {
    throw new Error(`${name}: ${JSON.stringify(value)} has a NUL, CR or LF, with which Envoy aborts`);
  }
  return value;
}
