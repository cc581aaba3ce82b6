/** What is written of models for Envoy Gateway. */
import type { EmitOptions } from "../../cli/import/emit.ts";
import { toEnvoyGateway } from "../../cli/import/envoy-gateway.ts";
import type { Model } from "../../cli/import/model.ts";
import { affinity, at, backend, canary, modelOf, options, writtenBy } from "./import-model.ts";

export * from "./import-model.ts";

export function written(model: Model, more: Partial<EmitOptions> = {}) {
  return writtenBy(toEnvoyGateway, model, { ...options, target: "envoy-gateway", ...more });
}

export interface HttpRule {
  readonly name: string;
  readonly matches: readonly { path: object; headers?: readonly object[] }[];
  readonly backendRefs: readonly { name: string; namespace?: string; port: number; weight?: number }[];
  readonly filters?: unknown;
  readonly sessionPersistence?: unknown;
}

/** The rules of the only HTTPRoute. */
export function rules(model: Model, more: Partial<EmitOptions> = {}): readonly HttpRule[] {
  const [spec] = written(model, more).specs("HTTPRoute") as [{ rules: HttpRule[] }];
  return spec.rules;
}

/** A rule's name, its headers for the first path, and where it leads to. */
export function briefly({ name, matches, backendRefs }: HttpRule): unknown {
  return {
    name,
    headers: matches.flatMap(({ headers }) => headers ?? []),
    to: backendRefs.map(({ name: to, weight }) => (weight === undefined ? to : `${to} ${weight}`)),
  };
}

/** All that there is to write: hosts of every kind, canaries, other namespaces, certificates, old cookies, modes. */
export const everything: Model = modelOf(
  {
    name: "a.example",
    tls: { namespace: "shop", name: "a-tls" },
    routes: [
      at("/static", backend("plain")),
      at("/", backend("app", { affinity, endpoints: ["10.0.0.1:80", "[fd00::1]:80"] }), {
        canary: canary({
          backend: backend("next", { endpoints: ["10.0.1.1:80"] }),
          header: { name: "X-Canary" },
          cookie: "beta",
        }),
      }),
    ],
  },
  {
    name: "*.wild.example",
    tls: { namespace: "shop", name: "wild-tls" },
    routes: [
      at("/legacy", backend("legacy", { affinity }), {
        match: "start",
        canary: canary({ sticky: false, header: { name: "X-Canary", pattern: "^v[12]" } }),
      }),
      at("/other", backend("other", { name: "other-other-80", namespace: "other" }), { match: "exact" }),
    ],
  },
  {
    name: "*",
    routes: [
      at("/(a|b)/\\d+", backend("app", { affinity }), { match: "regex" }),
      at("/hash", backend("hashed", { affinity: { ...affinity, mode: "balanced" } })),
    ],
  },
);
