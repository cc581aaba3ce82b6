/** Hosts and their paths, in the order in which nginx tries them, out of all Ingresses but the canaries. */
import type { Ingress, Path, Reference } from "./ingress-object.ts";
import type { Host, Route, SecretName, Source } from "./model.ts";
import type { Report } from "./emit.ts";
import { shown } from "../commands/text.ts";
import { isHost, type Reader } from "./fields.ts";
import { isRegex } from "./values.ts";
import { backendName } from "./services.ts";

/** A location of nginx before it is one of a model: its backend is named, and what canaries go by is there. */
export interface Location {
  readonly path: string;
  readonly type: Path["type"];
  readonly backend: Reference;
  readonly ingress: Ingress;
  /**
   * `rule`: of a rule's path. `fallback`: of a default backend, where a rule with this path takes its place. `catch-all`:
   * of the default backend of an Ingress without rules, which keeps its place.
   */
  readonly from: "rule" | "fallback" | "catch-all";
}

export interface Server {
  /** `*` for whatever no other takes. */
  readonly host: string;
  /** By type and path. */
  readonly locations: Map<string, Location>;
  aliases: readonly string[];
  tls?: SecretName;
  /** The first Ingress with tls for this host has said so, if without a Secret. */
  certain: boolean;
}

/** By host. */
export type Servers = ReadonlyMap<string, Server>;

/** All hosts of Ingresses that are no canaries: createServers and getBackendServers in ingress-nginx's controller.go. */
export function serversOf(ingresses: readonly Ingress[], reader: Reader): Servers {
  const servers = new Map<string, Server>();
  const server = (host: string): Server => {
    const found = servers.get(host) ?? { host, locations: new Map(), aliases: [], certain: host === "*" };
    servers.set(host, found);
    return found;
  };
  const catchAll = (ingress: Ingress): boolean =>
    ingress.defaultBackend !== undefined && ingress.rules.length === 0;
  for (const ingress of ingresses.filter(catchAll))
    addFallback(server("*"), ingress, "catch-all", reader.report);
  const known = new Set<string>(["*"]);
  for (const ingress of ingresses) {
    let used = ingress.defaultBackend === undefined || catchAll(ingress);
    for (const { host } of ingress.rules) {
      if (known.has(host)) continue;
      known.add(host);
      if (ingress.defaultBackend === undefined) continue;
      addFallback(server(host), ingress, "fallback", reader.report);
      used = true;
    }
    if (!used) noteUnusedFallback(ingress, reader.report);
  }
  for (const ingress of ingresses) {
    for (const { host, paths } of ingress.rules) {
      for (const path of paths) addLocation(server(host), path, ingress, reader);
      const found = servers.get(host);
      if (found === undefined) continue;
      const aliases = ingress.given.settings["server-alias"];
      if (found.aliases.length === 0 && aliases !== undefined) found.aliases = aliases;
      if (!found.certain) addTls(found, ingress);
    }
  }
  return servers;
}

function addFallback(server: Server, ingress: Ingress, from: Location["from"], report: Report): void {
  const backend = ingress.defaultBackend;
  if (backend === undefined) return;
  const there = server.locations.get(key("Prefix", "/"));
  if (there !== undefined) return noteTwice(server.host, "/", ingress.source, there, report);
  server.locations.set(key("Prefix", "/"), { path: "/", type: "Prefix", backend, ingress, from });
}

function addLocation(server: Server, { path, type, backend }: Path, ingress: Ingress, reader: Reader): void {
  reader.budget.spend(ingress.source.file);
  const there = server.locations.get(key(type, path));
  if (there === undefined || there.from === "fallback")
    server.locations.set(key(type, path), { path, type, backend, ingress, from: "rule" });
  else if (backendName(there.backend) !== backendName(backend) || there.ingress === ingress)
    noteTwice(server.host, path, ingress.source, there, reader.report);
}

function key(type: Path["type"], path: string): string {
  return `${type} ${path}`;
}

function noteTwice(
  host: string,
  path: string,
  source: Source,
  { ingress, backend }: Location,
  report: Report,
): void {
  report.note({
    outcome: "invalid",
    ...source,
    subject: "spec.rules.http.paths.path",
    value: shown(path),
    text: `${host}${shown(path)} is ${backendName(backend)}'s already, by ${ingress.source.object}, which wins as in ingress-nginx; what is said here is left out.`,
  });
}

function noteUnusedFallback({ source, defaultBackend }: Ingress, report: Report): void {
  if (defaultBackend === undefined) return;
  report.note({
    outcome: "invalid",
    ...source,
    subject: "spec.defaultBackend",
    value: backendName(defaultBackend),
    text: "Of no effect, as in ingress-nginx: an older Ingress has these hosts, and the default backend of its rules is that one's.",
  });
}

/** extractTLSSecretName in controller.go, without the certificates, which are not here to be looked into. */
function addTls(server: Server, { tls, namespace }: Ingress): void {
  const wildcard = server.host.replace(/^[^.]+/, "*");
  const named = (host: string) => tls.find(({ hosts }) => hosts.includes(host));
  const found = named(server.host) ?? named(wildcard) ?? tls.find(({ hosts }) => hosts.length === 0);
  if (found === undefined) return;
  server.certain = true;
  if (found.secret !== "") server.tls = { namespace, name: found.secret };
}

/** Certificates that no host of a rule is served with. */
export function noteUnusedTls(ingresses: readonly Ingress[], servers: Servers, report: Report): void {
  const used = new Set([...servers.values()].map(({ tls }) => tls && `${tls.namespace}/${tls.name}`));
  for (const { tls, namespace, source } of ingresses) {
    for (const { secret } of tls) {
      if (secret !== "" && used.has(`${namespace}/${secret}`)) continue;
      const text =
        secret === ""
          ? "No Secret: ingress-nginx serves its own default certificate, which no file here names; it is left to you."
          : "No host of a rule is served with it here: it is another one's, another Ingress says its certificate, or the rule has no host.";
      report.note({ outcome: "untouched", ...source, subject: "spec.tls", value: secret, text });
    }
  }
}

/** Whether nginx takes all paths of this host for regular expressions: enforceRegexModifier in template.go. */
export function hasRegex({ locations }: Server): boolean {
  return [...locations.values()].some((location) => isOwnRegex(location));
}

function isOwnRegex({ ingress: { given }, path, from }: Location): boolean {
  if (from === "catch-all") return false;
  const { "use-regex": regex, "rewrite-target": target } = given.settings;
  return regex === true || (target !== undefined && target !== "" && target.trim() !== path);
}

export type Draft = Omit<Route, "backend" | "canary"> & { readonly location: Location };

/** The routes of a host, longest path first; of equal ones the exact one, then the one that sorts last. */
export function routesOf(server: Server, report: Report): Draft[] {
  const locations = [...server.locations.values()];
  const sorted = locations.sort((a, b) => b.path.length - a.path.length || compare(b.path, a.path));
  if (!hasRegex(server)) {
    const exactFirst = sorted.sort(
      (a, b) => b.path.length - a.path.length || compare(b.path, a.path) || compare(a.type, b.type),
    );
    return exactFirst.map((location) =>
      draft(location, location.path, location.type === "Exact" ? "exact" : "prefix"),
    );
  }
  const exact = new Set(locations.flatMap(({ type, path }) => (type === "Exact" ? [path] : [])));
  const seen = new Map<string, Location>();
  return sorted.flatMap((location): Draft[] => {
    // updateServerLocations in location.go: beside an exact path, a prefix is what is below it.
    const below = location.type === "Prefix" && !isOwnRegex(location) && exact.has(location.path);
    const path = below && !location.path.endsWith("/") ? `${location.path}/` : location.path;
    const there = seen.get(path);
    if (there !== undefined) {
      noteTwice(server.host, path, location.ingress.source, there, report);
      return [];
    }
    seen.set(path, location);
    if (isRegex(path)) return [draft(location, path, "regex")];
    report.note({
      outcome: "lost",
      ...location.ingress.source,
      subject: "spec.rules.http.paths.path",
      value: shown(path),
      text: `${server.host}: a regular expression that cannot be read; the path is left out.`,
    });
    return [];
  });
}

function draft(location: Location, path: string, match: Route["match"]): Draft {
  return { path, match, source: location.ingress.source, location };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Further hosts of a server, without those that another has: the end of createServers in controller.go. */
export function aliasesOf(servers: Servers, reader: Reader): Map<string, Server> {
  const found = new Map<string, Server>();
  for (const server of [...servers.values()].sort((a, b) => compare(a.host, b.host))) {
    const source = [...server.locations.values()].find(
      ({ ingress }) => ingress.given.settings["server-alias"] !== undefined,
    )?.ingress.source;
    for (const alias of server.aliases) {
      const host = alias.toLowerCase();
      const note = (outcome: "lost" | "different" | "invalid", text: string) =>
        source &&
        reader.report.note({ outcome, ...source, subject: "server-alias", value: shown(alias), text });
      if (host === server.host) continue;
      if (servers.has(host) || found.has(host)) {
        note(
          "invalid",
          "Another rule or alias has this host, and is the one that counts, as in ingress-nginx.",
        );
        continue;
      }
      if (!isHost(host)) {
        note(
          "lost",
          "Not a host but a pattern of nginx, which no other gateway has: write the hosts that it stands for.",
        );
        continue;
      }
      if (host.startsWith("*."))
        note(
          "different",
          "The * of an alias stands for any number of labels in nginx; that of the gateway's host may stand for one.",
        );
      reader.budget.spend(source?.file ?? "", server.locations.size);
      found.set(host, server);
    }
  }
  return found;
}

/** By name, `*` last. */
export function sortedHosts(hosts: readonly Host[]): Host[] {
  return [...hosts].sort(
    (a, b) => Number(a.name === "*") - Number(b.name === "*") || compare(a.name, b.name),
  );
}
