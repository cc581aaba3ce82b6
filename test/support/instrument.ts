/** Wasm modules that tell which of their code runs, or do something that they would not. */
import binaryen from "binaryen";

/** The module from which an instrumented one imports: `block` is called with the number of each block that is entered. */
export const PROBE = "probe";

export interface Instrumented {
  readonly module: WebAssembly.Module;
  /** The function of each block, by the block's number. */
  readonly functions: readonly number[];
}

export interface InstrumentOptions {
  /** Has each load and store report its address too: the imports of binaryen's pass instrument-memory. */
  readonly addresses?: boolean;
}

// How binaryen writes them: each on a line of its own, the closing parenthesis below the first character.
const FUNCTION = /^ \(func \$/;
const LOCAL = /^ +\(local /;
const BRANCH_TARGET = /^ +\((?:(?:then|else)$|loop \$)/;
const MAY_BRANCH = /^( +)\(br_if /;

/**
 * Puts a call of the import `probe.block` at the start of every stretch of code that a branch leads to: functions, the
 * arms of an `if`, rounds of a loop, and what comes after a `br_if` that does not branch.
 */
export function instrument(wasm: Uint8Array, { addresses = false }: InstrumentOptions = {}): Instrumented {
  const functions: number[] = [];
  let inFunction = -1;
  const probe = (): string => `(call $${PROBE} (i32.const ${functions.push(inFunction) - 1}))`;
  const lines: string[] = [];
  const ends: string[] = [];
  let atStart = false;
  for (const line of linesOf(wasm)) {
    if (atStart && !LOCAL.test(line)) {
      lines.push(probe());
      atStart = false;
    }
    lines.push(line);
    const branch = MAY_BRANCH.exec(line);
    if (line === "(module") lines.push(`(import "${PROBE}" "block" (func $${PROBE} (param i32)))`);
    else if (FUNCTION.test(line)) {
      inFunction++;
      atStart = !isWhole(line);
    } else if (BRANCH_TARGET.test(line)) lines.push(probe());
    else if (branch !== null) ends.push(`${branch[1]})`);
    else if (line === ends.at(-1)) {
      ends.pop();
      lines.push(probe());
    }
  }
  const bytes = assemble(lines, addresses ? ["instrument-memory"] : []);
  return { module: new WebAssembly.Module(bytes), functions };
}

/** Puts instructions (binaryen's text; parameters are `$0` and so on) at the start of an exported function. */
export function insert(wasm: Uint8Array, exported: string, instructions: string): Uint8Array<ArrayBuffer> {
  const lines = linesOf(wasm);
  const name = lines.map(
    (line) => new RegExp(`^ \\(export "${exported}" \\(func (\\$\\S+)\\)\\)`).exec(line)?.[1],
  );
  const start = lines.findIndex((line) =>
    line.startsWith(` (func ${name.find((found) => found !== undefined)} `),
  );
  if (start < 0) throw new Error(`${exported}: the module does not export it`);
  let body = start + 1;
  while (LOCAL.test(lines[body]!)) body++;
  return assemble([...lines.slice(0, body), instructions, ...lines.slice(body)], []);
}

function linesOf(wasm: Uint8Array): string[] {
  const source = binaryen.readBinary(wasm);
  source.setFeatures(binaryen.Features.All);
  const lines = source.emitText().split("\n");
  source.dispose();
  return lines;
}

function assemble(lines: readonly string[], passes: string[]): Uint8Array<ArrayBuffer> {
  const made = binaryen.parseText(lines.join("\n"));
  made.setFeatures(binaryen.Features.All);
  made.runPasses(passes);
  if (!made.validate()) throw new Error("the instrumented module is not valid");
  const bytes = made.emitBinary();
  made.dispose();
  return Uint8Array.from(bytes);
}

/** Whether all parentheses of a line close: an empty function. */
function isWhole(line: string): boolean {
  return line.split("(").length === line.split(")").length;
}
