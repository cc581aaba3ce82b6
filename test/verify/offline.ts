/** Manifests as `egctl x translate` can take them, which has no cluster at hand. */
import type { Manifest } from "../../cli/import/emit.ts";
import { toYaml } from "../../cli/import/render.ts";
import type { Json } from "../support/shape.ts";

const GROUP = "gateway.envoyproxy.io";

/**
 * It fetches no filter, so EnvoyExtensionPolicies and the patch for what they make are left out; it reads no EndpointSlices,
 * so Services are Backends with an address each; listeners for https, whose certificates would have to be there, are left out.
 */
export function offline(manifests: readonly Manifest[]): string {
  const documents: Json[] = manifests
    .map(({ document }) => structuredClone(document) as Json)
    .filter(({ kind, metadata }) => kind !== "EnvoyExtensionPolicy" && metadata.name !== "affinity-reload");
  const backends = new Map<string, Json>();
  for (const { kind, metadata, spec } of documents) {
    if (kind === "HTTPRoute")
      for (const ref of spec.rules.flatMap(({ backendRefs }: Json) => backendRefs)) {
        const namespace = ref.namespace ?? metadata.namespace;
        backends.set(`${namespace} ${ref.name}`, backend(namespace, ref.name, backends.size + 1));
        Object.assign(ref, { group: GROUP, kind: "Backend", port: undefined });
      }
    if (kind === "ReferenceGrant")
      for (const to of spec.to)
        if (to.kind === "Service") Object.assign(to, { group: GROUP, kind: "Backend" });
    // Certificates would have to be real ones.
    if (kind === "Gateway")
      spec.listeners = spec.listeners.filter(({ protocol }: Json) => protocol === "HTTP");
    if (kind === "HTTPRoute")
      spec.parentRefs = spec.parentRefs.filter(({ sectionName }: Json) => sectionName === "http");
  }
  const plain: Json[] = JSON.parse(JSON.stringify([...documents, ...backends.values()]));
  return toYaml(plain.map((document) => ({ file: "", why: "", document })));
}

function backend(namespace: string, name: string, index: number): Json {
  return {
    apiVersion: `${GROUP}/v1alpha1`,
    kind: "Backend",
    metadata: { name, namespace },
    spec: { endpoints: [{ ip: { address: `10.244.0.${index}`, port: 8080 } }] },
  };
}
