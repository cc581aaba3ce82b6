/**
 * The order of events, without time: each moment is a number larger than those before. One process sees all events, so it
 * can tell which came first; how much time lies between them depends on the machine and decides nothing here.
 */
let last = 0;

/** The moment of an event. */
export function tick(): number {
  return ++last;
}

/** Between two moments; `to` is Infinity while it lasts. */
export interface Window {
  from: number;
  to: number;
}

/** A window that begins now. */
export function opened(): Window {
  return { from: tick(), to: Infinity };
}

export function close(window: Window): void {
  window.to = tick();
}

/** Whether one of these windows and the time between two moments have a moment in common. */
export function overlaps(windows: readonly Window[], { from, to }: Window): boolean {
  return windows.some((window) => window.from <= to && from <= window.to);
}
