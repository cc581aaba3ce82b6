/**
 * `npm run verify:image`: builds the filter's image by Docker and looks into it as a gateway does. Not part of `npm test`,
 * which needs no Docker.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { root } from "../../cli/root.ts";

const DOCKERFILE = "envoy/wasm.Dockerfile";

interface Inspected {
  Config: {
    Labels: Record<string, string>;
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
  };
  RootFS: { Layers: string[] };
}

const folder = mkdtempSync(join(tmpdir(), "image-"));
after(() => rmSync(folder, { recursive: true }));

function docker(...args: string[]): string {
  return execFileSync("docker", args, { cwd: root, encoding: "utf8" });
}

/** The id of the image, which is removed at the end. */
function buildImage(): string {
  const file = join(folder, "id");
  const { status, stdout, stderr } = spawnSync(
    "docker",
    // No tag: none that the machine has is moved to this image.
    ["build", "--file", DOCKERFILE, "--iidfile", file, "."],
    // As envoy/wasm.Dockerfile says to build it.
    { cwd: root, encoding: "utf8", env: { ...process.env, BUILDX_NO_DEFAULT_ATTESTATIONS: "1" } },
  );
  ok(status === 0, `${DOCKERFILE}: docker build ended with ${status}:\n${stdout}${stderr}`);
  const id = readFileSync(file, "utf8").trim();
  after(() => void docker("image", "rm", id));
  return id;
}

/** Unpacks an archive, compressed or not, and names what is in it, folders with a slash at the end. */
function unpack(archive: string, to: string): string[] {
  mkdirSync(to);
  const names = execFileSync("tar", ["-tf", archive], { encoding: "utf8" }).trim().split("\n");
  execFileSync("tar", ["-xf", archive, "-C", to]);
  return names;
}

function requireDocker(): void {
  const { status, error, stderr } = spawnSync("docker", ["version"], { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(
    `docker: does not run (${error?.message ?? stderr.trim()}); install it and start its daemon`,
  );
}

test("the image of the filter is what a gateway loads", async (context) => {
  requireDocker();
  const id = buildImage();
  const archive = join(folder, "image.tar");
  docker("save", "--output", archive, id);
  const image = join(folder, "image");
  unpack(archive, image);
  const images = JSON.parse(readFileSync(join(image, "manifest.json"), "utf8")) as { Layers: string[] }[];
  const inspected = (JSON.parse(docker("image", "inspect", id)) as [Inspected])[0];

  await context.test("it is one layer, which holds plugin.wasm alone", () => {
    deepEqual([images.length, images[0]!.Layers.length, inspected.RootFS.Layers.length], [1, 1, 1]);
    deepEqual(unpack(join(image, images[0]!.Layers[0]!), join(folder, "layer")), ["plugin.wasm"]);
  });

  await context.test("plugin.wasm is build/affinity.wasm, byte for byte", () => {
    const built = readFileSync(join(root, "build/affinity.wasm"));
    const inImage = readFileSync(join(folder, "layer/plugin.wasm"));
    ok(inImage.equals(built), `${inImage.length} bytes in the image, ${built.length} in build/`);
  });

  await context.test("it has labels, and nothing to start", () => {
    const { Labels, Entrypoint, Cmd } = inspected.Config;
    const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
      string,
      string
    >;
    equal(Labels["org.opencontainers.image.title"], name);
    equal(Labels["org.opencontainers.image.version"], version);
    deepEqual([Entrypoint ?? null, Cmd ?? null], [null, null]);
  });
});
