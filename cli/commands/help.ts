import type { Command, Option } from "./types.ts";

const PROGRAM = "npx envoy-cookie-affinity";

/** The help text that lists commands. */
export function listHelp(commands: readonly Command[]): string {
  const rows = commands.map(
    ({ name, operands, summary }) => [`${name} ${operands}`.trimEnd(), summary] as const,
  );
  return `Tools for the Envoy filter that keeps clients on their pod by a sealed cookie.

Usage: ${PROGRAM} COMMAND [OPTIONS] ...

${table(rows)}

Each has its own help: ${PROGRAM} ${commands.at(0)?.name} --help
--version prints the version, --help this text. What a command has to say goes to standard output, notes about it
to standard error.

Example: a key, a token for a pod under it, and what the token says

${indented([`export AFFINITY_KEY=$(${PROGRAM} key)`, `${PROGRAM} token seal --endpoint 10.0.0.7:9080 | ${PROGRAM} token open`])}

Exit code: 0 done, 1 the answer is no (a token does not open, a configuration is refused, something is lost), 2 unusable input.
`;
}

/** The help text of one command. */
export function commandHelp(command: Command): string {
  const { name, operands, description, options, examples, exitCodes } = command;
  const all: Readonly<Record<string, Option>> = { ...options, help: { help: "Print this text." } };
  const rows = Object.entries(all).map(
    ([option, { value, help }]) => [`--${option}${value === undefined ? "" : ` ${value}`}`, help] as const,
  );
  return (
    `Usage: ${PROGRAM} ${name} [OPTIONS] ${operands}`.trimEnd() +
    `

${description}

Options:
${table(rows)}

${examples.length === 1 ? "Example" : "Examples"}:
${indented(examples)}

Exit code: ${exitCodes}.
`
  );
}

/** Two columns; further lines of the second stand below its first. */
function table(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows
    .map(
      ([left, right]) => `  ${left.padEnd(width)}  ${right.replaceAll("\n", `\n${" ".repeat(width + 4)}`)}`,
    )
    .join("\n");
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}
