/** The clusters: where the pods of a backend are, and how one is chosen. */
import type { EmitOptions } from "./emit.ts";
import type { Explain } from "./envoy-explain.ts";
import { dnsPort, typeUrl } from "./envoy-names.ts";
import type { Policy } from "./envoy-policies.ts";
import type { Backend } from "./model.ts";

/** The cluster of a backend, whose port or endpoints are known; `policy` if its pods keep their clients. */
export function clusterOf(
  backend: Backend,
  name: string,
  policy: Policy | undefined,
  options: EmitOptions,
  explain: Explain,
): object {
  return explain(
    {
      name,
      ...discovery(backend),
      connect_timeout: "2s",
      ...(policy && upstreamProtocol(explain)),
      ...(policy ? { lb_policy: "MAGLEV" } : { lb_policy: "ROUND_ROBIN" }),
      ...(policy?.balanced && { maglev_lb_config: largeTable(explain) }),
      common_lb_config: explain(
        {
          ...(policy && !policy.balanced && { override_host_status: { statuses: statuses(policy) } }),
          healthy_panic_threshold: { value: 0 },
        },
        {
          override_host_status: policy?.keepsFailed
            ? `${backend.name}: session-cookie-change-on-failure is "false": a pod keeps its clients until it leaves the list, in whatever state.`
            : "A draining pod keeps its clients and gets no new ones.",
          healthy_panic_threshold:
            "Envoy counts draining as unhealthy; its default of 50 would bring them all back as targets.",
        },
      ),
      circuit_breakers: {
        thresholds: [
          explain(
            {
              max_connections: 100000,
              max_pending_requests: 100000,
              max_requests: 100000,
              max_retries: 1024,
            },
            {
              "": "Room for every client of a dead pod to be served by another at once; Envoy's default is 3. (A WebSocket is a connection.)",
            },
          ),
        ],
      },
      outlier_detection: outliers(explain),
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints(backend, options) }] },
    },
    {
      type: "The pods of the EndpointSlices as they were when this was written. Where pods come and go, write it again, or follow\nthem by the headless Service's DNS name (written without --endpoints) or by EDS.",
      cluster_type: "Each address that the name resolves to is a pod; in Kubernetes, a headless Service.",
      connect_timeout:
        "Longer than the second after which a lost SYN is sent again: one lost packet moves nobody off a pod that lives.",
    },
  );
}

function discovery({ endpoints }: Backend): { type?: string; cluster_type?: object } {
  if (endpoints !== undefined) return { type: "STATIC" };
  return {
    cluster_type: {
      name: "envoy.cluster.dns",
      typed_config: {
        "@type": typeUrl("extensions.clusters.dns.v3.DnsCluster"),
        dns_lookup_family: "V4_PREFERRED",
        dns_refresh_rate: "1s",
      },
    },
  };
}

function upstreamProtocol(explain: Explain): object {
  return {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": explain(
        {
          "@type": typeUrl("extensions.upstreams.http.v3.HttpProtocolOptions"),
          explicit_http_config: { http_protocol_options: {} },
          common_http_protocol_options: { idle_timeout: "4s" },
        },
        {
          common_http_protocol_options:
            "Less than the pods keep an idle connection (Node and Apache: 5 s). A request that meets its closing would\nbe sent again, to another pod, and the client would lose its session for nothing.",
        },
      ),
    },
  };
}

function statuses({ keepsFailed }: Policy): string[] {
  const kept = ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"];
  // A pod that refused connections is ejected, which is UNHEALTHY.
  return keepsFailed ? [...kept, "UNHEALTHY", "TIMEOUT"] : kept;
}

function largeTable(explain: Explain): object {
  return explain(
    { table_size: 655373 },
    {
      table_size:
        "A prime, ten times the default: fewer sessions move between pods that stay. (A ring hash moves more of them:\nwhen a pod joins, Envoy gives all others fewer points.)",
    },
  );
}

function outliers(explain: Explain): object {
  return explain(
    {
      split_external_local_origin_errors: true,
      enforcing_consecutive_5xx: 0,
      enforcing_consecutive_gateway_failure: 0,
      enforcing_success_rate: 0,
      enforcing_local_origin_success_rate: 0,
      enforcing_consecutive_local_origin_failure: 0,
      enforcing_failure_percentage_local_origin: 100,
      failure_percentage_threshold: 85,
      failure_percentage_minimum_hosts: 1,
      failure_percentage_request_volume: 3,
      interval: "5s",
      base_ejection_time: "10s",
      max_ejection_percent: 50,
    },
    {
      split_external_local_origin_errors:
        "Only what Envoy itself sees of the connection counts: a pod that answers 500 keeps its clients.",
      enforcing_consecutive_local_origin_failure:
        "A ruling at intervals, not after so many failures in a row: to take the pod out of the table amid a burst\nof requests with its cookies would send its first and its last ones to different pods.",
    },
  );
}

function endpoints(backend: Backend, { serviceDns }: EmitOptions): object[] {
  const { service, namespace } = backend;
  const addresses = backend.endpoints?.map(addressOf) ?? [
    {
      address: serviceDns.replaceAll("{service}", service).replaceAll("{namespace}", namespace),
      port_value: dnsPort(backend),
    },
  ];
  return addresses.map((socket_address) => ({ endpoint: { address: { socket_address } } }));
}

/** Of `10.0.0.1:9080` or `[fd00::1]:9080`. */
function addressOf(endpoint: string): object {
  const colon = endpoint.lastIndexOf(":");
  const address = endpoint.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { address, port_value: Number(endpoint.slice(colon + 1)) };
}
