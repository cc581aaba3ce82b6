/** What the tests of gateways that `import` wrote ask of: pods, and clients with the cookie that such a gateway sets. */
import { deepEqual, equal } from "node:assert/strict";
import type { Answer, Ask } from "./client.ts";
import { Pod } from "./pod.ts";

/** The affinity cookie of a service whose cookie was called `route`. */
export const NAME = "route-affinity";
export const withCookie = (value: string): Ask => ({ cookie: `${NAME}=${value}` });

/** Pods called SERVICE-0, SERVICE-1 and so on. */
export async function podsOf(service: string, count = 3): Promise<Pod[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => Pod.start(`${service}-${index}`)));
}

export const namesOf = (pods: readonly Pod[]): string[] => pods.map(({ name }) => name);
export const endpointsOf = (pods: readonly Pod[]): string[] => pods.map(({ endpoint }) => endpoint);

/** No header of the gateway's own reaches a client. */
export function assertClean({ status, headers }: Answer): void {
  equal(status, 200);
  deepEqual(
    Object.keys(headers).filter((name) => name.startsWith("x-affinity")),
    [],
  );
}
