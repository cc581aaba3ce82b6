/**
 * The demo's gateway: envoy/envoy.yaml is what the importer makes of the tutorial's Ingress, and envoy/gateway.yaml the same
 * with what the demo has beyond it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { GatewayDocument } from "./gateway-document.ts";
import type { EmitOptions, Report } from "./import/emit.ts";
import { toEnvoy } from "./import/envoy.ts";
import { readModel } from "./import/ingress.ts";
import { toYaml } from "./import/render.ts";
import { root } from "./root.ts";

export const INGRESS = "demo/ingress.yaml";
export const IMPORTED = "envoy/envoy.yaml";
export const ADDITIONS = "demo/gateway.yaml";
export const GATEWAY = "envoy/gateway.yaml";

/**
 * As the command line has them: import demo/ingress.yaml --to envoy --wasm build/affinity.wasm --port 32209
 * --service-dns {service}
 */
const OPTIONS: EmitOptions = {
  target: "envoy",
  wasm: "build/affinity.wasm",
  keyEnv: "AFFINITY_KEY",
  port: 32209,
  // As docker-compose.yml names its services.
  serviceDns: "{service}",
  sameName: false,
  keepBalanced: false,
  accept: { until: "1970-01-01T00:00:00Z", expireOld: false },
};

/** What the importer makes of demo/ingress.yaml. */
export function importedText(): string {
  const report: Report = { note: () => undefined };
  const input = { file: INGRESS, text: text(INGRESS) };
  return toYaml(toEnvoy(readModel([input], undefined, report), OPTIONS, report));
}

/** The demo's gateway, as its file has it but for the formatting. */
export function gatewayText(): string {
  const gateway = new GatewayDocument(text(IMPORTED));
  gateway.setHeader(HEADER);
  gateway.extend(parseDocument(text(ADDITIONS)));
  // The filter's own attributes, SameSite=Lax among them, where ingress-nginx by default sets none.
  gateway.configure({ cookie: undefined });
  return gateway.toString();
}

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

const HEADER = `The gateway of the demo: one listener, ten pods, the affinity filter.

  client --cookie--> [ wasm affinity ] --x-affinity-host--> [ stateful_session ] --> [ router ] --> pod

Made by \`npm run generate\` from envoy/envoy.yaml, which the importer made of the tutorial's Ingress, and demo/gateway.yaml.
Run from the root of the repository: \`envoy -c envoy/gateway.yaml\`. \`docker-compose up\` uses this file as it
is; \`npm start\` and the tests change only addresses and ports (cli/gateway.ts).`;
