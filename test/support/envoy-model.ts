/** Models for the tests of the Envoy target, and what is written of them. */
import { join } from "node:path";
import type { EmitOptions, Manifest, Note } from "../../cli/import/emit.ts";
import { toEnvoy } from "../../cli/import/envoy.ts";
import type { Affinity, Backend, Model } from "../../cli/import/model.ts";
import { root } from "../../cli/root.ts";
import { Envoy } from "./envoy.ts";
import { secret } from "./gateway.ts";
import { options as istioOptions } from "./istio-model.ts";
import { freePort } from "./ports.ts";
import type { Json } from "./shape.ts";

export const options: EmitOptions = {
  ...istioOptions,
  target: "envoy",
  wasm: "build/affinity.wasm",
  port: 32209,
};

/** The tutorial's Ingress as the reader gives it. */
const tutorialSource = { file: "demo/ingress.yaml", object: "Ingress default/hello-ingress" };
const tutorialAffinity: Affinity = {
  mode: "balanced",
  cookie: {
    name: "INGRESSCOOKIE",
    path: "/",
    formerPaths: ["/"],
    secure: false,
    conditionalSameSiteNone: false,
  },
  changeOnFailure: true,
  source: tutorialSource,
};
const tutorialBackend: Backend = {
  name: "default-session-svc-9080",
  namespace: "default",
  service: "session-svc",
  port: 9080,
  servicePort: 9080,
  affinity: tutorialAffinity,
};
export const tutorialModel: Model = {
  hosts: [
    {
      name: "abc.sample.com",
      routes: [{ path: "/", match: "start", backend: tutorialBackend, source: tutorialSource }],
    },
  ],
  backends: [tutorialBackend],
};

/** What is written of a model, and the notes about it. */
export function written(model: Model, more: Partial<EmitOptions> = {}) {
  const notes: Note[] = [];
  const manifests: Manifest[] = toEnvoy(model, { ...options, ...more }, { note: (note) => notes.push(note) });
  const config: Json = manifests[0]?.document;
  return { manifests, notes, config };
}

interface StartOptions extends Partial<EmitOptions> {
  /** Changes the configuration in place, once ports and paths are this run's. */
  readonly change?: (config: Json) => void;
}

/** A real Envoy on what is written of a model, with other ports and the filter of this checkout. */
export async function startImported(model: Model, { change, ...more }: StartOptions = {}): Promise<Envoy> {
  const accept = { until: new Date(Date.now() + 3_600_000).toISOString(), expireOld: false };
  return startConfig(written(model, { accept, ...more }).config, change);
}

/** The same for a configuration that was written. */
export async function startConfig(config: Json, change?: (config: Json) => void): Promise<Envoy> {
  const ports = { port: await freePort(), adminPort: await freePort() };
  const own: Json = JSON.parse(
    JSON.stringify(config).replaceAll(JSON.stringify(options.wasm), JSON.stringify(join(root, options.wasm))),
  );
  own.admin.address.socket_address.port_value = ports.adminPort;
  own.static_resources.listeners[0].address.socket_address = { address: "127.0.0.1", port_value: ports.port };
  change?.(own);
  return Envoy.start(JSON.stringify(own), ports, { env: { AFFINITY_KEY: secret } });
}
