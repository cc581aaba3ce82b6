/** as-pect's reporter: a line for each spec file, and for each failing test its names, message and values. */
import { stripVTControlCharacters } from "node:util";
import { record, type Result } from "./result.ts";

/** The part of as-pect's ReflectedValue that is used here. */
interface ReflectedValue {
  negated: boolean;
  stringify(options: { indent: number }): string;
}

/** The part of as-pect's TestNode that is used here. Type 1 is a group, 0 a test. */
interface TestNode {
  type: 0 | 1;
  name: string;
  pass: boolean;
  ran: boolean;
  message: string | null;
  stackTrace: string | null;
  actual: ReflectedValue | null;
  expected: ReflectedValue | null;
  logs: ReflectedValue[];
  children: TestNode[];
  deltaT: number;
}

/** The part of as-pect's TestContext that is used here. */
interface TestContext {
  fileName: string;
  rootNode: TestNode;
  errors: { type: string; message: string; stackTrace: string }[];
  cachedStrings: Map<number, string>;
  message: string;
  actual: ReflectedValue | null;
  expected: ReflectedValue | null;
}

/**
 * as-pect keeps the strings of the module by their address, and would show an older string that stood there before a
 * failing test's message. It forgets freed ones only with the allocator's tracing, which makes tests 50 times slower.
 */
class NoCache extends Map<number, string> {
  override has(): boolean {
    return false;
  }
}

class Reporter {
  onEnter(context: TestContext): void {
    context.cachedStrings = new NoCache();
  }

  onExit(context: TestContext): void {
    // as-pect would show them again with the next test, were that one to trap.
    context.message = "";
    context.actual = null;
    context.expected = null;
  }

  onFinish(context: TestContext): void {
    const lines: string[] = [];
    const result: Result = { file: context.fileName, passed: 0, failed: [] };
    for (const error of context.errors) {
      result.failed.push({ name: error.type, message: error.message });
      lines.push(
        `  ✖ ${error.type}: ${error.message}`,
        ...stackLines(error.stackTrace).map((line) => indented(line, 6)),
      );
    }
    if (context.errors.length === 0) report(context.rootNode, "", result, lines);
    const mark = result.failed.length === 0 ? "✔" : "✖";
    const time = Math.round(context.rootNode.deltaT);
    const heading = `${mark} ${context.fileName}: ${result.passed} passed, ${result.failed.length} failed (${time} ms)`;
    console.log([heading, ...lines].join("\n"));
    record(result);
  }
}

/** Counts the tests below a node. A group that broke before its tests could fail counts as a failure of its own. */
function report(node: TestNode, path: string, result: Result, lines: string[]): void {
  const failedBefore = result.failed.length;
  for (const child of node.children) {
    const name = path === "" ? child.name : `${path} > ${child.name}`;
    if (child.type === 1) report(child, name, result, lines);
    else if (child.pass) result.passed++;
    else {
      fail(child, name, result, lines);
    }
    for (const log of child.logs) lines.push(indented(`${name} logs ${text(log)}`, 2));
  }
  if (!node.pass && result.failed.length === failedBefore) {
    fail(node, path, result, lines);
  }
}

function fail(node: TestNode, name: string, result: Result, lines: string[]): void {
  const message = reasons(node).join("\n");
  result.failed.push({ name, message });
  lines.push(`  ✖ ${name}`);
  if (message !== "") lines.push(indented(message, 6));
}

function reasons(node: TestNode): string[] {
  if (!node.ran) return ["not run: its group broke off"];
  const lines: string[] = [];
  if (node.message) lines.push(node.message);
  if (node.expected) lines.push(`expected ${node.expected.negated ? "not " : ""}${text(node.expected)}`);
  if (node.actual) lines.push(`received ${text(node.actual)}`);
  if (node.stackTrace) lines.push(...stackLines(node.stackTrace));
  return lines;
}

/** The module's own functions, without as-pect's and without offsets into the binary. */
function stackLines(stackTrace: string): string[] {
  return stackTrace
    .split("\n")
    .filter((line) => !line.includes("@as-pect/"))
    .map((line) => line.replace(/ \(wasm:.*\)$/, "").trim());
}

function text(value: ReflectedValue): string {
  return stripVTControlCharacters(value.stringify({ indent: 0 })).trim();
}

function indented(lines: string, by: number): string {
  return lines.replace(/^/gm, " ".repeat(by));
}

export default new Reporter();
