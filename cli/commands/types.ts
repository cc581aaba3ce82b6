/** What a command is, what it is given and what it gives back. */

/** 0: done. 1: the answer is no. 2: the input is of no use. */
export type ExitCode = 0 | 1 | 2;

export interface Option {
  /** What stands for the value in the help text, such as `FILE`; an option without it is a flag. */
  readonly value?: string;
  readonly multiple?: true;
  /** Lines of the help text. */
  readonly help: string;
}

export interface Command {
  /** The words that call it, such as `token open`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What may follow the name and the options, such as `[TOKEN]`; empty for nothing. */
  readonly operands: string;
  /** How many of these there may be, at least and at most. */
  readonly operandCount: readonly [least: number, most: number];
  /** What it does, in lines of the help text. */
  readonly description: string;
  /** By name, without the two hyphens; --help is added to them. */
  readonly options: Readonly<Record<string, Option>>;
  /** Each line a command, as it may be typed. */
  readonly examples: readonly string[];
  /** What 0, 1 and 2 mean here, in one line. */
  readonly exitCodes: string;
  /** @throws Unusable */
  run(given: Arguments, context: Context): Outcome | Promise<Outcome>;
}

export interface Arguments {
  flag(name: string): boolean;
  /** The value of an option; undefined when it is not given. */
  value(name: string): string | undefined;
  /** The values of an option that may be given several times. */
  values(name: string): readonly string[];
  readonly operands: readonly string[];
}

/** What surrounds the program. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard input, read by those only who need it. */
  readonly stdin: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** The folder of the package, which holds package.json and build/. */
  readonly home: string;
}

export interface Context extends Surroundings {
  /** A line for standard error. */
  note(line: string): void;
}

export interface Outcome {
  readonly code: ExitCode;
  /** For standard output. */
  readonly output: string;
  /** For standard error as it is, behind all notes. */
  readonly report?: string;
}

/** Input that nothing can be done with; the message is one sentence: the thing, its value, why, what would be right. */
export class Unusable extends Error {}
