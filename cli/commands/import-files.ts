/** `--out`: manifests as files of one folder, and nothing outside of it. */
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../import/emit.ts";
import { toYaml } from "../import/render.ts";
import { printable, shown } from "./text.ts";
import { Unusable } from "./types.ts";

/** The first line of every file, by which a later run knows that it may replace it. */
const MARK = "# Written by envoy-cookie-affinity import; a later run with --out replaces it.\n";

const FILE_NAME = /^[a-z0-9][a-z0-9-]*\.yaml$/;

export interface Written {
  /** In their order, as paths with the folder in front. */
  readonly written: readonly string[];
  /** Files of an earlier run that are not among them. */
  readonly left: readonly string[];
}

/**
 * Writes the manifests, those of one `file` into one. Either every file can be written or none is touched.
 * @throws Unusable when the folder or a file in it is none of ours to write
 */
export function writeFiles(folder: string, manifests: readonly Manifest[]): Written {
  const files = new Map<string, Manifest[]>();
  for (const manifest of manifests) {
    if (!FILE_NAME.test(manifest.file)) throw new Error(`${manifest.file}: no name for a file`);
    files.set(manifest.file, [...(files.get(manifest.file) ?? []), manifest]);
  }
  try {
    mkdirSync(folder, { recursive: true });
    if (!statSync(folder).isDirectory()) throw new Unusable(`--out ${shown(folder)}: not a folder`);
    for (const file of files.keys()) refuseForeign(folder, file);
    for (const [file, documents] of files) write(folder, file, MARK + toYaml(documents));
    const left = readdirSync(folder).filter(
      (file) => FILE_NAME.test(file) && !files.has(file) && isOurs(join(folder, file)),
    );
    const inFolder = (file: string): string => join(folder, file);
    return { written: [...files.keys()].map(inFolder), left: left.sort().map(inFolder) };
  } catch (error) {
    if (error instanceof Unusable || !isSystemError(error)) throw error;
    throw new Unusable(`--out ${shown(folder)}: cannot be written (${printable(error.code)})`);
  }
}

function refuseForeign(folder: string, file: string): void {
  const path = join(folder, file);
  if (existing(path) === undefined || isOurs(path)) return;
  throw new Unusable(
    `${shown(path)}: there already, and not written by this command; move it away, or name another folder`,
  );
}

// By a new file that takes the place of the old one: nobody reads half of it, and a link is replaced, not followed.
function write(folder: string, file: string, text: string): void {
  const temporary = join(folder, `.${file}.${process.pid}`);
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, join(folder, file));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function isOurs(path: string): boolean {
  return existing(path)?.isFile() === true && readFileSync(path, "utf8").startsWith(MARK);
}

/** What stands there itself, be it a link. */
function existing(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
