import { Refusal } from "./refusal.ts";

/** Runs one thing after another, in the order of asking. */
export class Queue {
  readonly #most: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param most how many may be waiting or under way at once */
  constructor(most: number) {
    this.#most = most;
  }

  /** @throws Refusal when too many are waiting; what `task` throws */
  run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#most)
      throw new Refusal(409, `${this.#waiting} actions are waiting already; try again when they are done`);
    this.#waiting++;
    const done = this.#last.then(task).finally(() => this.#waiting--);
    this.#last = done.catch(() => {});
    return done;
  }
}
