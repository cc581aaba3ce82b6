/** Which backends keep their clients, and how: what several Ingresses say of one backend, put together. */
import { shown } from "../commands/text.ts";
import type { Name } from "./annotations.ts";
import { cookieOf, type Changes } from "./cookie.ts";
import type { Report } from "./emit.ts";
import type { Ingress } from "./ingress-object.ts";
import type { Draft, Location } from "./locations.ts";
import type { Affinity } from "./model.ts";
import { BALANCED_BY_DEFAULT } from "./annotations.ts";
import { backendName } from "./services.ts";
import { sentence } from "./settings.ts";

/** What Ingresses say of a backend. */
export interface Claims {
  /** The Ingress whose mode counts, the first that has one. */
  mode?: Ingress;
  /** The Ingress whose cookie counts, the last; undefined without affinity. */
  cookie?: Ingress;
  /** Where ingress-nginx sets the cookie, by host and path. */
  readonly places: Set<string>;
}

/** By the name of the backend, of all paths of rules: getBackendServers in controller.go. */
export function claimsOf(ingresses: readonly Ingress[]): Map<string, Claims> {
  const all = new Map<string, Claims>();
  for (const ingress of ingresses) {
    const { affinity, "affinity-mode": mode } = ingress.given.settings;
    for (const { host, paths } of ingress.rules) {
      for (const { path, omitted, backend } of paths) {
        const name = backendName(backend);
        const claims: Claims = all.get(name) ?? { places: new Set() };
        all.set(name, claims);
        if (mode !== undefined) claims.mode ??= ingress;
        if (affinity === undefined) continue;
        claims.cookie = ingress;
        if (!omitted) claims.places.add(placeOf(host, path));
      }
    }
  }
  return all;
}

function placeOf(host: string, path: string): string {
  return `${host} ${path}`;
}

/** The routes of one host. */
export interface HostRoutes {
  readonly host: string;
  /** The host that a rule names; another one for an alias. */
  readonly server: string;
  readonly routes: readonly Draft[];
}

export interface Affinities {
  /** By the name of the backend. */
  readonly of: ReadonlyMap<string, Affinity>;
  /** What becomes of the annotations of the Ingress whose cookie counts. */
  readonly changes: ReadonlyMap<Ingress, Changes>;
}

/** The affinity of each backend that a route leads to and an Ingress asks it for. */
export function affinitiesOf(
  hosts: readonly HostRoutes[],
  claims: ReadonlyMap<string, Claims>,
  report: Report,
): Affinities {
  const of = new Map<string, Affinity>();
  const changes = new Map<Ingress, Changes>();
  const places = placesOf(hosts);
  for (const [name, { cookie: ingress, mode, places: sets }] of claims) {
    const led = places.get(name);
    if (ingress === undefined || led === undefined) continue;
    const matched = led.filter(
      ({ server, draft }) => draft.location.from === "rule" && sets.has(placeOf(server, draft.location.path)),
    );
    const paths = [...new Set(matched.map(({ draft }) => draft.location.path))];
    const { settings } = ingress.given;
    const made = cookieOf(settings, paths.length === 0 ? ["/"] : paths);
    changes.set(ingress, new Map([...(changes.get(ingress) ?? []), ...made.changes]));
    of.set(name, {
      mode: mode?.given.settings["affinity-mode"] ?? "balanced",
      cookie: made.cookie,
      changeOnFailure: settings["session-cookie-change-on-failure"] ?? true,
      source: ingress.source,
    });
    if (made.pathChange !== undefined)
      noteDefault(ingress, "session-cookie-path", `${name}: ${made.pathChange}`, report);
    noteSetters(name, led, new Set(matched), report);
  }
  noteDefaults(of, claims, report);
  return { of: withSuffixes(of, places, report), changes };
}

interface Led {
  readonly host: string;
  readonly server: string;
  readonly draft: Draft;
}

function placesOf(hosts: readonly HostRoutes[]): Map<string, Led[]> {
  const places = new Map<string, Led[]>();
  for (const { host, server, routes } of hosts) {
    for (const draft of routes) {
      const name = backendName(draft.location.backend);
      const led = places.get(name);
      if (led === undefined) places.set(name, [{ host, server, draft }]);
      else led.push({ host, server, draft });
    }
  }
  return places;
}

/** should_set_cookie in sticky.lua: at other paths the cookie is heeded and never set. */
function noteSetters(name: string, led: readonly Led[], matched: ReadonlySet<Led>, report: Report): void {
  const told = new Set<Ingress>();
  for (const each of led) {
    const { location, source, path } = each.draft;
    if (matched.has(each) || told.has(location.ingress)) continue;
    told.add(location.ingress);
    report.note({
      outcome: "different",
      ...source,
      subject: "affinity",
      value: "",
      text: `${each.host}${shown(path)} leads to ${name} ${whyUnset(location)}: ingress-nginx heeds the cookie there but never sets it; now it is set there, too.`,
    });
  }
}

function whyUnset({ from, ingress }: Location): string {
  if (ingress.given.settings.affinity === undefined) return "without affinity";
  return from === "rule" ? "from a rule that leaves the path out" : "as a default backend";
}

/** What holds because nothing is said, and is another thing now. */
function noteDefaults(
  of: ReadonlyMap<string, Affinity>,
  claims: ReadonlyMap<string, Claims>,
  report: Report,
): void {
  const told = new Set<string>();
  const once = (ingress: Ingress, name: Name, text: string): void => {
    const key = `${name} ${ingress.source.file} ${ingress.source.object}`;
    if (!told.has(key)) noteDefault(ingress, name, text, report);
    told.add(key);
  };
  for (const [name, { mode, cookie }] of claims) {
    if (cookie === undefined || !of.has(name)) continue;
    if (mode === undefined) once(cookie, "affinity-mode", BALANCED_BY_DEFAULT);
    if (cookie.given.settings["session-cookie-change-on-failure"] === undefined)
      once(cookie, "session-cookie-change-on-failure", LEFT_AT_ONCE);
  }
}

const LEFT_AT_ONCE =
  'a pod that refuses connections is left at once by a retry, where ingress-nginx would have answered 502 and kept the cookie; write "false" for the old rule';

function noteDefault({ source }: Ingress, subject: Name, text: string, report: Report): void {
  report.note({ outcome: "different", ...source, subject, value: "", text: sentence(text) });
}

/**
 * Backends whose cookies have one name, path and host would overwrite each other's tokens, where ingress-nginx's cookie
 * in mode balanced serves them all: each gets a name of its own.
 */
function withSuffixes(
  of: ReadonlyMap<string, Affinity>,
  places: ReadonlyMap<string, readonly Led[]>,
  report: Report,
): Map<string, Affinity> {
  const jars = new Map<string, Set<string>>();
  for (const [name, { cookie }] of of) {
    const hosts =
      cookie.domain === undefined ? (places.get(name) ?? []).map(({ host }) => host) : [`.${cookie.domain}`];
    for (const host of new Set(hosts)) {
      const jar = `${host} ${cookie.path} ${cookie.name}`;
      jars.set(jar, (jars.get(jar) ?? new Set()).add(name));
    }
  }
  const crowded = new Set([...jars.values()].filter((each) => each.size > 1).flatMap((each) => [...each]));
  return new Map(
    [...of].map(([name, affinity]) => {
      if (!crowded.has(name)) return [name, affinity];
      report.note({
        outcome: "different",
        ...affinity.source,
        subject: "session-cookie-name",
        value: affinity.cookie.name,
        text: `${name} shares its cookie's name, path and host with another backend, and each needs a cookie of its own now: its new cookie ends with -${name}.`,
      });
      return [name, { ...affinity, cookie: { ...affinity.cookie, suffix: name } }];
    }),
  );
}
