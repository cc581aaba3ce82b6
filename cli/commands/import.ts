import { toEnvoyGateway } from "../import/envoy-gateway.ts";
import { toEnvoy } from "../import/envoy.ts";
import type { EmitOptions, Manifest, Report } from "../import/emit.ts";
import { readModel, type Input } from "../import/ingress.ts";
import { toIstio } from "../import/istio.ts";
import type { Model, Target } from "../import/model.ts";
import { noteAcceptance } from "../import/notes.ts";
import { toYaml } from "../import/render.ts";
import { Notes, notesJson, notesText } from "../import/report.ts";
import { writeFiles } from "./import-files.ts";
import { choice, idleOptions, importOptions, readOptions, WASM_IMAGE } from "./import-options.ts";
import { readAll, readFile, utf8Text } from "./input.ts";
import { printable } from "./text.ts";
import { Unusable, type Command, type Context } from "./types.ts";

// A large cluster's Ingresses and Services are some tens of MiB; a string of JavaScript's ends at 512.
const MOST_INPUT = 256 * 1024 * 1024;

const emitters: Readonly<Record<Target, (model: Model, options: EmitOptions, report: Report) => Manifest[]>> =
  {
    envoy: toEnvoy,
    "envoy-gateway": toEnvoyGateway,
    istio: toIstio,
  };

export const importCommand: Command = {
  name: "import",
  summary: "turn Ingresses of ingress-nginx into a gateway that keeps sessions",
  operands: "[FILE...]",
  operandCount: [0, 10_000],
  description: `Reads the Ingresses that ingress-nginx serves and writes what a gateway built on Envoy needs to do the same, session
affinity included: a whole configuration of Envoy, or manifests for Envoy Gateway or Istio. Nothing is sent to a cluster.

FILE is YAML or JSON: Ingresses of any API version, in as many documents or lists as there are, and the Services that
they name (what else is in it is passed over). FILE - is standard input, and so is none at all.

The configuration goes to standard output, or into the files of --out. What changes, is lost, is invalid or is not about affinity
goes to standard error, a line each, with the file, the object, the annotation and its value, and what happens now.`,
  options: importOptions,
  examples: [
    "kubectl get ingress,svc -A -o yaml | npx envoy-cookie-affinity import --to istio > gateway.yaml",
    "npx envoy-cookie-affinity import ingress.yaml --to envoy --service-dns localhost --wasm build/affinity.wasm > envoy.yaml",
    "npx envoy-cookie-affinity import ingress.yaml --endpoints endpoints.yaml --to envoy-gateway --out gateway/",
  ],
  exitCodes:
    "0 all converted, if with differences; 1 something was lost, and the rest is written; 2 unusable input,\nand nothing is written",
  async run(given, context) {
    const options = readOptions(given, context);
    const json = choice(given, "report", ["text", "json"]) === "json";
    const ingressFiles = given.operands.length === 0 ? ["-"] : given.operands;
    const endpointFiles = given.values("endpoints");
    if ([...ingressFiles, ...endpointFiles].filter((file) => file === "-").length > 1)
      throw new Unusable("-: named more than once; standard input can be read once");

    const notes = new Notes();
    const inputs = await readInputs(ingressFiles, context);
    const endpoints = await readInputs(endpointFiles, context);
    const model = readModel(inputs, endpoints, notes);
    const accepts = model.backends.some((backend) => backend.endpoints !== undefined);
    if (accepts || endpoints.length > 0) noteAcceptance(model, options, notes);
    const manifests = emitters[options.target](model, options, notes);

    const messages = idleOptions(given, options, accepts);
    if (options.wasm === WASM_IMAGE && manifests.length > 0)
      messages.push(`--wasm: not given; put your own image in the place of ${WASM_IMAGE}`);
    const folder = given.value("out");
    if (folder !== undefined) {
      const { written, left } = writeFiles(folder, manifests);
      messages.push(
        ...written.map((file) => `${printable(file)}: written`),
        ...left.map((file) => `${printable(file)}: of an earlier run, and not written any more; remove it`),
      );
    }
    // What reads JSON wants nothing else beside it.
    if (!json) messages.forEach(context.note);
    return {
      code: notes.isLossy ? 1 : 0,
      output: folder === undefined ? toYaml(manifests) : "",
      report: json ? notesJson(notes.sorted(), messages) : notesText(notes.sorted()),
    };
  },
};

async function readInputs(files: readonly string[], context: Context): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const file of files) {
    const bytes = file === "-" ? await readAll(context.stdin, MOST_INPUT) : readFile(file, MOST_INPUT);
    inputs.push({ file, text: utf8Text(bytes, file) });
  }
  return inputs;
}
