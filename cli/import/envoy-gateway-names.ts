/** What Envoy Gateway calls things, and where the objects that are written stand. */

/** Where Envoy Gateway runs its Envoys, and so where the Gateway, its certificates' grants and the key stand. */
export const NAMESPACE = "envoy-gateway-system";

/** The name of the GatewayClass, of its EnvoyProxy and of the Gateway. */
export const GATEWAY = "affinity";

/** The Secret with the key, in NAMESPACE, and its field. */
export const KEY_SECRET = { name: "affinity-key", key: "key" };

/** The port for everybody; a listener of another name is for one host's https. */
export const HTTP_LISTENER = "http";

/** The filter in an EnvoyExtensionPolicy, the only one there. */
export const FILTER = "affinity";

/** The clusters of a rule, by its index in its HTTPRoute: one, or one for each of its backends. */
export function clustersOf(
  route: { readonly namespace: string; readonly name: string },
  index: number,
  backends: "together" | number,
): string[] {
  const name = `httproute/${route.namespace}/${route.name}/rule/${index}`;
  if (backends === "together") return [name];
  return Array.from({ length: backends }, (_, backend) => `${name}/backend/${backend}`);
}

/** What Envoy Gateway calls the HTTP filter of an EnvoyExtensionPolicy in Envoy. */
export function wasmFilterOf(policy: { readonly namespace: string; readonly name: string }): string {
  return `envoy.filters.http.wasm/envoyextensionpolicy/${policy.namespace}/${policy.name}/wasm/0`;
}

/** What it calls a listener in Envoy; all https of one port are one there, by the first one's name. */
export function xdsListenerOf(listener: string): string {
  return `${NAMESPACE}/${GATEWAY}/${listener}`;
}

/** The name if it is free, or else with a number behind it; from then on it is taken. */
export function unique(name: string, taken: Set<string>): string {
  let found = name;
  for (let count = 2; taken.has(found); count++) found = `${name}-${count}`;
  taken.add(found);
  return found;
}

/** For objects of which there are several because one has not room for all: in this order by name, too. */
export function numbered(name: string, index: number): string {
  return index === 0 ? name : `${name}-${String(index + 1).padStart(2, "0")}`;
}

/** In pieces of at most this many. */
export function chunks<T>(items: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, index) =>
    items.slice(index * most, (index + 1) * most),
  );
}
