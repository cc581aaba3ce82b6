import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { runCommand, type CommandResult } from "../../cli/command.ts";
import { commands } from "../../cli/commands/table.ts";
import { root } from "../../cli/root.ts";

export interface Line {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Unix time in seconds. */
  readonly now?: number;
}

/** What the program answers to these arguments, in an environment that holds nothing else. */
export function commandLine(
  args: readonly string[],
  { env = {}, stdin, now }: Line = {},
): Promise<CommandResult> {
  return runCommand(commands, args, {
    env,
    stdin: stdin === undefined ? [] : [Buffer.from(stdin)],
    now: now === undefined ? Date.now() : now * 1000,
    home: root,
  });
}

const folder = mkdtempSync(join(tmpdir(), "affinity-command-"));
after(() => rmSync(folder, { recursive: true }));

/** Path of a file in a folder of this test's own. */
export function temporary(name: string, content?: string | Uint8Array): string {
  const path = join(folder, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
}
