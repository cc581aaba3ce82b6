/** Envoy Gateway's own command line, built from its Go module: it checks manifests as its API server would. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "../../cli/root.ts";

// Whose validation and translation the manifests are checked by.
const VERSION = "1.9.1";
const MODULE = `github.com/envoyproxy/gateway/cmd/egctl@v${VERSION}`;

const folder = join(root, `build/egctl-${VERSION}`);
const egctl = join(folder, "egctl");

/**
 * Builds egctl unless it is there; on two cores this takes some twelve minutes, and Go keeps what it built.
 * @throws Error when Go is not on PATH, or does not build it
 */
export function buildEgctl(): void {
  if (existsSync(egctl)) return;
  const { status } = spawnSync("go", ["version"]);
  if (status !== 0) throw new Error("go: not on PATH; install Go, which builds Envoy Gateway's egctl");
  console.log(`building egctl ${VERSION} of Envoy Gateway, which takes a while (once)`);
  mkdirSync(folder, { recursive: true });
  execFileSync("go", ["install", MODULE], {
    env: { ...process.env, CGO_ENABLED: "0", GOBIN: folder },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** What Envoy Gateway has against the manifests, its schemas and rules in CEL; empty when it takes them all. */
export function validate(name: string, yaml: string): string {
  const { stdout } = run(["x", "validate"], name, yaml);
  // It ends with 0 either way, and says OK in green when there is nothing else to say.
  const said = stripVTControlCharacters(stdout).trim();
  return said === "OK" ? "" : said || "egctl said nothing";
}

/** Envoy's configuration as Envoy Gateway makes it of the manifests: the dump of one Envoy's, by its sections. */
export function translate(name: string, yaml: string): unknown {
  const { stdout, stderr } = run(
    ["x", "translate", "--from", "gateway-api", "--to", "xds", "-t", "all", "-o", "json"],
    name,
    yaml,
  );
  if (stdout === "") throw new Error(`egctl x translate: ${stderr}`);
  return JSON.parse(stdout);
}

function run(args: readonly string[], name: string, yaml: string): { stdout: string; stderr: string } {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, yaml);
  const { error, stdout, stderr } = spawnSync(egctl, [...args, "-f", file], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  return { stdout, stderr };
}
