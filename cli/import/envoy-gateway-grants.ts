/** ReferenceGrants: without one nothing refers to an object of another namespace. */
import type { Manifest } from "./emit.ts";
import { chunks, numbered } from "./envoy-gateway-names.ts";

export interface Reference {
  readonly from: { readonly group: string; readonly kind: string; readonly namespace: string };
  readonly to: { readonly kind: "Secret" | "Service"; readonly namespace: string; readonly name: string };
}

// Of Gateway API, for a ReferenceGrant.
const MOST_NAMES = 16;

/** One for each pair of namespaces and kinds, in the namespace that is referred to; several where one has no room. */
export function grants(references: readonly Reference[], file: string): Manifest[] {
  const found = new Map<string, { reference: Reference; names: Set<string> }>();
  for (const reference of references) {
    const { from, to } = reference;
    const key = [from.kind, from.namespace, to.kind, to.namespace].join(" ");
    const grant = found.get(key) ?? { reference, names: new Set() };
    grant.names.add(to.name);
    found.set(key, grant);
  }
  return [...found.values()].flatMap(({ reference: { from, to }, names }) =>
    chunks([...names], MOST_NAMES).map((part, index) => ({
      file,
      why: `Lets the ${from.kind} of ${from.namespace} use ${to.kind} ${part.join(", ")} of ${to.namespace}.`,
      document: {
        apiVersion: "gateway.networking.k8s.io/v1beta1",
        kind: "ReferenceGrant",
        metadata: {
          name: numbered(`affinity-${from.kind.toLowerCase()}-${from.namespace}`, index),
          namespace: to.namespace,
        },
        spec: { from: [from], to: part.map((name) => ({ group: "", kind: to.kind, name })) },
      },
    })),
  );
}
