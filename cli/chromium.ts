import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { isExecutable, lastLine } from "./python-venv.ts";
import { isAlive } from "./processes.ts";
import { root } from "./root.ts";
import { run } from "./run.ts";

/** The version of npm's @sparticuz/chromium, whose Chromium is unpacked where there is no other. */
export const PINNED_CHROMIUM = "153.0.0";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
// A version takes a second; a cold disk takes longer, and another program of that name may wait for something.
const VERSION_MS = 20_000;
// Some 100 MB each, over a slow line.
const INSTALL_MS = 600_000;
const OWN = "install Chromium or Chrome yourself and name the binary in CHROMIUM";

export interface FindChromiumOptions {
  /** Where a private Chromium is unpacked; .envoy of this checkout unless told otherwise. */
  home?: string;
  env?: NodeJS.ProcessEnv;
  /** Whether apt may install it; who is root may, unless told otherwise. */
  mayInstall?: boolean;
}

/**
 * The path of a Chromium that runs: $CHROMIUM, else one on PATH, else Debian's by apt-get where that may be installed,
 * else npm's in a private folder.
 *
 * @param say takes lines about what is going on
 * @throws Error with one sentence that says what is missing and how to get it
 */
export async function findChromium(
  say: (line: string) => void,
  {
    home = join(root, ".envoy"),
    env = process.env,
    mayInstall = process.getuid?.() === 0,
  }: FindChromiumOptions = {},
): Promise<string> {
  const named = env["CHROMIUM"];
  if (named) {
    const fault = await chromiumFault(named);
    if (fault) throw new Error(`CHROMIUM=${named}: ${fault}; it must be the path of a Chromium, or unset`);
    return named;
  }
  const found = await onPath(say, env);
  if (found !== undefined) return found;
  const own = join(home, `chromium-${PINNED_CHROMIUM}`);
  if ((await chromiumFault(join(own, "chromium"))) === undefined) return join(own, "chromium");
  if (mayInstall && (await installedByApt(say, env))) {
    const installed = await onPath(say, env);
    if (installed !== undefined) return installed;
  }
  await unpackFromNpm(say, home, own, env);
  return join(own, "chromium");
}

async function onPath(say: (line: string) => void, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folders = (env["PATH"] ?? "").split(delimiter);
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder || ".", name)))) {
    if (!isExecutable(path)) continue;
    const fault = await chromiumFault(path);
    if (!fault) return path;
    say(`${path}: ${fault}; not used`);
  }
  return undefined;
}

/** Why the file at the path is no Chromium that runs here, or undefined. */
async function chromiumFault(path: string): Promise<string | undefined> {
  if (!isExecutable(path)) return "not an executable file";
  const { code, late, output } = await run(path, ["--version"], { timeout: VERSION_MS });
  if (late) return `--version does not end within ${VERSION_MS / 1000} s`;
  // A library that is missing shows here too.
  if (code !== 0) return `--version ends with ${code ?? "a signal"}: ${lastLine(output)}`;
  return /Chrom(e|ium)\b.* \d+\./.test(output) ? undefined : "not a Chromium: --version names no version";
}

/** Whether apt-get has installed Debian's Chromium. Where it could not, the next way is tried. */
async function installedByApt(say: (line: string) => void, env: NodeJS.ProcessEnv): Promise<boolean> {
  const options = { env: { ...env, DEBIAN_FRONTEND: "noninteractive" }, timeout: INSTALL_MS };
  say("no Chromium in CHROMIUM or on PATH: apt-get install chromium (some 100 MB, once)");
  const updated = await run("apt-get", ["update", "-q"], options);
  if (updated.missing) {
    say("  there is no apt-get here");
    return false;
  }
  // A list that is not the newest may do.
  const install = ["install", "-y", "-q", "--no-install-recommends", "chromium"];
  const { code, output } = await run("apt-get", install, options);
  if (code !== 0) say(`  apt-get could not: ${lastLine(output)}`);
  return code === 0;
}

/**
 * Unpacks npm's Chromium into `own`. Made under another name and renamed when whole: the folder under its own name is
 * never a half one.
 */
async function unpackFromNpm(
  say: (line: string) => void,
  home: string,
  own: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  say(`no Chromium: unpacking npm's @sparticuz/chromium ${PINNED_CHROMIUM} (some 70 MB, once)`);
  await mkdir(home, { recursive: true });
  await removeAbandoned(home);
  const draft = join(home, `chromium-draft-${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    await mkdir(draft);
    // Without its libraries: all that is wanted of it is the binary.
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
    const wanted = `@sparticuz/chromium@${PINNED_CHROMIUM}`;
    const args = ["install", ...options, "--prefix", draft, wanted];
    const got = await run("npm", args, { env, timeout: INSTALL_MS });
    if (got.code !== 0) {
      const reason = got.missing ? "there is no npm" : `npm ends with: ${lastLine(got.output)}`;
      throw new Error(`Chromium: not found, and ${wanted} cannot be installed (${reason}); ${OWN}`);
    }
    const packed = join(draft, "node_modules/@sparticuz/chromium/bin/chromium.br");
    const binary = createWriteStream(join(draft, "chromium"), { mode: 0o755 });
    await pipeline(createReadStream(packed), createBrotliDecompress(), binary);
    await rm(join(draft, "node_modules"), { recursive: true });
    const fault = await chromiumFault(join(draft, "chromium"));
    if (fault) throw new Error(`Chromium: npm's, for Linux on x86-64, does not run here (${fault}); ${OWN}`);
    await rename(draft, own).catch(async (error: unknown) => {
      // Another process was first, or what is there is broken.
      if ((await chromiumFault(join(own, "chromium"))) === undefined) return;
      await rm(own, { recursive: true, force: true });
      await rename(draft, own).catch(() => {
        throw error;
      });
    });
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Removes what was left by those who were ended while they unpacked. */
async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = Number(/^chromium-draft-(\d+)-/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await rm(join(home, name), { recursive: true, force: true });
  }
}
