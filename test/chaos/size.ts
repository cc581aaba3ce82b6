import type { Size } from "./run.ts";

/** The environment variable that says how many sessions each scenario begins with. */
export const SESSIONS = "CHAOS_SESSIONS";

/** What `npm run chaos` has, and what belongs to `npm test`. */
export const FULL = 3000;
const SHORT = 100;

const MOST = 100_000;

/**
 * How large the scenarios are, as the environment says.
 *
 * @throws Error with one sentence when it says no number of sessions, 100 to 100 000
 */
export function sizeOf(env: NodeJS.ProcessEnv): Size {
  const text = env[SESSIONS] ?? String(SHORT);
  const sessions = Number(text);
  if (!/^[0-9]+$/.test(text) || sessions < 100 || sessions > MOST)
    throw new Error(`${SESSIONS}=${text}: not a number of sessions; use 100 to ${MOST}`);
  return sessions < 1000
    ? { sessions, lanes: 16, pause: 40, drain: 2 }
    : { sessions, lanes: 64, pause: 10, drain: 5 };
}
