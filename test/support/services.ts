import { posix } from "node:path";
import { http1, type Answer } from "./client.ts";
import type { Envoy, EnvoyOptions } from "./envoy.ts";
import { cookieFor, key, newCookie, pinOf, startGateway } from "./gateway.ts";
import { Pod } from "./pod.ts";
import { cluster, connectionManager, httpFilter, virtualHost, type Json } from "./shape.ts";

interface ServiceOptions {
  /** Of its cluster, in its scope and at the end of its filters' names. */
  name: string;
  host: string;
  /** How its paths begin. */
  prefix: string;
  sessionName?: string;
  /** `cookie` of its filter's configuration. */
  cookie?: object;
  /** How many pods it has. Default 3. */
  pods?: number;
}

/** A service with pods of its own, behind a gateway that it shares with others. */
export class Service {
  readonly options: ServiceOptions;
  readonly pods: readonly Pod[];
  readonly binding: { scope: string; sessionName: string };

  private constructor(options: ServiceOptions, pods: readonly Pod[]) {
    this.options = options;
    this.pods = pods;
    const { name, sessionName = "affinity" } = options;
    this.binding = { scope: `default/${name}:80`, sessionName };
  }

  /** Starts its pods, named NAME-0, NAME-1 and so on. */
  static async start(options: ServiceOptions): Promise<Service> {
    const names = Array.from({ length: options.pods ?? 3 }, (_, index) => `${options.name}-${index}`);
    return new Service(options, await Promise.all(names.map((name) => Pod.start(name))));
  }

  /** The path that requests to it have here. */
  get path(): string {
    return posix.join(this.options.prefix, "page");
  }

  ask(port: number, cookie?: string): Promise<Answer> {
    const { host } = this.options;
    return http1(port, { host, path: this.path, ...(cookie === undefined ? {} : { cookie }) });
  }

  has(answer: Answer): boolean {
    return answer.status === 200 && this.pods.some(({ name }) => name === answer.body);
  }

  /** `NAME=VALUE` of this answer's only Set-Cookie, which has to pin to the pod of the service that answered. */
  newCookie(answer: Answer): string {
    const value = newCookie(answer, this.binding.sessionName);
    const endpoint = pinOf(value, key, this.binding);
    const pod = this.pods.find((one) => one.endpoint === endpoint);
    if (pod === undefined || pod.name !== answer.body)
      throw new Error(`${answer.body} answered; its new cookie names ${endpoint}`);
    return `${this.binding.sessionName}=${value}`;
  }

  /** A Cookie header that pins to this pod of the service. */
  cookieFor(pod: Pod): string {
    return cookieFor(pod, key, this.binding);
  }
}

/**
 * Starts the shipped gateway with these services instead of its own: each has a cluster, and a wasm filter with a
 * stateful_session behind it, all in one chain and the filters in one VM.
 */
export function startServices(services: readonly Service[], options: EnvoyOptions = {}): Promise<Envoy> {
  return startGateway([], {
    ...options,
    change: (config) => {
      const manager = connectionManager(config);
      const routed = virtualHost(config);
      const routers = manager.http_filters.slice(-1);
      manager.http_filters = [...services.flatMap((service) => filtersOf(config, service)), ...routers];
      const clusters = services.map((service) => clusterOf(config, service));
      config.static_resources.clusters = clusters;
      const hosts = [...new Set(services.map(({ options: { host } }) => host))];
      manager.route_config.virtual_hosts = hosts.map((host) => ({
        name: host,
        domains: [host, `${host}:*`],
        routes: services
          .filter((service) => service.options.host === host)
          .flatMap((service) => routesOf(routed, service)),
      }));
    },
  });
}

function filtersOf(config: Json, { options, binding }: Service): Json[] {
  const affinity = structuredClone(httpFilter(config, "affinity"));
  affinity.name = `affinity-${options.name}`;
  affinity.typed_config.config.name = options.name;
  affinity.typed_config.config.root_id = options.name;
  affinity.typed_config.config.configuration.value = JSON.stringify({
    ...binding,
    keys: [{ id: key.id, env: "AFFINITY_KEY" }],
    ...(options.cookie === undefined ? {} : { cookie: options.cookie }),
  });
  const session = structuredClone(httpFilter(config, "stateful_session"));
  session.name = `stateful_session-${options.name}`;
  return [affinity, session];
}

function clusterOf(config: Json, { options: { name }, pods }: Service): Json {
  const own = structuredClone(cluster(config));
  own.name = name;
  const lb_endpoints = pods.map(({ address, port }) => ({
    endpoint: { address: { socket_address: { address, port_value: port } } },
  }));
  own.load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints }] };
  return own;
}

/** The routes of this virtual host, for the paths of the service and with its filters. */
function routesOf(host: Json, { options: { name, prefix }, binding }: Service): Json[] {
  const on = host.typed_per_filter_config.affinity;
  return host.routes.map((shipped: Json) => {
    const { match, route } = structuredClone(shipped);
    delete match.prefix;
    const paths = prefix === "/" ? { prefix } : { path_separated_prefix: prefix };
    const hash_policy = [{ cookie: { name: binding.sessionName } }];
    return {
      match: { ...match, ...paths },
      route: { ...route, cluster: name, hash_policy },
      typed_per_filter_config: { [`affinity-${name}`]: on, [`stateful_session-${name}`]: on },
    };
  });
}
