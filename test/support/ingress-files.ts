/** Ingress files for the tests of the importer, and what is read of them. */
import type { Note } from "../../cli/import/emit.ts";
import { PREFIX } from "../../cli/import/annotations.ts";
import { readModel } from "../../cli/import/ingress.ts";
import type { Affinity, Model, Route } from "../../cli/import/model.ts";

export type Fields = Readonly<Record<string, unknown>>;

export const FILE = "shop.yaml";

/** What follows the prefix of ingress-nginx's annotations. */
export function annotated(values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${PREFIX}${name}`, value]));
}

export interface Given {
  readonly namespace?: string;
  readonly annotations?: Fields;
  readonly created?: string;
  /** What is in spec beside the rules. */
  readonly spec?: Fields;
  /** One host, or the rules themselves. */
  readonly host?: string;
  readonly paths?: readonly Fields[];
  readonly rules?: readonly unknown[];
}

/** A path of networking.k8s.io/v1; its Service's port is 80 unless it says another. */
export function path(path: string | undefined, service: string, more: Fields = {}): Fields {
  const [name, port = "80"] = service.split(":");
  const number = /^\d+$/.test(port) ? { number: Number(port) } : { name: port };
  return { path, pathType: "Prefix", backend: { service: { name, port: number } }, ...more };
}

/** An Ingress of the namespace shop; without paths and rules, `/` of shop.example leads to app. */
export function ingress(name: string, given: Given = {}): Fields {
  const { annotations = {}, created, spec = {}, host = "shop.example", paths = [path("/", "app")] } = given;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name,
      namespace: given.namespace ?? "shop",
      annotations: annotated(annotations),
      ...(created !== undefined && { creationTimestamp: created }),
    },
    spec: { rules: given.rules ?? [{ ...(host !== "" && { host }), http: { paths } }], ...spec },
  };
}

export function read(objects: readonly unknown[], endpoints?: readonly unknown[]) {
  return readText(JSON.stringify(listOf(objects)), endpoints && JSON.stringify(listOf(endpoints)));
}

export function readText(text: string, endpoints?: string) {
  const notes: Note[] = [];
  const model: Model = readModel(
    [{ file: FILE, text }],
    endpoints === undefined ? undefined : [{ file: "endpoints.yaml", text: endpoints }],
    { note: (note) => notes.push(note) },
  );
  const routes = (host = "shop.example"): readonly Route[] =>
    model.hosts.find(({ name }) => name === host)?.routes ?? [];
  const affinity = (name = "shop-app-80"): Affinity | undefined =>
    model.backends.find((backend) => backend.name === name)?.affinity;
  /** Outcome, subject and value of the notes on what is not as it was, or as it says. */
  const told = (object?: string): unknown[] =>
    notes
      .filter((note) => note.outcome !== "converted" && (object === undefined || note.object === object))
      .map(({ outcome, subject, value }) => [outcome, subject, value]);
  const noteOf = (subject: string, object = "Ingress shop/a"): Note | undefined =>
    notes.find((note) => note.subject === subject && note.object === object);
  return { model, notes, routes, affinity, told, noteOf };
}

export function listOf(items: readonly unknown[]): Fields {
  return { apiVersion: "v1", kind: "List", items };
}

/** Without what is told of every Ingress with affinity that leaves these to their defaults. */
export const settled = {
  affinity: "cookie",
  "affinity-mode": "persistent",
  "session-cookie-change-on-failure": "true",
};
