interface Block {
  readonly start: number;
  readonly end: number;
}

/**
 * The module's memory as the host sees it. What the module passes is bounds-checked and copied at once. What the
 * host hands over goes where the module's own allocator says, under the rules that an allocator has to keep:
 * aligned, inside the memory, apart from every other block of the same entry, and those stay as they were.
 */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #allocate: (size: number) => number;
  #bytes: Buffer;
  #blocks: Block[] = [];

  constructor(memory: WebAssembly.Memory, allocate: (size: number) => number) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#bytes = Buffer.from(memory.buffer);
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /** To be called before each entry into the module: its arena may start anew. */
  startEntry(): void {
    this.#blocks = [];
  }

  /**
   * To be called when an entry has returned: what it was handed is dead, and reading it later has to show.
   * Holds for an arena that is reset at each entry; an allocator that frees would find its own lists broken.
   */
  poisonBlocks(): void {
    const bytes = this.#current();
    for (const { start, end } of this.#blocks) bytes.fill(0xa5, start, end);
  }

  read(pointer: number, size: number): Buffer {
    return Buffer.from(this.#slice(pointer, size));
  }

  text(pointer: number, size: number, encoding: "latin1" | "utf8" = "latin1"): string {
    return this.#slice(pointer, size).toString(encoding);
  }

  writeU32(pointer: number, value: number): void {
    this.#slice(pointer, 4).writeUInt32LE(value);
  }

  writeU64(pointer: number, value: bigint): void {
    this.#slice(pointer, 8).writeBigUInt64LE(value);
  }

  writeBytes(pointer: number, value: Uint8Array): void {
    this.#slice(pointer, value.length).set(value);
  }

  /** Hands a value over; an empty one is a null pointer and takes no memory, as in proxy-wasm-cpp-host. */
  give(value: Uint8Array, pointerOut: number, sizeOut: number): void {
    const start = value.length === 0 ? 0 : this.#place(value);
    this.#checkOutPointers(pointerOut >>> 0, sizeOut >>> 0);
    this.writeU32(pointerOut, start);
    this.writeU32(sizeOut, value.length);
  }

  #place(value: Uint8Array): number {
    const before = this.#blocks.map(({ start, end }) => this.read(start, end - start));
    const start = this.#allocate(value.length) >>> 0;
    const end = start + value.length;
    const found = `malloc(${value.length}) = ${start}`;
    if (start === 0) throw new Error(`${found}: no memory was given`);
    if (start % 4 !== 0) throw new Error(`${found}: not aligned to 4 bytes`);
    if (end > this.byteLength)
      throw new Error(`${found}: ends behind the memory of ${this.byteLength} bytes`);
    this.#blocks.forEach((block, index) => {
      const where = `the block ${block.start} to ${block.end} of the same entry`;
      if (start < block.end && block.start < end) throw new Error(`${found}: overlaps ${where}`);
      if (!before[index]!.equals(this.#slice(block.start, block.end - block.start))) {
        throw new Error(`${found}: changed ${where}`);
      }
    });
    this.#blocks.push({ start, end });
    this.writeBytes(start, value);
    return start;
  }

  #checkOutPointers(pointerOut: number, sizeOut: number): void {
    const outs = `result pointers ${pointerOut} and ${sizeOut}`;
    if (Math.abs(pointerOut - sizeOut) < 4) throw new Error(`${outs}: they overlap`);
    for (const out of [pointerOut, sizeOut]) {
      if (out === 0 || out % 4 !== 0) throw new Error(`${outs}: ${out} is no aligned place for 4 bytes`);
      const block = this.#blocks.find(({ start, end }) => out < end && start < out + 4);
      if (block !== undefined) {
        throw new Error(
          `${outs}: ${out} lies in the block ${block.start} to ${block.end} of the host's values`,
        );
      }
    }
  }

  #slice(pointer: number, size: number): Buffer {
    const start = pointer >>> 0;
    const end = start + (size >>> 0);
    if (end > this.byteLength) {
      throw new Error(`${start} to ${end}: outside the module's memory of ${this.byteLength} bytes`);
    }
    return this.#current().subarray(start, end);
  }

  /** Growing detaches every view of a memory: views are taken anew whenever the buffer is another one. */
  #current(): Buffer {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = Buffer.from(this.#memory.buffer);
    return this.#bytes;
  }
}
