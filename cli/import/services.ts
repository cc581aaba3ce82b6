/** What Services and EndpointSlices say of a backend: its ports, and its pods as ingress-nginx names them. */
import { isIP } from "node:net";
import type { KubernetesObject } from "./documents.ts";
import type { Place } from "./fields.ts";
import type { Reference } from "./ingress-object.ts";
import type { Backend } from "./model.ts";

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly target: number | string;
}

export interface Service {
  readonly root: Place;
  readonly ports: readonly ServicePort[];
  readonly headless: boolean;
  readonly external: boolean;
}

export interface Slice {
  readonly root: Place;
  readonly ports: readonly SlicePort[];
  /** Of the pods that are ready. */
  readonly addresses: readonly string[];
}

interface SlicePort {
  readonly name: string;
  readonly port: number;
}

/** Those of a cluster, by `namespace/name` of the Service. */
export interface Cluster {
  readonly services: ReadonlyMap<string, Service>;
  readonly slices: ReadonlyMap<string, readonly Slice[]>;
}

export function serviceOf({ root }: KubernetesObject): Service {
  const spec = root.field("spec");
  const known = spec.hasFields("the Service has no ports");
  const ports = known ? spec.field("ports").list("the Service has no ports") : [];
  return {
    root,
    ports: ports.flatMap((port): ServicePort[] => {
      const number = portNumber(port.field("port"), "the port is left out");
      if (number === undefined) return [];
      const name = port.field("name").text("the port has no name") ?? "";
      const target = port.field("targetPort").value;
      const isTarget = typeof target === "string" || isPort(target);
      return [{ name, port: number, target: isTarget && target !== "" ? target : number }];
    }),
    headless: spec.field("clusterIP").value === "None",
    external: spec.field("type").value === "ExternalName",
  };
}

/** The Service whose pods a slice of discovery.k8s.io lists, and the slice; undefined for one of no Service. */
export function sliceOf({ root, namespace }: KubernetesObject): [service: string, slice: Slice] | undefined {
  const label = root.field("metadata").field("labels").field("kubernetes.io/service-name").value;
  if (typeof label !== "string") {
    root
      .field("metadata")
      .field("labels")
      .fault("no label kubernetes.io/service-name", "the slice is left out");
    return undefined;
  }
  const ready = root
    .field("endpoints")
    .list("the slice has no pods")
    .filter((endpoint) => isReady(endpoint));
  const slice = { root, ports: portsOf(root.field("ports")), addresses: ready.flatMap(addressesOf) };
  return [`${namespace}/${label}`, slice];
}

/** The subsets of an Endpoints object, which has the name of its Service, each as a slice. */
export function subsetsOf({ root, namespace, name }: KubernetesObject): [service: string, slices: Slice[]] {
  const subsets = root.field("subsets").list("the object has no pods");
  const slices = subsets.map((subset) => ({
    root,
    ports: portsOf(subset.field("ports")),
    addresses: subset
      .field("addresses")
      .list("the subset has no pods")
      .flatMap((address) => address.field("ip").text("the pod is left out") ?? []),
  }));
  return [`${namespace}/${name}`, slices];
}

function isReady(endpoint: Place): boolean {
  if (!endpoint.hasFields("the pod is left out")) return false;
  const ready = endpoint.field("conditions").field("ready");
  if (ready.absent || ready.value === true) return true;
  if (ready.value !== false) ready.fault("neither true nor false", "the pod is left out");
  return false;
}

function addressesOf(endpoint: Place): string[] {
  const addresses = endpoint.field("addresses").list("the pod is left out");
  return addresses.flatMap((address) => address.text("the address is left out") ?? []);
}

function portsOf(place: Place): SlicePort[] {
  return place.list("the slice has no ports").flatMap((port): SlicePort[] => {
    const protocol = port.field("protocol").value ?? "TCP";
    if (protocol !== "TCP" || port.field("port").absent) return [];
    const number = portNumber(port.field("port"), "the port is left out");
    const name = port.field("name").text("the port has no name") ?? "";
    return number === undefined ? [] : [{ name, port: number }];
  });
}

function portNumber(place: Place, lost: string): number | undefined {
  if (isPort(place.value)) return place.value;
  place.fault("not a port: a number from 1 to 65535", lost);
  return undefined;
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** upstreamName in internal/ingress/controller/util.go. */
export function backendName({ namespace, service, port }: Reference): string {
  return `${namespace}-${service}-${port}`;
}

/**
 * A backend as Services and slices know it.
 * @param pins whether ingress-nginx pinned to pods, and not to the Service's address
 */
export function backendOf(reference: Reference, cluster: Cluster, pins: boolean): Backend {
  const { namespace, service: name, port } = reference;
  const key = `${namespace}/${name}`;
  const service = cluster.services.get(key);
  const found = service && portIn(service, port, reference);
  const servicePort = found?.port ?? (typeof port === "number" ? port : undefined);
  const slices = cluster.slices.get(key) ?? [];
  const targetPort = typeof found?.target === "number" ? found.target : targetIn(slices, found, port);
  const endpoints = slices.length > 0 && pins ? endpointsIn(slices, found, port, key) : undefined;
  return {
    name: backendName(reference),
    namespace,
    service: name,
    port,
    ...(servicePort !== undefined && { servicePort }),
    ...(targetPort !== undefined && { targetPort }),
    ...(service && { headless: service.headless }),
    ...(endpoints && { endpoints }),
  };
}

/** As serviceEndpoints in controller.go: the first port that has this number, this target or this name. */
function portIn(
  service: Service,
  port: number | string,
  { service: name }: Reference,
): ServicePort | undefined {
  const { root, ports, external } = service;
  if (external) {
    root
      .field("spec")
      .field("type")
      .fault(
        `${name} is a name outside the cluster, which ingress-nginx resolves itself`,
        "it is written as any Service is",
      );
  }
  const text = String(port);
  const found = ports.find(
    (each) => String(each.port) === text || String(each.target) === text || each.name === text,
  );
  if (found === undefined && !external)
    root
      .field("spec")
      .field("ports")
      .fault(`none of them is ${text}, which an Ingress asks for`, "its routes lead nowhere, as before");
  return found;
}

/** The pods' port where slices alone know it: of this name, or the only one. */
function targetIn(
  slices: readonly Slice[],
  found: ServicePort | undefined,
  port: number | string,
): number | undefined {
  const all = slices.flatMap(({ ports }) => ports.filter((each) => matches(each, found, port)));
  const numbers = new Set(all.map((each) => each.port));
  return numbers.size === 1 ? all[0]?.port : undefined;
}

function matches(
  { name, port: number }: SlicePort,
  found: ServicePort | undefined,
  port: number | string,
): boolean {
  // Without the Service: a port of this name, and of those without a name the only one.
  if (found === undefined) return name === "" || name === port || number === port;
  return found.name === "" || found.name === name;
}

// What the filter takes for one backend (accept.formats.endpoints).
const MOST_ENDPOINTS = 4096;

/** As getEndpointsFromSlices in endpointslices.go; the ring of ingress-nginx has each once. Undefined for none. */
function endpointsIn(
  slices: readonly Slice[],
  found: ServicePort | undefined,
  port: number | string,
  key: string,
): string[] | undefined {
  const endpoints = new Set<string>();
  for (const { root, ports, addresses } of slices) {
    const numbers = portNumbers(ports, found, port);
    root.reader.budget.spend(root.source.file, numbers.length * addresses.length);
    for (const address of addresses) {
      if (!isCanonical(address)) {
        const why = `the address ${address.slice(0, 50)} is not in the spelling in which Envoy has it`;
        root.field("endpoints").fault(why, "the pod is left out, and some old cookies name other pods");
        continue;
      }
      for (const number of numbers)
        endpoints.add(isIP(address) === 6 ? `[${address}]:${number}` : `${address}:${number}`);
    }
  }
  const place = slices[0]?.root.field("endpoints");
  if (endpoints.size > MOST_ENDPOINTS) {
    place?.fault(`${key} has more than ${MOST_ENDPOINTS} pods`, "its old cookies are not honoured");
    return undefined;
  }
  if (endpoints.size === 0)
    place?.fault(`${key} has no pod that is ready`, "its old cookies are not honoured");
  return endpoints.size === 0 ? undefined : [...endpoints];
}

function portNumbers(
  ports: readonly SlicePort[],
  found: ServicePort | undefined,
  port: number | string,
): number[] {
  const target = typeof found?.target === "number" ? found.target : undefined;
  if (ports.length === 0) return target === undefined ? [] : [target];
  const numbers = ports.flatMap((each) => {
    if (matches(each, found, port)) return each.port;
    // A number that the Service says stands in for a name that does not match (ingress-nginx, issue 7390).
    return target ?? [];
  });
  return [...new Set(numbers)];
}

/** Whether Envoy writes the address so: inet_ntop(3), which shortens IPv6 as RFC 5952 does. */
function isCanonical(address: string): boolean {
  const version = isIP(address);
  if (version !== 6) return version === 4;
  if (/^::(?:ffff:)?\d+\.\d+\.\d+\.\d+$/.test(address)) return true;
  try {
    return new URL(`http://[${address}]/`).hostname === `[${address}]`;
  } catch {
    return false;
  }
}
