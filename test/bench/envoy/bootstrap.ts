/** An Envoy's whole configuration around one chain. */
import { EXTENSIONS, type Chain } from "./chains.ts";

export interface Ports {
  admin: number;
  /** In front of one pod: what is measured. */
  one: number;
  /** In front of all pods: what shows that it pins. */
  all: number;
}

/** Where the pods are, and the service that holds streams open (HTTP/2). */
export interface Upstream {
  pods: readonly number[];
  hold: number;
}

/** The path of streams that stay open. */
export const HOLD_PATH = "/hold";

const UNLIMITED = 1_000_000;

/** An Envoy around one chain, as JSON: nothing but what the comparison needs, and the same for all chains. */
export function envoyConfig(chain: Chain, ports: Ports, upstream: Upstream): string {
  const [first] = upstream.pods;
  if (first === undefined) throw new Error("no pods to send requests to");
  const HOUR = "3600s";
  const watchdog = { miss_timeout: HOUR, megamiss_timeout: HOUR };
  return JSON.stringify({
    admin: { address: address(ports.admin) },
    // Nothing of its own accord while another Envoy is measured, nor at once when it is woken up.
    stats_flush_interval: "240s",
    watchdogs: { main_thread_watchdog: watchdog, worker_watchdog: watchdog },
    static_resources: {
      listeners: [listener("one", ports.one, chain), listener("all", ports.all, chain)],
      clusters: [
        { ...cluster("one", [first]), ...chain.cluster },
        { ...cluster("all", upstream.pods), ...chain.cluster },
        { ...cluster("hold", [upstream.hold]), typed_extension_protocol_options: http2() },
      ],
    },
  });
}

function listener(name: string, port: number, chain: Chain): object {
  const router = {
    name: "envoy.filters.http.router",
    typed_config: { "@type": `${EXTENSIONS}filters.http.router.v3.Router` },
  };
  const manager = {
    "@type": `${EXTENSIONS}filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    stream_idle_timeout: "0s",
    http_filters: [...chain.filters, router],
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          response_headers_to_add: chain.responseHeaders ?? [],
          routes: [
            { match: { path: HOLD_PATH }, route: { cluster: "hold", timeout: "0s" } },
            { match: { prefix: "/" }, route: { cluster: name, timeout: "0s", ...chain.route } },
          ],
        },
      ],
    },
  };
  const filter = { name: "envoy.filters.network.http_connection_manager", typed_config: manager };
  return { name, address: address(port), filter_chains: [{ filters: [filter] }] };
}

function cluster(name: string, ports: readonly number[]): object {
  const endpoints = ports.map((port) => ({ endpoint: { address: address(port) } }));
  return {
    name,
    type: "STATIC",
    connect_timeout: "5s",
    lb_policy: "RANDOM",
    circuit_breakers: {
      thresholds: [{ max_connections: UNLIMITED, max_pending_requests: UNLIMITED, max_requests: UNLIMITED }],
    },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
  };
}

function http2(): object {
  return {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${EXTENSIONS}upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
