/** From the model to one complete bootstrap configuration for Envoy. */
import type { EmitOptions, Manifest, Report } from "./emit.ts";
import { clusterOf } from "./envoy-clusters.ts";
import { explainingOnce } from "./envoy-explain.ts";
import { listener } from "./envoy-listener.ts";
import { clusterNames } from "./envoy-names.ts";
import { noteDifferences, writable } from "./envoy-notes.ts";
import { policiesOf, policyOfBackends } from "./envoy-policies.ts";
import type { Backend, Host, Model } from "./model.ts";

/** One file; none when no host is left that can be written. */
export function toEnvoy(model: Model, options: EmitOptions, report: Report): Manifest[] {
  const hosts = model.hosts.flatMap((host) => writable(host, report));
  if (hosts.length === 0) return [];
  const backends = backendsOf(hosts);
  const clusters = clusterNames(backends);
  const policies = policiesOf({ hosts, backends }, clusters, options);
  noteDifferences(hosts, backends, policies, report);
  const explain = explainingOnce();
  const pinned = policyOfBackends(policies);
  const document = {
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: 9901 } } },
    ...(policies.size > 0 && {
      stats_config: {
        stats_tags: [
          explain(
            { tag_name: "affinity_scope", regex: "^wasmcustom\\.affinity\\.(([^.]+)\\.)" },
            { "": 'affinity.SCOPE.EVENT -> affinity_EVENT{affinity_scope="SCOPE"} in Prometheus.' },
          ),
        ],
      },
    }),
    static_resources: {
      listeners: [listener(hosts, { clusters, policies, explain }, options)],
      clusters: backends.map((backend) =>
        clusterOf(
          backend,
          clusters.get(backend.name) ?? backend.name,
          pinned.get(backend.name),
          options,
          explain,
        ),
      ),
    },
  };
  return [{ file: "envoy.yaml", why: why(policies.size > 0, options), document }];
}

function why(pins: boolean, { port, wasm, keyEnv }: EmitOptions): string {
  const lines = [`A gateway on port ${port}: envoy -c envoy.yaml`];
  if (pins)
    lines.push(
      "",
      "  client --cookie--> [ wasm affinity ] --x-affinity-host--> [ stateful_session ] --> [ router ] --> pod",
      "",
      `It needs the filter at ${wasm}, and in its environment the key: ${keyEnv}="$(openssl rand -base64 32)",`,
      "the same at every gateway that serves these hosts, or its clients begin anew.",
    );
  return lines.join("\n");
}

/** All that a route leads to, by name. */
function backendsOf(hosts: readonly Host[]): Backend[] {
  const found = new Map<string, Backend>();
  for (const { backend, canary } of hosts.flatMap((host) => host.routes))
    for (const each of canary ? [backend, canary.backend] : [backend]) found.set(each.name, each);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
