/** What Envoy's clusters and filters are called, and where their pods are. */
import type { Backend } from "./model.ts";

/** The full name of a message of Envoy's API, for `@type`. */
export function typeUrl(message: string): string {
  return `type.googleapis.com/envoy.${message}`;
}

/**
 * The name of the cluster of each backend, by the backend's own: the Service's, with its namespace unless that is
 * `default` (no Service's name has a dot), and with the port where several of its ports are served. What else is
 * served does not change it: tokens say by this name which version of a canary their client is at.
 */
export function clusterNames(backends: readonly Backend[]): ReadonlyMap<string, string> {
  const ports = new Map<string, Set<string>>();
  for (const backend of backends) {
    const service = serviceName(backend);
    ports.set(service, (ports.get(service) ?? new Set()).add(String(backend.port)));
  }
  return new Map(
    backends.map((backend) => {
      const service = serviceName(backend);
      return [backend.name, (ports.get(service)?.size ?? 0) > 1 ? `${service}:${backend.port}` : service];
    }),
  );
}

function serviceName({ service, namespace }: Backend): string {
  return namespace === "default" ? service : `${service}.${namespace}`;
}

/**
 * The port at the Service's DNS name: that of the pods where the name stands for pods, else the Service's own; undefined
 * when the Ingress names it and nothing says its number.
 */
export function dnsPort(backend: Backend): number | undefined {
  const { port, targetPort, headless } = backend;
  const own = backend.servicePort ?? (typeof port === "number" ? port : undefined);
  return headless === false ? own : (targetPort ?? own);
}
