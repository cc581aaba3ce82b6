import type { Command } from "./types.ts";
import { configCheck } from "./config-check.ts";
import { importCommand } from "./import.ts";
import { key } from "./key.ts";
import { tokenOpen } from "./token-open.ts";
import { tokenSeal } from "./token-seal.ts";

/** Every command, in the order of the help text. */
export const commands: readonly Command[] = [key, tokenOpen, tokenSeal, configCheck, importCommand];
