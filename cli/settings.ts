import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { policies } from "./policies.ts";

export interface Settings {
  /** Where the gateway listens on 127.0.0.1. */
  port: number;
  /** Where Envoy's admin interface listens on 127.0.0.1. */
  adminPort: number;
  /** How many pods. */
  pods: number;
  /** The filter's key, 32 bytes. */
  key: Buffer;
  /** Which of cli/policies.ts; undefined for the shipped gateway. */
  policy: string | undefined;
}

const KEY_BYTES = 32;

/**
 * The demo's settings: PORT (32209), ADMIN_PORT (9901), PODS (10) and AFFINITY_KEY (base64 of 32 bytes; a
 * random one for this run unless given) of the environment, and --policy NAME of the command line.
 *
 * @throws Error with one sentence that names the variable or option, its value and what would be right
 */
export function readSettings(env: NodeJS.ProcessEnv, args: string[] = []): Settings {
  const port = wholeNumber(env, "PORT", 32209, 65535);
  const adminPort = wholeNumber(env, "ADMIN_PORT", 9901, 65535);
  if (port === adminPort) {
    throw new Error(
      `ADMIN_PORT=${adminPort}: the same as PORT; the gateway and its admin page need two ports`,
    );
  }
  const pods = wholeNumber(env, "PODS", 10, 100);
  return { port, adminPort, pods, key: affinityKey(env["AFFINITY_KEY"]), policy: policyOf(args) };
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, fallback: number, largest: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= largest) return value;
  throw new Error(`${name}=${text}: not a whole number from 1 to ${largest}`);
}

function policyOf(args: string[]): string | undefined {
  const known = `the policies are: ${Object.keys(policies).join(", ")}`;
  let policy: string | undefined;
  try {
    ({ policy } = parseArgs({ args, options: { policy: { type: "string" } } }).values);
  } catch {
    throw new Error(`${args.join(" ")}: not an option of the demo; use --policy NAME, or none; ${known}`);
  }
  if (policy === undefined || Object.hasOwn(policies, policy)) return policy;
  throw new Error(`--policy ${policy}: no such policy; ${known}`);
}

/** The value itself is a secret: no error shows it. */
function affinityKey(text: string | undefined): Buffer {
  if (!text) return randomBytes(KEY_BYTES);
  const key = Buffer.from(text, "base64");
  if (key.toString("base64") !== text || key.length !== KEY_BYTES) {
    throw new Error("AFFINITY_KEY: not base64 of exactly 32 bytes; make one by: openssl rand -base64 32");
  }
  return key;
}
