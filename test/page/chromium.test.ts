import { equal, rejects } from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium, PINNED_CHROMIUM, type FindChromiumOptions } from "../../cli/chromium.ts";
import { closeLater, test } from "../support/check.ts";

const SAYS_VERSION = "echo Chromium 140.0.1";

/** A machine that has nothing but the shell scripts that it is given. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), "chromium-"));
  readonly bin = join(this.folder, "bin");
  readonly lines: string[] = [];

  constructor() {
    mkdirSync(this.bin);
    closeLater(this);
  }

  script(name: string, body: string): string {
    const path = join(this.bin, name);
    // The scripts' own commands are not on the PATH that they get.
    writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  find(variables: NodeJS.ProcessEnv = {}, options: FindChromiumOptions = {}): Promise<string> {
    const env = { PATH: this.bin, ...variables };
    const home = join(this.folder, "home");
    return findChromium((line) => this.lines.push(line), { mayInstall: false, home, env, ...options });
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

test("CHROMIUM names the one that is used", async () => {
  const machine = new Machine();
  machine.script("chromium", SAYS_VERSION);
  const named = machine.script("mine", SAYS_VERSION);
  equal(await machine.find({ CHROMIUM: named }), named);
});

test("a CHROMIUM that is none is an error, not passed over", async () => {
  const machine = new Machine();
  machine.script("chromium", SAYS_VERSION);
  const named = machine.script("mine", "echo cannot open libnss3.so; exit 127");
  await rejects(machine.find({ CHROMIUM: named }), {
    message: `CHROMIUM=${named}: --version ends with 127: cannot open libnss3.so; it must be the path of a Chromium, or unset`,
  });
  await rejects(machine.find({ CHROMIUM: "/nowhere/chromium" }), /not an executable file/);
});

for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]) {
  test(`${name} on PATH is found`, async () => {
    const machine = new Machine();
    const path = machine.script(name, "echo Google Chrome 140.0.1");
    equal(await machine.find(), path);
  });
}

test("one on PATH that does not run is told and passed over", async () => {
  const machine = new Machine();
  const broken = machine.script("chromium", "echo install it by snap; exit 1");
  const path = machine.script("google-chrome", SAYS_VERSION);
  equal(await machine.find(), path);
  equal(machine.lines.join(), `${broken}: --version ends with 1: install it by snap; not used`);
});

test("where apt-get may, it installs Chromium", async () => {
  const machine = new Machine();
  const path = join(machine.bin, "chromium");
  const install = `printf '#!/bin/sh\\n${SAYS_VERSION}\\n' > ${path} && chmod +x ${path}`;
  machine.script("apt-get", `echo "$@" >> ${machine.folder}/apt; [ "$1" = update ] || { ${install}; }`);
  equal(await machine.find({}, { mayInstall: true }), path);
  const asked = readFileSync(join(machine.folder, "apt"), "utf8");
  equal(asked, "update -q\ninstall -y -q --no-install-recommends chromium\n");
});

test("where apt-get may not or cannot, npm's is unpacked, once", async () => {
  const machine = new Machine();
  // Brotli of an executable that says its version: as npm's package has it.
  const { brotliCompressSync } = await import("node:zlib");
  writeFileSync(join(machine.folder, "chromium.br"), brotliCompressSync(`#!/bin/sh\n${SAYS_VERSION}\n`));
  const bin = '"$prefix"/node_modules/@sparticuz/chromium/bin';
  machine.script("apt-get", "echo the archive is away; exit 100");
  machine.script(
    "npm",
    `echo "$@" >> ${machine.folder}/npm
while [ "$1" != --prefix ]; do shift; done; prefix=$2
mkdir -p ${bin} && cp ${machine.folder}/chromium.br ${bin}/`,
  );
  const own = join(machine.folder, "home", `chromium-${PINNED_CHROMIUM}`, "chromium");
  equal(await machine.find({}, { mayInstall: true }), own);
  equal(machine.lines.includes("  apt-get could not: the archive is away"), true);
  equal(await machine.find(), own);
  const asked = readFileSync(join(machine.folder, "npm"), "utf8").trim().split("\n");
  equal(asked.length, 1);
  equal(asked[0]!.endsWith(` @sparticuz/chromium@${PINNED_CHROMIUM}`), true);
});

test("where nothing is to be had, one sentence says what would be right, and nothing is left behind", async () => {
  const machine = new Machine();
  await rejects(machine.find(), {
    message: `Chromium: not found, and @sparticuz/chromium@${PINNED_CHROMIUM} cannot be installed (there is no npm); install Chromium or Chrome yourself and name the binary in CHROMIUM`,
  });
  equal(existsSync(join(machine.folder, "home")), true);
  equal(readdirSync(join(machine.folder, "home")).length, 0);
});
