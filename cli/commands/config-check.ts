import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { configure, loadFilter } from "../filter-module.ts";
import { Unusable, type Command, type Context, type ExitCode } from "./types.ts";
import { configurationsIn, MOST_CONFIGURATION, type Found } from "./configurations.ts";
import { readAll, readFile, variable } from "./input.ts";
import { printable } from "./text.ts";

/** One configuration, as --json prints it. */
interface Check {
  readonly file: string;
  readonly path: string;
  readonly plugin: string;
  readonly ok: boolean;
  /** What Envoy would log. */
  readonly problems: readonly string[];
}

export const configCheck: Command = {
  name: "config check",
  summary: "say what Envoy would to a configuration of the filter",
  operands: "FILE...",
  operandCount: [1, 10_000],
  description: `Hands each configuration to the built filter (build/affinity.wasm), as Envoy does when it starts, and prints what
the filter says. FILE is the filter's own JSON, or an Envoy configuration (YAML or JSON): then every wasm filter in
it is checked whose configuration is a JSON object in a google.protobuf.StringValue, whichever filter it is meant
for. FILE - is standard input.

Keys come from where the configuration says. For the filter's own JSON an \`env\` is read from the environment of this
command; in an Envoy configuration the VM sees what vm_config.environment_variables hands it, and nothing else. The
rest of an Envoy configuration is not looked at: envoy --mode validate does that.`,
  options: {
    "placeholder-keys": {
      help: "Where a variable for a key is not set, take a random key: for\nCI, which has no secrets.",
    },
    "plugin-name": {
      value: "NAME",
      help: "The plugin's name, which stands in for a missing scope, for a\nFILE that is the filter's own JSON.",
    },
    json: { help: "Print an array of {file, path, plugin, ok, problems}." },
  },
  examples: [
    "npx envoy-cookie-affinity config check --placeholder-keys envoy/gateway.yaml",
    `echo '{"scope": "shop", "keys": [{"id": 1, "env": "AFFINITY_KEY"}]}' | npx envoy-cookie-affinity config check -`,
  ],
  exitCodes: "0 all accepted, 1 one is refused, 2 a FILE cannot be read or holds no configuration",
  async run(given, context) {
    const filter = loadFilter(join(context.home, "build/affinity.wasm"));
    const placeholders = given.flag("placeholder-keys");
    const checks: Check[] = [];
    let unusable = false;
    for (const file of given.operands) {
      try {
        for (const one of await configurationsOf(file, given.value("plugin-name") ?? "", context)) {
          const environment = vmEnvironment(one, context.env, placeholders);
          const { accepted, lines } = configure(filter, { ...one, environment });
          const problems = lines.map(printable);
          checks.push({ file, path: one.path, plugin: one.pluginName, ok: accepted, problems });
        }
      } catch (error) {
        if (!(error instanceof Unusable)) throw error;
        context.note(error.message);
        unusable = true;
      }
    }
    const refused = checks.some(({ ok }) => !ok);
    const code: ExitCode = unusable ? 2 : refused ? 1 : 0;
    const output = given.flag("json")
      ? `${JSON.stringify(checks, null, 2)}\n`
      : checks.flatMap(linesOf).join("");
    return { code, output };
  },
};

async function configurationsOf(
  file: string,
  pluginName: string,
  context: Context,
): Promise<readonly Found[]> {
  const bytes =
    file === "-" ? await readAll(context.stdin, MOST_CONFIGURATION) : readFile(file, MOST_CONFIGURATION);
  const { found, skipped } = configurationsIn(bytes, file, pluginName);
  for (const { path, reason } of skipped) {
    context.note(`${printable(file)}: ${path}: not checked: ${printable(reason)}`);
  }
  if (found.length === 0) throw new Unusable(`${printable(file)}: nothing in it to check`);
  return found;
}

/** The environment that Envoy would give the VM. */
function vmEnvironment(
  { vm, configuration }: Found,
  env: Context["env"],
  placeholders: boolean,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of vm?.hostKeys ?? variablesIn(configuration)) {
    const set = variable(env, name);
    // CI sets the variables of secrets that it does not have to nothing.
    const value = placeholders && !set ? randomBytes(32).toString("base64") : set;
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...vm?.values };
}

/** The variables that a configuration names, wherever it has a field `env`; none when it is not JSON. */
function variablesIn(configuration: Uint8Array): string[] {
  const names: string[] = [];
  try {
    JSON.parse(Buffer.from(configuration).toString(), (field, value: unknown) => {
      if (field === "env" && typeof value === "string") names.push(value);
      return value;
    });
  } catch {
    return [];
  }
  return names;
}

function linesOf({ file, path, ok, problems }: Check): string[] {
  const place = `${printable(file)}: ${path}: `;
  if (ok) return [`${place}ok\n`, ...problems.map((problem) => `${place}${problem}\n`)];
  if (problems.length === 0) return [`${place}refused\n`];
  return problems.map((problem) => `${place}${problem}\n`);
}
