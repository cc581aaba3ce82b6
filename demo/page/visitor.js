const ANSWER = /^Hostname: (\S+)<br>\n(\d+)th time access\.\n$/;

// What the strip and the list of a panel have room for.
const KEPT = 200;

/** How an answer compares with what the visitor knew when the request left; `before` is null for a newcomer. */
export function outcome(before, { pod, count }) {
  if (before === null) return { kind: "new", lost: false };
  return { kind: before.pod === pod ? "pinned" : "moved", lost: count === 1 };
}

/** This browser at one of the hosts: what it has sent there, and what came of it. */
export class Visitor {
  /** The last answer that was served, `{ pod, count }`; null before the first one and after forget(). */
  last = null;
  /** The newest visits, oldest first: `{ number, kind, lost, pod, count }`, or `{ number, kind: "failed", reason }`. */
  visits = [];
  totals = { requests: 0, new: 0, pinned: 0, moved: 0, lost: 0, failed: 0 };
  byPod = new Map();
  #path;
  #changed;

  constructor(path, changed) {
    this.#path = path;
    this.#changed = changed;
  }

  /**
   * One after the other: of two under way at once, a session in Redis counts one (the last to write wins), and the cookie
   * of the one that answers last is the one that stays.
   */
  async send(count) {
    for (let left = count; left > 0; left--) await this.#visit();
  }

  /** The browser's cookies are gone; its next visit is a newcomer's. */
  forget() {
    this.last = null;
    this.#changed();
  }

  async #visit() {
    const before = this.last;
    const answer = await ask(this.#path);
    const visit = answer.pod === undefined ? { kind: "failed", lost: false } : outcome(before, answer);
    this.totals.requests++;
    this.totals[visit.kind]++;
    if (visit.lost) this.totals.lost++;
    if (answer.pod !== undefined) {
      this.last = answer;
      this.byPod.set(answer.pod, (this.byPod.get(answer.pod) ?? 0) + 1);
    }
    this.visits.push({ number: this.totals.requests, ...visit, ...answer });
    if (this.visits.length > KEPT) this.visits.shift();
    this.#changed();
  }
}

/** `{ pod, count }`, or `{ reason }` when no page came. */
async function ask(path) {
  try {
    const response = await fetch(path, { cache: "no-store", credentials: "same-origin" });
    const text = await response.text();
    const page = response.ok && ANSWER.exec(text);
    if (page) return { pod: page[1], count: Number(page[2]) };
    return { reason: `${response.status}: ${text.trim().slice(0, 200) || "an empty answer"}` };
  } catch {
    return { reason: "the gateway does not answer" };
  }
}
