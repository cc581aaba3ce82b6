import { after, test as nodeTest } from "node:test";

/** Something a test opened that must be closed: a process, a server, a connection. */
interface Closable {
  close(): Promise<void> | void;
  /** What helps to understand a failure, such as the end of a log. */
  evidence?(): string;
}

const open: Closable[] = [];

/** Closes `item` when the running test ends; opened outside a test, when the file ends. Newest first. */
export function closeLater<T extends Closable>(item: T): T {
  open.push(item);
  return item;
}

/** node:test's test; on a failure it prints the evidence of all that is open, and it closes what the test opened. */
export function test(name: string, body: () => Promise<void> | void): void {
  void nodeTest(name, async () => {
    const before = open.length;
    try {
      await body();
    } catch (error) {
      process.stderr.write(`--- "${name}" failed. ${expectedAndReceived(error)}${evidence()}\n`);
      throw error;
    } finally {
      await closeDownTo(before);
    }
  });
}

// Children outlive a test file that ends by an error outside its tests, unless this hook stands at the root.
after(() => closeDownTo(0));

// Far more than anything here takes on a machine that is busy.
const PATIENCE_MS = 30_000;

/** Waits until `condition` gives something other than undefined, null or false, and returns it. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  milliseconds = PATIENCE_MS,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) {
      return value as Exclude<T, undefined | null | false>;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not so within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function closeDownTo(length: number): Promise<void> {
  while (open.length > length) await open.pop()?.close();
}

function evidence(): string {
  return open.map((item) => item.evidence?.() ?? "").join("");
}

function expectedAndReceived(error: unknown): string {
  if (typeof error !== "object" || error === null || !("expected" in error) || !("actual" in error)) {
    return String(error);
  }
  return `expected ${show(error.expected)}\nreceived ${show(error.actual)}`;
}

function show(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value, bigintAsText) ?? String(value));
  return text.length > 2000 ? `${text.slice(0, 2000)}... (${text.length} characters)` : text;
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
