/**
 * What is wrong with a configuration: a line for each problem, `PATH = VALUE: reason; what would be right`. A line is made
 * by the writer and ended here; lines live as long as what the configuration is read with.
 */
import { make, scratch } from "./region";
import { Text } from "./text";
import { keepWritten } from "./writer";

// More would bury the first, and be of one cause.
const MAX_LINES: i32 = 20;


@unmanaged
export class Problem {
  line: Text;
  next: Problem | null;
}

export let problemCount: i32 = 0;
/** The first of them. */
export let problems: Problem | null = null;
let last: Problem | null = null;

export function forgetProblems(): void {
  problemCount = 0;
  problems = null;
}

/** Adds what was written. */
export function addProblem(): void {
  if (problemCount++ >= MAX_LINES) return;
  const problem = make<Problem>(scratch);
  problem.line = keepWritten(scratch);
  if (problemCount == 1) problems = problem;
  else last!.next = problem;
  last = problem;
}
