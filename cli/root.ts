import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The root of the checkout: the nearest folder above this file, compiled or not, that holds asconfig.json. */
export const root: string = findRoot(import.meta.dirname);

function findRoot(from: string): string {
  if (existsSync(join(from, "asconfig.json"))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error("asconfig.json: not found above the program; run it from a checkout");
  return findRoot(parent);
}
