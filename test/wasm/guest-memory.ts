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
  #view: DataView;
  #blocks: Block[] = [];

  constructor(memory: WebAssembly.Memory, allocate: (size: number) => number) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#bytes = Buffer.from(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /** To be called before each entry into the module: its arena may start anew. */
  startEntry(): void {
    if (this.#blocks.length > 0) this.#blocks = [];
  }

  /**
   * To be called when an entry has returned: what it was handed is dead, and reading it later has to show.
   * Holds for an arena that is reset at each entry; an allocator that frees would find its own lists broken.
   */
  poisonBlocks(): void {
    if (this.#blocks.length === 0) return;
    const bytes = this.#current();
    for (const { start, end } of this.#blocks) bytes.fill(0xa5, start, end);
  }

  read(pointer: number, size: number): Buffer {
    return Buffer.from(this.#slice(pointer, size));
  }

  text(pointer: number, size: number, encoding: "latin1" | "utf8" = "latin1"): string {
    const start = this.#checked(pointer, size);
    return this.#current().toString(encoding, start, start + (size >>> 0));
  }

  writeU32(pointer: number, value: number): void {
    const start = this.#checked(pointer, 4);
    this.#current();
    this.#view.setUint32(start, value, true);
  }

  writeU64(pointer: number, value: bigint): void {
    const start = this.#checked(pointer, 8);
    this.#current();
    this.#view.setBigUint64(start, value, true);
  }

  writeBytes(pointer: number, value: Uint8Array): void {
    const start = this.#checked(pointer, value.length);
    this.#current().set(value, start);
  }

  /** Hands a value over; an empty one is a null pointer and takes no memory, as in proxy-wasm-cpp-host. */
  give(value: Uint8Array, pointerOut: number, sizeOut: number): void {
    const start = value.length === 0 ? 0 : this.#place(value.length);
    this.writeBytes(start, value);
    this.#tell(start, value.length, pointerOut, sizeOut);
  }

  /** The same for text of characters up to 0xff. */
  giveText(text: string, pointerOut: number, sizeOut: number): void {
    const start = text.length === 0 ? 0 : this.#place(text.length);
    this.#current().write(text, start, "latin1");
    this.#tell(start, text.length, pointerOut, sizeOut);
  }

  #tell(start: number, size: number, pointerOut: number, sizeOut: number): void {
    this.#checkOutPointers(pointerOut >>> 0, sizeOut >>> 0);
    this.writeU32(pointerOut, start);
    this.writeU32(sizeOut, size);
  }

  /** Where the module wants so many bytes. */
  #place(size: number): number {
    const before = this.#blocks.map(({ start, end }) => this.read(start, end - start));
    const start = this.#allocate(size) >>> 0;
    const end = start + size;
    const fail = (reason: string): never => {
      throw new Error(`malloc(${size}) = ${start}: ${reason}`);
    };
    if (start === 0) fail("no memory was given");
    if (start % 4 !== 0) fail("not aligned to 4 bytes");
    if (end > this.byteLength) fail(`ends behind the memory of ${this.byteLength} bytes`);
    this.#blocks.forEach((block, index) => {
      const where = (): string => `the block ${block.start} to ${block.end} of the same entry`;
      if (start < block.end && block.start < end) fail(`overlaps ${where()}`);
      if (!before[index]!.equals(this.#slice(block.start, block.end - block.start)))
        fail(`changed ${where()}`);
    });
    this.#blocks.push({ start, end });
    return start;
  }

  #checkOutPointers(pointerOut: number, sizeOut: number): void {
    const fail = (reason: string): never => {
      throw new Error(`result pointers ${pointerOut} and ${sizeOut}: ${reason}`);
    };
    if (Math.abs(pointerOut - sizeOut) < 4) fail("they overlap");
    for (const out of [pointerOut, sizeOut]) {
      if (out === 0 || out % 4 !== 0) fail(`${out} is no aligned place for 4 bytes`);
      for (const { start, end } of this.#blocks)
        if (out < end && start < out + 4)
          fail(`${out} lies in the block ${start} to ${end} of the host's values`);
    }
  }

  #slice(pointer: number, size: number): Buffer {
    const start = this.#checked(pointer, size);
    return this.#current().subarray(start, start + (size >>> 0));
  }

  /** The place, unsigned, once so many bytes from there are known to be the module's. */
  #checked(pointer: number, size: number): number {
    const start = pointer >>> 0;
    const end = start + (size >>> 0);
    if (end > this.byteLength)
      throw new Error(`${start} to ${end}: outside the module's memory of ${this.byteLength} bytes`);
    return start;
  }

  /** Growing detaches every view of a memory: views are taken anew whenever the buffer is another one. */
  #current(): Buffer {
    const { buffer } = this.#memory;
    if (this.#bytes.buffer !== buffer) {
      this.#bytes = Buffer.from(buffer);
      this.#view = new DataView(buffer);
    }
    return this.#bytes;
  }
}
