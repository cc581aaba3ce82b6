/** The affinity policies that the demo offers, each a whole gateway made from envoy/gateway.yaml. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayDocument } from "./gateway-document.ts";
import { root } from "./root.ts";

export interface Policy {
  /** One line for people. */
  summary: string;
  /** Fields of the filter's configuration, beside those of the shipped one. */
  filter: Record<string, unknown>;
  /** What else Envoy has to be told. */
  change?: (gateway: GatewayDocument) => void;
  /** Whether there are pods of a second version. */
  canary?: boolean;
  /** What to try on the running demo, and what it shows. */
  tryOut: { shows: string; command: (url: string, adminUrl: string) => string }[];
}

const BY_KEY = { header: { header_name: "x-affinity-key" } };
const HOST = "-H 'Host: abc.sample.com'";
const SECRET = "let-me-see-what-happens";

function visit(url: string): string {
  return `curl -i -b cookie.dat -c cookie.dat ${HOST} ${url}`;
}

function firstVisit(url: string): string {
  return `curl -i ${HOST} ${url}`;
}

export const policies: Readonly<Record<string, Policy>> = {
  timeouts: {
    summary: "sessions end after 12 hours, or after 30 minutes without a request; the gateway sees to it",
    filter: { absoluteTimeout: "12h", idleTimeout: "30m" },
    tryOut: [
      {
        shows: "The browser is told of no end; who comes again after 3 minutes gets the cookie anew",
        command: visit,
      },
    ],
  },
  permanent: {
    summary: "the same, and the browser keeps the cookie when it is closed, for what is left of the time",
    filter: { absoluteTimeout: "12h", idleTimeout: "30m", cookie: { lifetimeType: "Permanent" } },
    tryOut: [{ shows: "Expires and Max-Age say the same", command: firstVisit }],
  },
  attributes: {
    summary: "a cookie with another name and other attributes",
    filter: {
      sessionName: "route",
      cookie: { path: "/app", domain: "sample.com", secure: false, sameSite: "Strict" },
    },
    change: (gateway) => gateway.hashBy({ cookie: { name: "route" } }),
    tryOut: [
      {
        shows: "Set-Cookie: route=...; Domain=sample.com; Path=/app; HttpOnly; SameSite=Strict",
        command: firstVisit,
      },
    ],
  },
  balanced: {
    summary:
      "the cookie names no pod: Envoy's Maglev table chooses it, and moves few sessions when pods come and go",
    filter: { mode: "balanced" },
    change: (gateway) => {
      gateway.hashBy(BY_KEY, "The filter names the session in this header, on the first request too.");
      gateway.withoutStatefulSession();
      gateway.setInCluster(
        "session-svc",
        "maglev_lb_config",
        { table_size: 655373 },
        "A prime, ten times the default: fewer sessions move between pods that stay. (A ring hash moves more of them:\n" +
          " when a pod joins, Envoy gives all others fewer points.)",
      );
    },
    tryOut: [{ shows: "One pod each time, though the cookie does not name it", command: visit }],
  },
  keep: {
    summary:
      "a client whose pod is gone is served by another, keeps its cookie, and goes back when its pod does",
    filter: { onHostChange: "keep" },
    tryOut: [
      {
        shows: "End the pod that you met by its pid: another one answers, and the affinity cookie stays",
        command: visit,
      },
    ],
  },
  strict: {
    summary: "a client whose pod is gone gets 503 and keeps its cookie: no other pod may serve it",
    // The cluster stands in the token so that the route can tell who has one.
    filter: { onHostChange: "keep", cluster: { names: ["session-svc"] } },
    change: (gateway) => gateway.beStrict(),
    tryOut: [
      { shows: "End the pod that you met by its pid: 503, and the affinity cookie stays", command: visit },
    ],
  },
  header: {
    summary: "the token travels in a header, for clients without a cookie jar",
    filter: { type: "Header", sessionName: "x-session" },
    change: (gateway) => gateway.hashBy({ header: { header_name: "x-session" } }),
    tryOut: [
      { shows: "The response has a header x-session", command: firstVisit },
      {
        shows: "With its value in the place of TOKEN: the same pod, and no x-session in the response",
        command: (url) => `curl -i ${HOST} -H 'x-session: TOKEN' ${url}`,
      },
    ],
  },
  canary: {
    summary:
      "two versions by weight; a session stays with the one that served it first, whatever the weights",
    filter: { cluster: { names: ["session-svc", "session-svc-canary"] } },
    change: (gateway) => gateway.withCanary(),
    canary: true,
    tryOut: [
      { shows: "One version, and one pod of it", command: visit },
      {
        shows: "All newcomers to the canary; whoever is at the other version stays there",
        command: (_url, adminUrl) =>
          `curl -X POST '${adminUrl}runtime_modify?canary.session-svc=0&canary.session-svc-canary=100'`,
      },
    ],
  },
  strip: {
    summary: "the pod does not see the affinity cookie; every other cookie reaches it as it was sent",
    filter: { stripFromRequest: true, keyHeader: "x-affinity-key" },
    change: (gateway) =>
      gateway.hashBy(
        BY_KEY,
        "Envoy hashes when the cookie is off the request: the session's number stands in.",
      ),
    tryOut: [{ shows: "The same pod each time, which gets its own cookie alone", command: visit }],
  },
  uncached: {
    summary: "no shared cache may store a response that sets the cookie",
    filter: { preventCaching: true },
    tryOut: [{ shows: "Cache-Control: private beside Set-Cookie; the second time neither", command: visit }],
  },
  off: {
    summary: "no affinity for static files, health checks and bots on a host that has it",
    filter: {},
    change: (gateway) => gateway.withRoutesOff(),
    tryOut: [
      { shows: "No affinity cookie for a health check", command: (url) => `curl -i ${HOST} ${url}healthz` },
      { shows: "No affinity cookie for a bot", command: (url) => `curl -i ${HOST} -A Googlebot ${url}` },
      { shows: "All others", command: firstVisit },
    ],
  },
  debug: {
    summary:
      "a request that brings the secret (this one is public: take your own) is explained in Envoy's log",
    filter: { debug: { secret: SECRET } },
    change: (gateway) => gateway.hideFromPods("x-affinity-debug"),
    tryOut: [
      {
        shows: "Two lines in the log that is named above",
        command: (url) => `${visit(url)} -H 'x-affinity-debug: ${SECRET}'`,
      },
    ],
  },
};

/** Where the gateway of a policy stands, below the root. */
export function policyFile(name: string): string {
  return `envoy/policies/${name}.yaml`;
}

/** The whole gateway of a policy, as its file has it but for the formatting. */
export function policyText(name: string, { summary, filter, change }: Policy): string {
  const gateway = new GatewayDocument(readFileSync(join(root, "envoy/gateway.yaml"), "utf8"));
  gateway.setHeader(
    `Policy ${name}: ${summary}.\n\n` +
      `Made by \`npm run generate\` from envoy/gateway.yaml and cli/policies.ts. Try it: npm start -- --policy ${name}`,
  );
  gateway.configure(filter);
  change?.(gateway);
  return gateway.toString();
}
