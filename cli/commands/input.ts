import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Unusable, type Surroundings } from "./types.ts";
import { printable, shown } from "./text.ts";

const CHUNK = 64 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "may not be read by this user",
  EISDIR: "a folder; name a file",
  ENAMETOOLONG: "too long for a name of a file",
};

/**
 * A file's bytes. A pipe is read until its writer closes it, as `cat` does.
 * @param limit the most bytes it may have
 * @throws Unusable
 */
export function readFile(path: string, limit: number): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    if (fstatSync(file).isDirectory()) throw new Unusable(`${printable(path)}: ${REASONS["EISDIR"]}`);
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const count = readSync(file, chunk);
      if (count === 0) return Buffer.concat(chunks, length);
      chunks.push(chunk.subarray(0, count));
      length += count;
      if (length > limit) throw new Unusable(`${printable(path)}: ${tooLong(limit)}`);
    }
  } catch (error) {
    if (error instanceof Unusable) throw error;
    throw new Unusable(`${shown(path)}: ${reason(error)}`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * All of standard input.
 * @param limit the most bytes it may have
 * @throws Unusable
 */
export async function readAll(
  stdin: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stdin) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > limit) throw new Unusable(`standard input: ${tooLong(limit)}`);
    }
  } catch (error) {
    if (error instanceof Unusable) throw error;
    throw new Unusable(`standard input: ${reason(error)}`);
  }
  return Buffer.concat(chunks, length);
}

/** A variable that is set, if to nothing; objects have properties of their own kind beside. */
export function variable(env: Surroundings["env"], name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}

/** @throws Unusable when the bytes are not UTF-8; `name` says whose they are. */
export function utf8Text(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Unusable(`${printable(name)}: not text in UTF-8`);
  }
}

function tooLong(limit: number): string {
  const [size, unit] = limit < 1024 * 1024 ? [limit / 1024, "KiB"] : [limit / 1024 / 1024, "MiB"];
  return `longer than ${size} ${unit}, which is the most that is read`;
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return REASONS[code] ?? `cannot be read (${code})`;
}
