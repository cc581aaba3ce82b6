import assert from "node:assert/strict";
import { openToken, sealToken, type OpenedToken, type TokenFields, type TokenKey } from "../../cli/token.ts";
import { binding, key } from "./gateway.ts";

/** A token of a session that began now, as the gateway would have sealed it; `fields` may say otherwise. */
export function sealed(fields: Partial<TokenFields> = {}, under: TokenKey = key, at = binding): string {
  const now = nowSeconds();
  return sealToken({ issued: now, seen: now, session: 1n, endpoint: "", ...fields }, under, at);
}

/** What a token says; throws when it does not open under this key. */
export function opened(token: string, at = binding, under: TokenKey = key): OpenedToken {
  return (
    openToken(token, [under], at) ??
    assert.fail(`${token}: does not open under key ${under.id} for ${at.scope}`)
  );
}

/** Now, in whole seconds, as Envoy has it on the same machine. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** The filter's configuration under which `sealed` seals, with these fields beside it. */
export function filterWith(fields: object): object {
  return { scope: binding.scope, keys: [{ id: key.id, env: "AFFINITY_KEY" }], ...fields };
}

/** How often each of these values is there. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
