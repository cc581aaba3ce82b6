import { randomBytes } from "node:crypto";
import type { Command } from "./types.ts";

export const key: Command = {
  name: "key",
  summary: "make a key for gateways to share",
  operands: "",
  operandCount: [0, 0],
  description: `Prints base64 of 32 random bytes: what a gateway takes as a key. It is a secret. All gateways that are to
understand each other's cookies have the same one, in the environment variable that their configuration names.`,
  options: { json: { help: 'Print {"key": "..."}.' } },
  examples: [
    "export AFFINITY_KEY=$(npx envoy-cookie-affinity key)",
    "(umask 077; npx envoy-cookie-affinity key > affinity.key)",
  ],
  exitCodes: "0 done, 2 unusable arguments",
  run(given) {
    const text = randomBytes(32).toString("base64");
    return { code: 0, output: given.flag("json") ? `${JSON.stringify({ key: text })}\n` : `${text}\n` };
  },
};
