/** The listener: locks, filters, and where requests go. */
import type { EmitOptions } from "./emit.ts";
import { earlyRemoval, sessionByHeader } from "./envoy-filters.ts";
import { virtualHosts } from "./envoy-hosts.ts";
import { typeUrl } from "./envoy-names.ts";
import { configurationOf, type Policy } from "./envoy-policies.ts";
import { SESSION_FILTER, type Context } from "./envoy-routes.ts";
import type { Host } from "./model.ts";
import { CLUSTER_HEADER, HOST_HEADER } from "./policy.ts";

/** The one listener, for plain HTTP. */
export function listener(hosts: readonly Host[], context: Context, options: EmitOptions): object {
  const policies = [...context.policies.values()];
  const { explain } = context;
  return {
    name: "http",
    address: { socket_address: { address: "0.0.0.0", port_value: options.port } },
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: explain(
              {
                "@type": typeUrl(
                  "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                ),
                stat_prefix: "gateway",
                use_remote_address: true,
                stream_idle_timeout: "300s",
                normalize_path: true,
                upgrade_configs: [{ upgrade_type: "websocket" }],
                ...(policies.length > 0 && { early_header_mutation_extensions: [earlyRemoval()] }),
                http_filters: [...affinityFilters(policies, context, options), router()],
                route_config: routeConfiguration(hosts, policies, context),
              },
              {
                use_remote_address:
                  "Edge: x-forwarded-proto comes from the connection, not from the client. `secure: auto` reads it.\nBehind a load balancer that ends TLS, say how many such hops to trust: xff_num_trusted_hops: 1.",
                stream_idle_timeout:
                  "WebSockets and streams that are silent for so long end, and requests that a pod never answers.",
                early_header_mutation_extensions:
                  "First lock: no address that a client names gets past here, whatever filters a route has.",
                http_filters:
                  policies.length === 0
                    ? undefined
                    : `Second lock: the filter replaces or removes ${HOST_HEADER} on every request. Both filters are\noff here and go on together per route, or the header would leak where only one is on.`,
              },
            ),
          },
        ],
      },
    ],
  };
}

/** One for each policy: a route says which, so that no request has to be asked for its service. */
function affinityFilters(policies: readonly Policy[], { explain }: Context, options: EmitOptions): object[] {
  const filters: object[] = policies.map((policy) => {
    const { cluster } = policy.versions.primary;
    return {
      name: policy.filter,
      disabled: true,
      typed_config: {
        "@type": typeUrl("extensions.filters.http.wasm.v3.Wasm"),
        config: explain(
          {
            name: cluster,
            root_id: cluster,
            failure_policy: "FAIL_RELOAD",
            vm_config: {
              vm_id: "affinity",
              runtime: "envoy.wasm.runtime.v8",
              code: { local: { filename: options.wasm } },
              environment_variables: { host_env_keys: [options.keyEnv] },
            },
            configuration: {
              "@type": "type.googleapis.com/google.protobuf.StringValue",
              value: `${JSON.stringify(configurationOf(policy, options), null, 2)}\n`,
            },
          },
          {
            failure_policy:
              "After a trap: 503 for about a second, then a new VM. Never a route without its affinity.",
          },
        ),
      },
    };
  });
  if (policies.some(({ balanced }) => !balanced))
    filters.push({
      name: SESSION_FILTER,
      disabled: true,
      typed_config: sessionByHeader(),
    });
  return filters;
}

function router(): object {
  return {
    name: "envoy.filters.http.router",
    typed_config: { "@type": typeUrl("extensions.filters.http.router.v3.Router") },
  };
}

function routeConfiguration(hosts: readonly Host[], policies: readonly Policy[], context: Context): object {
  const hidden = [
    HOST_HEADER,
    ...(policies.some(({ tellsCluster }) => tellsCluster) ? [CLUSTER_HEADER] : []),
  ];
  return context.explain(
    {
      name: "gateway",
      ignore_port_in_host_matching: true,
      ...(policies.length > 0 && {
        request_headers_to_remove: hidden,
        response_headers_to_remove: [HOST_HEADER],
      }),
      virtual_hosts: virtualHosts(hosts, context),
    },
    {
      ignore_port_in_host_matching: "As nginx: a Host of any port.",
      request_headers_to_remove:
        "The pod sees no pinning header; and what a pod answers under that name is not Envoy's word.",
    },
  );
}
