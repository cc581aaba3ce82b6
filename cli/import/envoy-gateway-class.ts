/** What is there before any route: the class of gateways, how its Envoys are set up, and the Gateway with its listeners. */
import type { EmitOptions, Manifest, Report } from "./emit.ts";
import { grants } from "./envoy-gateway-grants.ts";
import { GATEWAY, HTTP_LISTENER, KEY_SECRET, NAMESPACE } from "./envoy-gateway-names.ts";
import type { Host } from "./model.ts";
import { nameOfHost } from "./names.ts";

const FILE = "gateway.yaml";
const GROUP = "gateway.networking.k8s.io";

export function gatewayClass({ keyEnv }: EmitOptions, affinity: boolean): Manifest[] {
  const key = {
    name: keyEnv,
    valueFrom: { secretKeyRef: { name: KEY_SECRET.name, key: KEY_SECRET.key } },
  };
  return [
    {
      file: FILE,
      why: [
        `Needs Envoy Gateway 1.9 in ${NAMESPACE}, and Gateway API's experimental channel, which Envoy Gateway's charts install:`,
        `in the standard one HTTPRoutes have no sessionPersistence, and what is written of it would be dropped in silence.`,
      ].join("\n"),
      document: {
        apiVersion: `${GROUP}/v1`,
        kind: "GatewayClass",
        metadata: { name: GATEWAY },
        spec: {
          controllerName: "gateway.envoyproxy.io/gatewayclass-controller",
          parametersRef: {
            group: "gateway.envoyproxy.io",
            kind: "EnvoyProxy",
            name: GATEWAY,
            namespace: NAMESPACE,
          },
        },
      },
    },
    {
      file: FILE,
      why: [
        `How the class's Envoys are set up. Paths are tried in the order in which ingress-nginx tries them. Routes lead to pods, not to`,
        `a Service's address.`,
        ...(affinity
          ? [
              `stateful_session comes behind the filter; by itself it would stand in front, and find no header. The key is in a Secret, here`,
              `by its name alone. Make it once, the same for all gateways, before the rest:`,
              `kubectl create secret generic ${KEY_SECRET.name} -n ${NAMESPACE} --from-literal=${KEY_SECRET.key}="$(openssl rand -base64 32)"`,
            ]
          : []),
      ].join("\n"),
      document: {
        apiVersion: "gateway.envoyproxy.io/v1alpha1",
        kind: "EnvoyProxy",
        metadata: { name: GATEWAY, namespace: NAMESPACE },
        spec: {
          routingType: "Endpoint",
          preserveRouteOrder: true,
          ...(affinity && {
            filterOrder: [{ name: "envoy.filters.http.stateful_session", after: "envoy.filters.http.wasm" }],
            provider: {
              type: "Kubernetes",
              kubernetes: { envoyDeployment: { container: { env: [key] } } },
            },
          }),
        },
      },
    },
  ];
}

// Of Gateway API, for a Gateway; one is for http.
const MOST_SECURE = 63;

/** The name of each host's listener for https, for as many as a Gateway has room for. */
export function listenersOf(hosts: readonly Host[], report: Report): Map<Host, string> {
  const taken = new Set<string>();
  const listeners = new Map<Host, string>();
  for (const host of hosts) {
    if (host.tls === undefined) continue;
    if (listeners.size === MOST_SECURE) {
      noteTls(host, "lost", `has no https: a Gateway has room for ${MOST_SECURE} hosts of it`, report);
      continue;
    }
    const name = nameOfHost(host.name, taken);
    taken.add(name);
    listeners.set(host, `https-${name}`);
    noteTls(
      host,
      "different",
      "plain http is served beside https, where ingress-nginx redirects unless ssl-redirect is false (a rule with RequestRedirect does)",
      report,
    );
  }
  return listeners;
}

export function gateway(listeners: ReadonlyMap<Host, string>): Manifest[] {
  const allowedRoutes = { namespaces: { from: "All" } };
  const secure = [...listeners].flatMap(([host, name]) =>
    host.tls === undefined ? [] : [{ name, host: host.name, secret: host.tls }],
  );
  const references = secure.flatMap(({ secret }) =>
    secret.namespace === NAMESPACE
      ? []
      : [
          {
            from: { group: GROUP, kind: "Gateway", namespace: NAMESPACE },
            to: { kind: "Secret" as const, ...secret },
          },
        ],
  );
  return [
    {
      file: FILE,
      why: "One listener for http, which serves all hosts, and one for each host with https.",
      document: {
        apiVersion: `${GROUP}/v1`,
        kind: "Gateway",
        metadata: { name: GATEWAY, namespace: NAMESPACE },
        spec: {
          gatewayClassName: GATEWAY,
          listeners: [
            { name: HTTP_LISTENER, protocol: "HTTP", port: 80, allowedRoutes },
            ...secure.map(({ name, host, secret }) => ({
              name,
              protocol: "HTTPS",
              port: 443,
              ...(host !== "*" && { hostname: host }),
              tls: {
                mode: "Terminate",
                certificateRefs: [
                  {
                    name: secret.name,
                    ...(secret.namespace !== NAMESPACE && { namespace: secret.namespace }),
                  },
                ],
              },
              allowedRoutes,
            })),
          ],
        },
      },
    },
    ...grants(references, FILE),
  ];
}

function noteTls(
  { name, tls, routes }: Host,
  outcome: "different" | "lost",
  text: string,
  report: Report,
): void {
  const [route] = routes;
  if (route === undefined || tls === undefined) return;
  const value = `${tls.namespace}/${tls.name}`;
  report.note({ outcome, ...route.source, subject: "spec.tls", value, text: `${name}: ${text}.` });
}
