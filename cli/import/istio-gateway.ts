/** The Gateway: which hosts the ingress gateway serves, on which ports, with which certificates. */
import type { Manifest, Report } from "./emit.ts";
import { GATEWAY, NAMESPACE, SELECTOR } from "./istio-names.ts";
import type { Host, SecretName } from "./model.ts";

/** The Gateway of all these hosts, of which there is at least one. */
export function gateway(hosts: readonly Host[], report: Report): Manifest {
  const servers: object[] = [
    {
      port: { number: 80, name: "http", protocol: "HTTP" },
      hosts: coveringAll(hosts.map(({ name }) => name)),
    },
  ];
  const copies: string[] = [];
  for (const [name, { secret, hosts: served }] of bySecret(hosts)) {
    servers.push({
      port: { number: 443, name: `https-${servers.length}`, protocol: "HTTPS" },
      tls: { mode: "SIMPLE", credentialName: name },
      hosts: coveringAll(served.map((host) => host.name)),
    });
    if (secret.namespace !== NAMESPACE) copies.push(`Secret ${secret.namespace}/${secret.name} as ${name}`);
    for (const host of served) noteTls(host, secret, name, report);
  }
  const why = [
    `The hosts. The selector and the namespace are those of an ingress gateway that Helm's chart istio/gateway made as release`,
    `istio-ingressgateway in ${NAMESPACE}; change both, here and in all that follows, if yours has others.`,
    ...(copies.length > 0
      ? [`Istio reads certificates in the gateway's namespace alone. Copy there: ${copies.join(", ")}.`]
      : []),
  ];
  return {
    file: "gateway.yaml",
    why: why.join("\n"),
    document: {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: GATEWAY, namespace: NAMESPACE },
      spec: { selector: SELECTOR, servers },
    },
  };
}

/** Istio's name of a Secret that an Ingress names: with its namespace, unless it is the gateway's, as two may share a name. */
function credential({ namespace, name }: SecretName): string {
  return namespace === NAMESPACE ? name : `${namespace}.${name}`;
}

interface Served {
  readonly secret: SecretName;
  readonly hosts: Host[];
}

function bySecret(hosts: readonly Host[]): Map<string, Served> {
  const found = new Map<string, Served>();
  for (const host of hosts) {
    if (host.tls === undefined) continue;
    const name = credential(host.tls);
    const served = found.get(name) ?? { secret: host.tls, hosts: [] };
    served.hosts.push(host);
    found.set(name, served);
  }
  return found;
}

function coveringAll(names: readonly string[]): readonly string[] {
  return names.includes("*") ? ["*"] : names;
}

function noteTls(host: Host, { namespace, name }: SecretName, copy: string, report: Report): void {
  const [route] = host.routes;
  if (route === undefined) return;
  const there =
    namespace === NAMESPACE ? "" : `copy it to ${NAMESPACE}/${copy}, where Istio looks for it; and `;
  report.note({
    outcome: "different",
    ...route.source,
    subject: "spec.tls",
    value: `${namespace}/${name}`,
    text: `${host.name}: ${there}plain http is served beside https, where ingress-nginx redirects unless ssl-redirect is false (tls.httpsRedirect of the Gateway's server does).`,
  });
}
