/** Models for the tests of import's targets, and what is written of them. */
import type { EmitOptions, Manifest, Note, Report } from "../../cli/import/emit.ts";
import type { Affinity, Backend, Canary, Host, Model, Route } from "../../cli/import/model.ts";

export const options: EmitOptions = {
  target: "istio",
  wasm: "registry.example.com/affinity:1",
  keyEnv: "AFFINITY_KEY",
  port: 80,
  serviceDns: "{service}.{namespace}.svc.cluster.local",
  sameName: false,
  keepBalanced: false,
  accept: { until: "2027-01-01T00:00:00Z", expireOld: false },
};
export const source = { file: "shop.yaml", object: "Ingress shop/app" };
export const affinity: Affinity = {
  mode: "persistent",
  cookie: { name: "route", path: "/", formerPaths: ["/"], secure: false, conditionalSameSiteNone: false },
  changeOnFailure: true,
  source,
};

export function backend(service: string, more: Partial<Backend> = {}): Backend {
  return { name: `shop-${service}-80`, namespace: "shop", service, port: 80, servicePort: 80, ...more };
}

export function at(path: string, to: Backend, more: Partial<Route> = {}): Route {
  return { path, match: "prefix", backend: to, source, ...more };
}

/** A host whose path / leads there. */
export function hostOf(name: string, to: Backend, more: Partial<Route> = {}): Host {
  return { name, routes: [at("/", to, more)] };
}

export function modelOf(...hosts: Host[]): Model {
  const routes = hosts.flatMap((host) => host.routes);
  const all = routes.flatMap((route) => [route.backend, ...(route.canary ? [route.canary.backend] : [])]);
  return { hosts, backends: [...new Map(all.map((each) => [each.name, each])).values()] };
}

export interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: unknown;
}

type Emit = (model: Model, options: EmitOptions, report: Report) => Manifest[];

/** What an emitter writes of a model, and what it notes. */
export function writtenBy(emit: Emit, model: Model, chosen: EmitOptions) {
  const notes: Note[] = [];
  const manifests = emit(model, chosen, { note: (note) => notes.push(note) });
  const documents = manifests.map(({ document }) => document as Document);
  const specs = (kind: string): unknown[] =>
    documents.flatMap((each) => (each.kind === kind ? [each.spec] : []));
  return { manifests, documents, notes, specs };
}

export const canary = (more: Partial<Canary> = {}): Canary => ({
  backend: backend("next"),
  weight: 10,
  total: 100,
  sticky: true,
  ...more,
});
/** Half of the newcomers, and whoever asks for it. */
export const half: Partial<Canary> = { weight: 50, header: { name: "x-canary" } };
export const canaried = (more: Partial<Canary>, primary: Partial<Backend> = { affinity }): Model =>
  modelOf({ name: "a.example", routes: [at("/", backend("app", primary), { canary: canary(more) })] });
