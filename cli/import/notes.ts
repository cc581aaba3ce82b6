/** Notes that are the same for several targets. */
import type { EmitOptions, Report } from "./emit.ts";
import type { Affinity, Backend, Host, Model } from "./model.ts";

/** For gateways that retry alike for clients with a pod and for newcomers: where ingress-nginx does not. */
export function noteRetries(backends: readonly Backend[], gateway: string, report: Report): void {
  for (const { name, affinity } of backends) {
    if (affinity === undefined || affinity.changeOnFailure) continue;
    report.note({
      outcome: "different",
      ...affinity.source,
      subject: "session-cookie-change-on-failure",
      value: "false",
      text: `${name}: a client whose pod does not answer is served by another at once and stays there, where ingress-nginx answers 502 and keeps the cookie; ${gateway} has one way of retrying for clients with a pod and without.`,
    });
  }
}

/** For gateways whose wildcards stand for any number of labels; `whose` is one of them, such as `Istio's`. */
export function noteWildcard({ name, routes }: Host, whose: string, report: Report): void {
  const [first] = routes;
  if (!name.startsWith("*.") || first === undefined) return;
  report.note({
    outcome: "different",
    ...first.source,
    subject: "spec.rules.host",
    value: name,
    text: `${whose} * stands for any number of labels, ingress-nginx's for one: ${name.replace("*", "a.b")} is served too.`,
  });
}

/** Of an import with EndpointSlices: whose old cookies are not honoured for all that, and why. */
export function noteAcceptance({ backends }: Model, options: EmitOptions, report: Report): void {
  for (const { affinity, endpoints, name, namespace, service } of backends) {
    if (affinity === undefined) continue;
    const lost = (subject: string, text: string): void =>
      report.note({ outcome: "lost", ...affinity.source, subject, value: "", text: `${name}: ${text}` });
    if (isBalanced(affinity, options))
      lost("--keep-balanced", "cookies of ingress-nginx are not honoured, as the new ones name no pod.");
    else if (endpoints === undefined || endpoints.length === 0)
      lost(
        "--endpoints",
        `there is no pod of ${namespace}/${service} in them, so that cookies of ingress-nginx for it are not honoured.`,
      );
  }
}

function isBalanced({ mode }: Affinity, { keepBalanced }: EmitOptions): boolean {
  return keepBalanced && mode === "balanced";
}
