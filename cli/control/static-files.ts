import { readFile, realpath } from "node:fs/promises";
import { extname, join, sep } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
};

// Plain names only: no percent-encoding, no leading dot, no backslash.
const PATH = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;

export interface StaticFile {
  type: string;
  bytes: Buffer;
}

/** The file of the folder that a request's path names, index.html for `/`; undefined where there is none to be served. */
export async function staticFile(folder: string, path: string): Promise<StaticFile | undefined> {
  const name = path === "/" ? "/index.html" : path;
  const type = TYPES[extname(name)];
  if (!PATH.test(name) || type === undefined) return undefined;
  try {
    const file = await realpath(join(folder, name));
    // A symbolic link may lead anywhere.
    if (!file.startsWith((await realpath(folder)) + sep)) return undefined;
    return { type, bytes: await readFile(file) };
  } catch {
    return undefined;
  }
}
