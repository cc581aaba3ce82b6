/** What every target needs of hosts and ports. */
import type { Backend } from "./model.ts";

/** The port of the Service; undefined when the Ingress names it and nothing says its number. */
export function portOf({ servicePort, port }: Backend): number | undefined {
  return servicePort ?? (typeof port === "number" ? port : undefined);
}

/** A name for the object of a host: the host, but for `*`, which a name cannot have. Other than all that are `taken`. */
export function nameOfHost(host: string, taken: ReadonlySet<string>): string {
  const name = host === "*" ? "any-host" : host.replace(/^\*\./, "wildcard.");
  let unique = name;
  for (let count = 2; taken.has(unique); count++) unique = `${name}-${count}`;
  return unique;
}
