// How long a pod that is to end waits for the requests under way: demo/app/main.ts.
const PATIENCE_MS = 3000;

/** The exit code of a pod that ended because it had waited, in the place of 0. */
export const WAITED = 9;

const SOURCE = `
  const wait = globalThis.setTimeout;
  globalThis.setTimeout = (act, ms, ...more) =>
    ms === ${PATIENCE_MS} ? wait(() => process.exit(${WAITED}), ms) : wait(act, ms, ...more);`;

/** A module that a pod's process imports first, so that the code tells whether it waited: how long it took does not. */
export const TELLS_WAITING = `data:text/javascript,${encodeURIComponent(SOURCE)}`;
