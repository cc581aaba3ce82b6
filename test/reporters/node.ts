/** A reporter for node's test runner: its own for people, without the totals, and what test/run.ts counts. */
import { Readable } from "node:stream";
import { spec, type TestEvent } from "node:test/reporters";
import { record } from "./result.ts";

const TOTAL = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const text of Readable.from(counted(events)).pipe(new spec())) yield String(text);
}

async function* counted(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  for await (const event of events) {
    if (event.type === "test:diagnostic" && TOTAL.test(event.data.message)) continue;
    if (event.type === "test:pass" || event.type === "test:fail") count(event);
    yield event;
  }
}

function count({ type, data }: Extract<TestEvent, { type: "test:pass" | "test:fail" }>): void {
  if (data.details.type === "suite") return;
  // A file in which no test ran passes under its own name. One that breaks outside its tests fails under it.
  if (type === "test:pass" && data.name.endsWith(".test.js")) return;
  // The failing subtest has its own event.
  if (type === "test:fail" && failureType(data.details) === "subtestsFailed") return;
  // A skipped test has shown nothing, whatever the reason: what it needs is to be there.
  const isSkipped = data.skip !== undefined || data.todo !== undefined;
  if (type === "test:pass" && !isSkipped) record({ passed: 1, failed: [] });
  else if (isSkipped) record({ passed: 0, failed: [{ name: `${data.name}: skipped`, message: "" }] });
  else record({ passed: 0, failed: [{ name: data.name, message: messageOf(data.details) }] });
}

/** The place in the test's own file, and what it threw there. */
function messageOf(details: object): string {
  const error: unknown = "error" in details ? details.error : undefined;
  // node:test wraps what a test throws.
  const thrown: unknown = error instanceof Error ? (error.cause ?? error) : error;
  if (!(thrown instanceof Error)) return String(thrown);
  const place = /\btest\/[\w/-]+\.test\.[jt]s:\d+/.exec(thrown.stack ?? "")?.[0];
  return [...(place === undefined ? [] : [place]), thrown.message || thrown.name].join("\n");
}

function failureType(details: object): unknown {
  return "error" in details && details.error instanceof Error && "failureType" in details.error
    ? details.error.failureType
    : undefined;
}
