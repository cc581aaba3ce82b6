/** From files to the model: reads what there is, and puts it together as ingress-nginx does. */
import { printable } from "../commands/text.ts";
import { Unusable } from "../commands/types.ts";
import { affinitiesOf, claimsOf, type Affinities } from "./affinities.ts";
import { canariesOf, shareOf, type Canaries } from "./canaries.ts";
import type { Input } from "./documents.ts";
import type { Note, Report } from "./emit.ts";
import { Budget, type Reader } from "./fields.ts";
import type { Ingress, Reference } from "./ingress-object.ts";
import { judgeCanary, judgePrimary } from "./judge.ts";
import { aliasesOf, noteUnusedTls, routesOf, serversOf, sortedHosts, type Draft } from "./locations.ts";
import type { Backend, Canary, Host, Model, Route } from "./model.ts";
import { objectsOf } from "./objects.ts";
import { backendName, backendOf, type Cluster } from "./services.ts";
import { noteSettings } from "./settings.ts";

export type { Input } from "./documents.ts";

/**
 * What ingress-nginx makes of these files.
 * @param endpointInputs files with EndpointSlices; those of `inputs` count, too
 * @throws Unusable when nothing in them can be used
 */
export function readModel(
  inputs: readonly Input[],
  endpointInputs: readonly Input[] | undefined,
  report: Report,
): Model {
  let firstLost: Note | undefined;
  const reader: Reader = {
    budget: new Budget(),
    report: {
      note(note) {
        if (note.outcome === "lost") firstLost ??= note;
        report.note(note);
      },
    },
  };
  const { ingresses, cluster } = objectsOf(inputs, endpointInputs ?? [], reader);
  const model = modelOf(ingresses, cluster, reader);
  if (model.hosts.length > 0) return model;
  const files = inputs.map(({ file }) => printable(file)).join(", ");
  const why =
    firstLost === undefined
      ? "give Ingresses of networking.k8s.io/v1, such as `kubectl get ingress,svc -A -o yaml` writes them"
      : `${printable(firstLost.file)}: ${firstLost.object}: ${firstLost.text.replace(/\.$/, "")}`;
  throw new Unusable(`${files}: no Ingress of ingress-nginx with a path to a Service; ${why}`);
}

function modelOf(ingresses: readonly Ingress[], cluster: Cluster, reader: Reader): Model {
  const isCanary = ({ given }: Ingress): boolean => given.settings.canary === true;
  const primaries = ingresses.filter((ingress) => !isCanary(ingress));
  const servers = serversOf(primaries, reader);
  noteUnusedTls(primaries, servers, reader.report);
  const canaries = canariesOf(ingresses.filter(isCanary), servers, reader);
  const claims = claimsOf(primaries);
  const drafts = new Map([...servers.values()].map((server) => [server, routesOf(server, reader.report)]));
  const aliases = aliasesOf(servers, reader);
  const hosts = [...[...servers].map(([, server]) => [server.host, server] as const), ...aliases].map(
    ([host, server]) => ({ host, server: server.host, routes: drafts.get(server) ?? [], tls: server.tls }),
  );
  const affinities = affinitiesOf(hosts, claims, reader.report);
  const backends = new Backends(ingresses, cluster, affinities);
  const model = {
    hosts: sortedHosts(
      hosts.flatMap(({ host, routes, tls }): Host[] => {
        reader.budget.spend("", routes.length);
        const made = routes.map((draft) => routeOf(draft, canaries, backends));
        return made.length === 0 ? [] : [{ name: host, routes: made, ...(tls && { tls }) }];
      }),
    ),
    backends: backends.all(),
  };
  for (const ingress of ingresses) {
    const judge = isCanary(ingress)
      ? judgeCanary(ingress, canaries)
      : judgePrimary(ingress, claims, affinities);
    noteSettings(ingress.given, ingress.source, judge, reader.report);
  }
  return model;
}

function routeOf({ location, ...route }: Draft, canaries: Canaries, backends: Backends): Route {
  const alternative = canaries.of.get(backendName(location.backend));
  const canary: Canary | undefined = alternative && {
    backend: backends.get(alternative.backend),
    ...shareOf(alternative.policy).share,
    sticky: alternative.ingress.given.settings["affinity-canary-behavior"] !== "legacy",
  };
  return { ...route, backend: backends.get(location.backend), ...(canary && { canary }) };
}

/** The backends of a model, each made once. */
class Backends {
  private readonly made = new Map<string, Backend>();
  /** Those that ingress-nginx reached by the Service's address, as the oldest Ingress that names them says. */
  private readonly unpinned = new Map<string, boolean>();

  private readonly cluster: Cluster;
  private readonly affinities: Affinities;

  constructor(ingresses: readonly Ingress[], cluster: Cluster, affinities: Affinities) {
    this.cluster = cluster;
    this.affinities = affinities;
    for (const { rules, given } of ingresses) {
      for (const { paths } of rules) {
        for (const { backend } of paths) {
          const name = backendName(backend);
          if (!this.unpinned.has(name)) this.unpinned.set(name, given.settings["service-upstream"] === true);
        }
      }
    }
  }

  get(reference: Reference): Backend {
    const name = backendName(reference);
    const made = this.made.get(name) ?? this.make(reference, name);
    this.made.set(name, made);
    return made;
  }

  all(): Backend[] {
    return [...this.made.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private make(reference: Reference, name: string): Backend {
    const affinity = this.affinities.of.get(name);
    const backend = backendOf(reference, this.cluster, this.unpinned.get(name) !== true);
    return { ...backend, ...(affinity && { affinity }) };
  }
}
