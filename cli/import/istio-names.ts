/** What Istio calls things, and where the objects that are written stand. */
import type { Backend } from "./model.ts";

/**
 * The namespace of the ingress gateway's pods. All that is written stands there: what it says holds for this gateway
 * alone, and for no sidecar of the mesh.
 */
export const NAMESPACE = "istio-ingress";

/** The label of the gateway's pods. Helm's chart makes it of the release's name, here `istio-ingressgateway`. */
export const SELECTOR = { istio: "ingressgateway" };

/** The Gateway that the VirtualServices are bound to. */
export const GATEWAY = "affinity";

/** Of Kubernetes' own DNS; Istio's default. */
const CLUSTER_DOMAIN = "cluster.local";

/** The Service's name in VirtualServices and DestinationRules. */
export function hostOf({ service, namespace }: Backend): string {
  return `${service}.${namespace}.svc.${CLUSTER_DOMAIN}`;
}

/** What Istio calls the cluster of a Service's port in Envoy: direction, port, subset (none), Service. */
export function clusterOf(backend: Backend, port: number): string {
  return `outbound|${port}||${hostOf(backend)}`;
}
