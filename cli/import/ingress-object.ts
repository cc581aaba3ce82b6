/** An Ingress of any of its three APIs, as one thing, with what is wrong in it told and left out. */
import type { KubernetesObject } from "./documents.ts";
import { isHost, isLabel, type Place } from "./fields.ts";
import type { Source } from "./model.ts";
import { settingsOf, type Given } from "./settings.ts";

export interface Ingress {
  readonly source: Source;
  readonly namespace: string;
  readonly name: string;
  /** Unix time in milliseconds; undefined where the file does not say when it was made. */
  readonly created?: number;
  readonly given: Given;
  readonly rules: readonly Rule[];
  readonly defaultBackend?: Reference;
  readonly tls: readonly Tls[];
}

export interface Rule {
  /** In lower case; `*` where the rule has none. */
  readonly host: string;
  readonly paths: readonly Path[];
}

export interface Path {
  /** `/` where the file has none. */
  readonly path: string;
  /** Whether the file has none. ingress-nginx then routes by `/`, and sets no cookie, which it does by the path as it stands. */
  readonly omitted: boolean;
  readonly type: "Exact" | "Prefix";
  readonly backend: Reference;
}

/** A Service's port. */
export interface Reference {
  readonly namespace: string;
  readonly service: string;
  readonly port: number | string;
}

export interface Tls {
  /** In lower case. */
  readonly hosts: readonly string[];
  /** Empty where the Ingress names none. */
  readonly secret: string;
}

/** `old`: networking.k8s.io/v1beta1 and extensions/v1beta1, which differ from v1 in how a backend is written. */
export function ingressOf(object: KubernetesObject, old: boolean): Ingress {
  const { root, namespace, name } = object;
  const spec = root.field("spec");
  const created = creationTime(root.field("metadata").field("creationTimestamp"));
  const rules = spec.hasFields("the Ingress has no rules")
    ? spec.field("rules").list("the Ingress has no rules")
    : [];
  const fallback = spec.field(old ? "backend" : "defaultBackend");
  const defaultBackend = fallback.absent
    ? undefined
    : referenceOf(fallback, namespace, old, "there is no default backend");
  if (rules.length === 0 && fallback.absent)
    spec.fault("neither rules nor a default backend", "nothing is made of the Ingress");
  return {
    source: root.source,
    namespace,
    name,
    ...(created !== undefined && { created }),
    given: settingsOf(root.field("metadata").field("annotations")),
    rules: rules.flatMap((rule) => ruleOf(rule, namespace, old, fallback.absent)),
    ...(defaultBackend && { defaultBackend }),
    tls: spec
      .field("tls")
      .list("no certificate is taken from it")
      .map((entry) => tlsOf(entry)),
  };
}

function ruleOf(rule: Place, namespace: string, old: boolean, alone: boolean): Rule[] {
  const lost = "the rule is left out";
  if (!rule.hasFields(lost)) return [];
  const given = rule.field("host");
  const host = given.text(lost)?.toLowerCase();
  if (host === undefined && !given.absent) return [];
  if (host !== undefined && host !== "" && !isHost(host)) {
    given.fault("not a host; write a name, or one with `*.` in front", lost);
    return [];
  }
  const http = rule.field("http");
  if (http.absent && alone) http.fault("no paths, and no default backend", "the host leads nowhere");
  const paths = http.hasFields("the host has no paths")
    ? http.field("paths").list("the host has no paths")
    : [];
  return [{ host: host || "*", paths: paths.flatMap((path) => pathOf(path, namespace, old)) }];
}

// What a request's path can have; a quote or a brace would have been the end of nginx's configuration.
const PATH = /^\/[\x21-\x7e]*$/;

function pathOf(place: Place, namespace: string, old: boolean): Path[] {
  const lost = "the path is left out";
  if (!place.hasFields(lost)) return [];
  const given = place.field("path");
  const path = given.text(lost);
  if (path === undefined && !given.absent) return [];
  if (path && !PATH.test(path)) {
    given.fault("not a path; it begins with / and is of visible ASCII", lost);
    return [];
  }
  const backend = referenceOf(place.field("backend"), namespace, old, lost);
  if (backend === undefined) return [];
  return [{ path: path || "/", omitted: !path, type: pathType(place.field("pathType")), backend }];
}

/** ingress-nginx takes all but Exact for Prefix: SetDefaultNGINXPathType in internal/k8s/main.go. */
function pathType(place: Place): "Exact" | "Prefix" {
  const type = place.text("Prefix stands in") ?? "Prefix";
  if (type === "Exact") return "Exact";
  if (type !== "Prefix" && type !== "ImplementationSpecific")
    place.fault("none of Exact, Prefix and ImplementationSpecific", "Prefix stands in");
  return "Prefix";
}

const PORT_NAME = /^[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?$/;

function referenceOf(place: Place, namespace: string, old: boolean, lost: string): Reference | undefined {
  if (place.absent) {
    place.fault(old ? "missing; it has serviceName and servicePort" : "missing; it has a service", lost);
    return undefined;
  }
  if (!place.hasFields(lost)) return undefined;
  const inner = old ? place : place.field("service");
  if (inner.absent) {
    place.fault("no Service (a resource is none)", lost);
    return undefined;
  }
  if (!inner.hasFields(lost)) return undefined;
  const at = inner.field(old ? "serviceName" : "name");
  const service = at.text(lost);
  if (service === undefined || !isLabel(service)) {
    if (at.absent || service !== undefined) at.fault("not the name of a Service", lost);
    return undefined;
  }
  const port = old ? portOf(inner.field("servicePort"), lost) : portOfService(inner.field("port"), lost);
  return port === undefined ? undefined : { namespace, service, port };
}

function portOfService(place: Place, lost: string): number | string | undefined {
  if (place.absent) place.fault("missing; it has a number or a name", lost);
  if (!place.hasFields(lost)) return undefined;
  const name = place.field("name");
  return portOf(name.absent || name.value === "" ? place.field("number") : name, lost);
}

/** A number, or a name; digits between quotes are a number, as ingress-nginx compares both as text. */
function portOf(place: Place, lost: string): number | string | undefined {
  const { value } = place;
  if (typeof value === "string" && PORT_NAME.test(value) && !/^\d+$/.test(value)) return value;
  const number = typeof value === "string" && /^[1-9]\d{0,4}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= 65_535)
    return number;
  place.fault("not a port: a number from 1 to 65535, or the name of one", lost);
  return undefined;
}

function tlsOf(entry: Place): Tls {
  const lost = "no certificate is taken from it";
  if (!entry.hasFields(lost)) return { hosts: [], secret: "" };
  const hosts = entry.field("hosts").list(lost);
  const secret = entry.field("secretName").text(lost) ?? "";
  return {
    hosts: hosts.flatMap((host) => host.text("the host is left out")?.toLowerCase() ?? []),
    secret: /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/.test(secret) ? secret : "",
  };
}

// As Kubernetes writes it (RFC 3339, in UTC).
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;

function creationTime(place: Place): number | undefined {
  const text = place.text("the order of the files stands in");
  if (text === undefined) return undefined;
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  place.fault("not a time such as 2026-01-31T00:00:00Z", "the order of the files stands in");
  return undefined;
}

/**
 * In the order in which ingress-nginx goes through them: by age, and of those made in one second the later name first
 * (sortIngressSlice in internal/ingress/controller/store/store.go). What was never in a cluster is the youngest, in the
 * order of the files.
 */
export function inOrder(ingresses: readonly Ingress[]): Ingress[] {
  const key = ({ namespace, name }: Ingress): string => `${namespace}/${name}`;
  return [...ingresses].sort((a, b) => {
    if (a.created === undefined && b.created === undefined) return 0;
    if (a.created !== b.created) return (a.created ?? Infinity) - (b.created ?? Infinity);
    return key(a) > key(b) ? -1 : key(a) < key(b) ? 1 : 0;
  });
}
