/** The image of the filter as far as its Dockerfile tells; `npm run verify:image` builds it. */
import { deepEqual, equal, match } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

interface Instruction {
  name: string;
  rest: string;
}

/** The instructions of each stage, without comments; a line that goes on is one. */
function stages(file: string): Instruction[][] {
  const found: Instruction[][] = [];
  const lines = text(file)
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .trim()
    .split(/\n+/);
  for (const line of lines) {
    const [, name, rest] = /^(\S+)\s+(.*)$/.exec(line)!;
    if (name === "FROM") found.push([]);
    found.at(-1)!.push({ name: name!, rest: rest! });
  }
  return found;
}

const [build, image, ...more] = stages("envoy/wasm.Dockerfile");
const gatewayBuild = stages("envoy/Dockerfile")[0]!;

// Docker's layers are one for each such instruction, and gateways look at one layer.
const LAYERS = ["ADD", "COPY", "RUN"];

test("the image of the filter is one layer with plugin.wasm, as gateways look for it", () => {
  deepEqual(more, []);
  deepEqual(image![0], { name: "FROM", rest: "scratch" });
  deepEqual(
    image!.filter(({ name }) => LAYERS.includes(name)),
    [{ name: "COPY", rest: "--from=filter /src/build/affinity.wasm /plugin.wasm" }],
  );
});

test("it is nothing that could be started", () => {
  deepEqual([...new Set(image!.map(({ name }) => name))], ["FROM", "LABEL", "COPY"]);
});

test("its filter is built as that of the gateway's image, up to the build itself", () => {
  const common = gatewayBuild.findIndex(({ rest }) => rest.startsWith("assembly "));
  deepEqual(
    build!.slice(0, common + 1),
    gatewayBuild.filter((_, index) => index <= common),
  );
  deepEqual(build!.slice(common + 1), [{ name: "RUN", rest: "npm run build:wasm" }]);
});

test("its labels say what package.json says", () => {
  const { name, description, version, license } = JSON.parse(text("package.json")) as Record<string, string>;
  const [labels] = image!.filter((instruction) => instruction.name === "LABEL");
  const given = Array.from(
    labels!.rest.matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g),
    ([, key, value]) => [key!, value!],
  );
  deepEqual(Object.fromEntries(given), { title: name, description, version, licenses: license });
});

test("the Dockerfile needs no BuildKit", () => {
  equal(/^# *syntax|--mount|--chmod|<</im.test(text("envoy/wasm.Dockerfile")), false);
  match(build![0]!.rest, /^node:\d+-slim AS filter$/);
});
