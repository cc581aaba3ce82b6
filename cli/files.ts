import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./root.ts";

const NOT_OURS = new Set(["node_modules", "build", ".git", ".envoy"]);

/** The checkout's own files whose name matches, sorted, as paths from its root; without what is built or installed. */
export function ownFiles(name: RegExp, folder = ""): string[] {
  const files: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !NOT_OURS.has(entry.name)) files.push(...ownFiles(name, path));
    else if (entry.isFile() && name.test(entry.name)) files.push(path);
  }
  return files.sort();
}
