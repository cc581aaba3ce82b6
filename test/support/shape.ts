/** Places in the gateway's configuration, for tests that change it. */

/** Any JSON; tests reach into a configuration whose form envoy/gateway.yaml defines. */
export type Json = any;

export function connectionManager(config: Json): Json {
  return config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
}

export function virtualHost(config: Json, name = "abc.sample.com"): Json {
  return connectionManager(config).route_config.virtual_hosts.find((host: Json) => host.name === name);
}

/** A filter of the HTTP chain by its name. */
export function httpFilter(config: Json, name: string): Json {
  return connectionManager(config).http_filters.find((filter: Json) => filter.name === name);
}

export function cluster(config: Json, name = "session-svc"): Json {
  return config.static_resources.clusters.find((one: Json) => one.name === name);
}

/** Takes the demo's page out of a gateway's configuration, which then has no use for its hosts' names. */
export function withoutPage(config: Json): void {
  const { virtual_hosts } = connectionManager(config).route_config;
  virtual_hosts.splice(virtual_hosts.indexOf(virtualHost(config, "page")), 1);
}
