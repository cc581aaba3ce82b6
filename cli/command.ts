/** The command line: which command is meant, what it is given, and what comes of it. Touches no stream itself. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  Unusable,
  type Arguments,
  type Command,
  type Context,
  type ExitCode,
  type Outcome,
  type Surroundings,
} from "./commands/types.ts";
import { commandHelp, listHelp } from "./commands/help.ts";
import { readFile } from "./commands/input.ts";
import { printable, shown } from "./commands/text.ts";

const PROGRAM = "envoy-cookie-affinity";
const MANIFEST_LIMIT = 64 * 1024;

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: ExitCode;
}

/** Runs the command that the arguments name. Never rejects: what goes wrong is a sentence in `stderr`. */
export async function runCommand(
  commands: readonly Command[],
  args: readonly string[],
  surroundings: Surroundings,
): Promise<CommandResult> {
  let stderr = "";
  const note = (line: string): void => void (stderr += `${PROGRAM}: ${line}\n`);
  try {
    const { code, output, report = "" } = await dispatch(commands, args, { ...surroundings, note });
    return { stdout: output, stderr: stderr + report, code };
  } catch (error) {
    // Anything else is a fault of ours, and no reason to show a stack.
    note(
      error instanceof Unusable ? error.message : `failed by a fault of its own: ${printable(String(error))}`,
    );
    return { stdout: "", stderr, code: 2 };
  }
}

async function dispatch(
  commands: readonly Command[],
  args: readonly string[],
  context: Context,
): Promise<Outcome> {
  refuseKey(args);
  const helpFirst = args[0] === "help" || args[0] === "--help" || args[0] === "-h";
  const words = helpFirst ? args.slice(1) : args;
  if (args[0] === "--version") return { code: 0, output: `${version(context.home)}\n` };
  if (words.length === 0) {
    if (helpFirst) return { code: 0, output: listHelp(commands) };
    throw new Unusable(`no command; see: ${PROGRAM} --help`);
  }

  const command = commands.find(({ name }) => startsWith(words, name.split(" ")));
  if (command !== undefined) {
    const given = helpFirst ? "help" : parse(command, words.slice(command.name.split(" ").length));
    if (given === "help") return { code: 0, output: commandHelp(command) };
    return await command.run(given, context);
  }

  // A word such as `token` stands before several commands.
  const group = commands.filter(({ name }) => name.startsWith(`${words[0]} `));
  const asksForHelp = helpFirst || words[1] === "--help" || words[1] === "-h";
  if (group.length > 0 && asksForHelp) return { code: 0, output: listHelp(group) };
  const known = (group.length > 0 ? group : commands).map(({ name }) => name).join(", ");
  if (words[0]!.startsWith("-")) {
    throw new Unusable(`${shown(words[0]!)}: no option that stands before a command; see: ${PROGRAM} --help`);
  }
  const named = words.slice(0, group.length > 0 ? 2 : 1).map(shown);
  throw new Unusable(`${named.join(" ")}: no such command; there are: ${known}`);
}

function startsWith(words: readonly string[], name: readonly string[]): boolean {
  return name.every((word, index) => words[index] === word);
}

/** A command line is seen by all users of the machine, and kept in the shell's history. */
function refuseKey(args: readonly string[]): void {
  const options = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (options.some((arg) => arg === "--key" || arg.startsWith("--key="))) {
    throw new Unusable(
      "--key: not taken, as everyone on this machine can read a command line; " +
        "put the key into a file (--key-file FILE) or the environment (--key-env NAME)",
    );
  }
}

function parse(command: Command, args: readonly string[]): Arguments | "help" {
  const fault = (sentence: string): Unusable =>
    new Unusable(`${sentence}; see: ${PROGRAM} ${command.name} --help`);
  const options = Object.entries(command.options);
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        ...Object.fromEntries(
          options.map(([name, { value }]) => [
            name,
            { type: value === undefined ? "boolean" : "string", multiple: true } as const,
          ]),
        ),
      },
    });
  } catch (error) {
    throw fault(parseFault(error));
  }
  if (parsed.values.help === true) return "help";

  const given = new Map(
    Object.entries(parsed.values as Record<string, (string | boolean)[]>).map(([name, values]) => [
      name,
      values.map(String),
    ]),
  );
  for (const [name, { value, multiple }] of options) {
    if (value !== undefined && multiple === undefined && (given.get(name)?.length ?? 0) > 1) {
      throw fault(`--${name}: given more than once`);
    }
  }
  const { positionals: operands } = parsed;
  const [least, most] = command.operandCount;
  if (operands.length > most) {
    throw fault(`${shown(operands[most]!)}: one argument too many; ${command.name} takes ${most || "none"}`);
  }
  if (operands.length < least) throw fault(`${command.name}: nothing named; it takes ${command.operands}`);
  return {
    flag: (name) => given.has(name),
    value: (name) => given.get(name)?.[0],
    values: (name) => given.get(name) ?? [],
    operands,
  };
}

/** Node's sentence, or what it has to say in it; it names options but never their values. */
function parseFault(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const name = /'(-[^' ]*)/.exec(message)?.[1] ?? "an option";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") return `${shown(name)}: no such option`;
  const missing = message.includes("missing") || message.includes("ambiguous");
  return `${shown(name)}: ${missing ? "needs a value" : "takes no value"}`;
}

function version(home: string): string {
  const manifest = JSON.parse(readFile(join(home, "package.json"), MANIFEST_LIMIT).toString()) as {
    version: string;
  };
  return manifest.version;
}
