/** What `npm pack` puts into the package, installed as others do: without this checkout and what it has installed. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { commands } from "../../cli/commands/table.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";

interface Packed {
  filename: string;
  /** Bytes of the archive. */
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Manifest {
  name: string;
  version: string;
  dependencies: Record<string, string>;
}

// Beside the compiled commands, which are in the folders of MODULE.
const OTHER_FILES = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "build/affinity.wasm",
  "cli/bin.mjs",
  "package.json",
];
const MODULE = /^build\/ts\/cli\/(commands\/|import\/)?[a-z0-9-]+\.js$/;
const PROGRAM = "build/ts/cli/commands/process.js";

// A filter of 60 KB, a README of 60 KB and the commands; whatever else slips in is seen.
const PACKED_BELOW = 160 * 1024;
const UNPACKED_BELOW = 512 * 1024;

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const folder = mkdtempSync(join(tmpdir(), "package-"));
after(() => rmSync(folder, { recursive: true }));
const home = join(folder, "home");
const elsewhere = join(folder, "elsewhere");
const installed = join(home, "node_modules", manifest.name);

const packed = pack(root);
install();

/** Only what every user has; npm's own variables would lead an npm that we start back into this checkout. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm|node)_/i.test(name)));
}

function npm(cwd: string, ...args: string[]): string {
  const quiet = ["--ignore-scripts", "--offline", `--cache=${join(folder, "cache")}`, "--loglevel=error"];
  return execFileSync("npm", [...args, ...quiet], { cwd, env: environment(), encoding: "utf8" });
}

/** Without `prepack`, which is what `npm test` has done before any test runs. */
function pack(from: string): Packed {
  const answer = npm(folder, "pack", "--json", from);
  return (JSON.parse(answer) as [Packed])[0];
}

/** By npm, from archives instead of the registry: `yaml` as this checkout has it. */
function install(): void {
  for (const path of [home, elsewhere]) mkdirSync(path);
  const archives = [packed, pack(join(root, "node_modules/yaml"))].map(({ filename }) =>
    join(folder, filename),
  );
  npm(home, "install", "--no-package-lock", "--no-audit", ...archives);
}

/** The program as npm links it, from a folder that has nothing to do with it. */
function run(args: string[], variables: NodeJS.ProcessEnv = {}): Ended {
  return ended(join(home, "node_modules/.bin", manifest.name), args, elsewhere, variables);
}

function ended(command: string, args: string[], cwd: string, variables: NodeJS.ProcessEnv = {}): Ended {
  const env = { ...environment(), ...variables };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

/** The modules that a compiled module imports, itself included, as paths from the root. */
function reached(module: string, found = new Set<string>()): Set<string> {
  if (found.has(module)) return found;
  found.add(module);
  const text = readFileSync(join(root, module), "utf8");
  for (const [, from] of text.matchAll(/(?:from|import)[ (]+"(\.[^"]+)"/g))
    reached(join(dirname(module), from!), found);
  return found;
}

/** Of a source that only declares types nothing is left, and nothing imports it. */
function holdsTypesAlone(module: string): boolean {
  const text = readFileSync(join(root, module), "utf8");
  return /^export \{\};$/.test(text.replace(/\/\*[^]*?\*\/|\/\/.*/g, "").trim());
}

test("the package holds the commands, the filter and what is to be read, and nothing else", () => {
  const files = packed.files.map(({ path }) => path).sort();
  const modules = files.filter((path) => !OTHER_FILES.includes(path));
  deepEqual(
    files.filter((path) => OTHER_FILES.includes(path)),
    OTHER_FILES,
  );
  deepEqual(
    modules.filter((path) => !MODULE.test(path)),
    [],
  );
  const needed = reached(PROGRAM);
  deepEqual(
    [...needed].filter((path) => !modules.includes(path)),
    [],
    "needed and not in the package",
  );
  deepEqual(
    modules.filter((path) => !needed.has(path) && !holdsTypesAlone(path)),
    [],
    "in the package and not needed",
  );
});

test("the package is small", () => {
  ok(packed.size < PACKED_BELOW, `${packed.size} bytes packed; must be below ${PACKED_BELOW}`);
  ok(packed.unpackedSize < UNPACKED_BELOW, `${packed.unpackedSize} bytes; must be below ${UNPACKED_BELOW}`);
});

test("it needs one other package, and has none of the tools that build it", () => {
  deepEqual(Object.keys(manifest.dependencies), ["yaml"]);
  const names = readdirSync(join(home, "node_modules")).filter((name) => !name.startsWith("."));
  deepEqual(names.sort(), [manifest.name, "yaml"]);
  equal(existsSync(join(installed, "node_modules")), false);
});

test("the filter in it is the one that is tested", () => {
  ok(
    readFileSync(join(installed, "build/affinity.wasm")).equals(
      readFileSync(join(root, "build/affinity.wasm")),
    ),
  );
});

test("npx finds the program, and each command says how it is used", () => {
  const version = ended("npx", ["--offline", manifest.name, "--version"], home);
  deepEqual([version.code, version.stdout], [0, `${manifest.version}\n`], version.stderr);
  const { code, stdout, stderr } = run(["--help"]);
  deepEqual({ code, stderr }, { code: 0, stderr: "" });
  for (const { name } of commands) {
    ok(stdout.includes(`\n  ${name} `), name);
    const help = run([...name.split(" "), "--help"]);
    deepEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: "" }, name);
  }
});

test("outside the checkout it makes a key, seals with it and opens what it sealed", () => {
  const key = run(["key"]).stdout.trim();
  match(key, /^[A-Za-z0-9+/]{43}=$/);
  const sealed = run(["token", "seal", "--endpoint", "10.0.0.7:9080"], { AFFINITY_KEY: key });
  equal(sealed.code, 0, sealed.stderr);
  const opened = run(["token", "open", "--json", sealed.stdout.trim()], { AFFINITY_KEY: key });
  equal(opened.code, 0, opened.stderr);
  equal((JSON.parse(opened.stdout) as { endpoint: string }).endpoint, "10.0.0.7:9080");
});

test("outside the checkout it checks an Envoy configuration by the filter in the package", () => {
  cpSync(join(root, "envoy/gateway.yaml"), join(elsewhere, "gateway.yaml"));
  const { code, stdout, stderr } = run(["config", "check", "--placeholder-keys", "gateway.yaml"]);
  equal(code, 0, stderr + stdout);
  match(stdout, /^gateway\.yaml: \S+: ok\n/);
});

const INGRESS = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    nginx.ingress.kubernetes.io/affinity: cookie
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: shop
                port:
                  number: 8080
`;

test("outside the checkout it imports an Ingress, and the filter in the package takes what comes out", () => {
  writeFileSync(join(elsewhere, "ingress.yaml"), INGRESS);
  for (const target of ["envoy", "envoy-gateway", "istio"]) {
    const { code, stdout, stderr } = run(["import", "ingress.yaml", "--to", target]);
    equal(code, 0, `${target}: ${stderr}`);
    match(stdout, /default\/shop:8080/, target);
    if (target !== "envoy") continue;
    writeFileSync(join(elsewhere, "imported.yaml"), stdout);
    const checked = run(["config", "check", "--placeholder-keys", "imported.yaml"]);
    equal(checked.code, 0, checked.stderr + checked.stdout);
  }
});
