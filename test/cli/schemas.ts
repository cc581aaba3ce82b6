/** Custom resources against the schemas that a cluster would hold them to, as npm packages carry them. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
}

// By API group; "" is Kubernetes' own.
const packages: [RegExp, string][] = [
  [/^(networking|extensions)\.istio\.io$/, "@kubernetes-models/istio"],
  [/^gateway\.networking\.k8s\.io$/, "@kubernetes-models/gateway-api"],
  [/^gateway\.envoyproxy\.io$/, "@kubernetes-models/envoy-gateway"],
  [/^$/, "kubernetes-models"],
];

// Typed copies of the documents, below the root so that they find its packages.
const folder = join(root, "build/test/schemas");

/** What the schema has against the resource: values that are not allowed, fields that are missing. */
export async function problemsOf(resource: Resource): Promise<string[]> {
  const { [resource.kind]: Class } = (await import(moduleOf(resource))) as Record<string, Model | undefined>;
  if (Class === undefined) return [`${moduleOf(resource)} has no ${resource.kind}`];
  try {
    new Class(resource).validate();
    return [];
  } catch (error) {
    return [`${resource.apiVersion} ${resource.kind}: ${(error as Error).message}`];
  }
}

interface Model {
  new (data: object): { validate(): void };
}

/**
 * What of the resources the schemas do not know; an API server would drop it in silence. By the compiler: the packages'
 * types know every field, and an object literal may have no others. The files are named by their keys.
 */
export async function unknownFields(files: ReadonlyMap<string, readonly Resource[]>): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const sources = [...files].map(([name, resources]) => {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, resources.map(literal).join(""));
    return file;
  });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { output } = await run(process.execPath, [tsc, ...OPTIONS, ...sources]);
  return output;
}

const OPTIONS = ["--noEmit", "--ignoreConfig", "--strict", "--skipLibCheck", "--module", "nodenext"];

function literal(resource: Resource, index: number): string {
  const type = `import(${JSON.stringify(moduleOf(resource))}).I${resource.kind}`;
  return `export const resource${index}: ${type} = ${JSON.stringify(resource, null, 2)};\n`;
}

/** The module that has the resource's schema as a class, and its type as an interface. */
function moduleOf({ apiVersion, kind }: Resource): string {
  const [group = ""] = apiVersion.includes("/") ? apiVersion.split("/") : [];
  const [, name] = packages.find(([groups]) => groups.test(group)) ?? [];
  if (name === undefined)
    throw new Error(
      `${apiVersion} ${kind}: no package here carries its schema; add one to test/cli/schemas.ts`,
    );
  return `${name}/${apiVersion}/${kind}`;
}
