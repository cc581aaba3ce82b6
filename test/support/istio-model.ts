/** Models for the tests of the Istio target, and what is written of them. */
import type { EmitOptions } from "../../cli/import/emit.ts";
import { toIstio } from "../../cli/import/istio.ts";
import type { Model } from "../../cli/import/model.ts";
import { options, writtenBy } from "./import-model.ts";

export * from "./import-model.ts";

export function written(model: Model, more: Partial<EmitOptions> = {}) {
  return writtenBy(toIstio, model, { ...options, ...more });
}

/** The rules of the only VirtualService. */
export function rules(model: Model, more: Partial<EmitOptions> = {}): unknown[] {
  const [spec] = written(model, more).specs("VirtualService") as [{ http: unknown[] }];
  return spec.http;
}

/** What a rule is about, without what all rules have. */
export function briefly(rule: unknown): unknown {
  const { name, match: matches, route } = rule as { name: string; match: object[]; route: object[] };
  return { name, matches, route };
}

export const headers = {
  request: { remove: ["x-affinity-host", "x-affinity-cluster"] },
  response: { remove: ["x-affinity-host"] },
};
export const retries = {
  attempts: 5,
  retryOn: "connect-failure,refused-stream,reset-before-request",
  retryIgnorePreviousHosts: true,
};
export const to = (host: string, number = 80) => ({
  destination: { host: `${host}.svc.cluster.local`, port: { number } },
});
