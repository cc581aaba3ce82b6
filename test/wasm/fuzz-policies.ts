import { base64, sampleKey } from "./sample.ts";

/** The policies that requests are fuzzed under: every mode and type, and every field in some other value than its default. */

const secret = (id: number, name?: string): object => ({ id, secret: base64(sampleKey(id, name)) });

const FIRST = [secret(1)];
const SEVERAL = [secret(2), secret(1), secret(255)];
const SCOPES = ["default/session-svc:9080", "default/other-svc:80", "s", "~".repeat(255)] as const;
const CLUSTER = { names: ["session-svc", "session-svc-canary"] };
const DEBUG = { secret: "let-me-see-what-happens" };

export const configurations: readonly Readonly<Record<string, unknown>>[] = [
  { scope: SCOPES[0], keys: FIRST },
  { scope: SCOPES[0], keys: SEVERAL, idleTimeout: "100s" },
  { scope: SCOPES[1], keys: FIRST, absoluteTimeout: "1h", idleTimeout: "9s", onHostChange: "keep" },
  {
    scope: SCOPES[1],
    keys: SEVERAL,
    absoluteTimeout: "99999h",
    cookie: { lifetimeType: "Permanent", domain: "example.com", path: "/shop", secure: false, sameSite: "" },
  },
  {
    scope: SCOPES[0],
    keys: [secret(1), secret(2)],
    absoluteTimeout: "10m",
    idleTimeout: "2m",
    cookie: { lifetimeType: "Permanent", httpOnly: false, sameSite: "Strict" },
  },
  { scope: SCOPES[2], keys: FIRST, mode: "balanced" },
  {
    scope: SCOPES[2],
    keys: SEVERAL,
    mode: "balanced",
    idleTimeout: "30m",
    cookie: { lifetimeType: "Permanent", secure: true },
    stripFromRequest: true,
    keyHeader: "X-Session-Number",
  },
  { scope: SCOPES[3], keys: SEVERAL, mode: "balanced", cluster: CLUSTER, sessionName: "b" },
  { scope: SCOPES[0], keys: FIRST, type: "Header", sessionName: "X-Session" },
  {
    scope: SCOPES[0],
    keys: SEVERAL,
    type: "Header",
    sessionName: "x-session",
    idleTimeout: "1s",
    stripFromRequest: true,
    keyHeader: "x-affinity-key",
  },
  {
    scope: SCOPES[1],
    keys: SEVERAL,
    type: "Header",
    mode: "balanced",
    sessionName: "session",
    absoluteTimeout: "5m",
    preventCaching: true,
    debug: DEBUG,
  },
  { scope: SCOPES[0], keys: SEVERAL, idleTimeout: "60s", cluster: CLUSTER },
  {
    scope: SCOPES[0],
    keys: FIRST,
    onHostChange: "keep",
    stripFromRequest: true,
    cluster: {
      header: "X-Version",
      names: ["session-svc-canary", ...Array.from({ length: 15 }, (_, i) => `v${i}`)],
    },
  },
  { scope: SCOPES[0], keys: FIRST, stripFromRequest: true, preventCaching: true },
  {
    scope: SCOPES[3],
    keys: SEVERAL,
    sessionName: "!#$%&'*+-.^_`|~Az09",
    absoluteTimeout: "2m",
    idleTimeout: "1m",
    stripFromRequest: true,
    keyHeader: "x-key",
    hostHeader: "X-Pod",
    debug: { ...DEBUG, header: "X-Explain" },
  },
  {
    scope: SCOPES[0],
    keys: [secret(1, "the same id, another key")],
    cluster: CLUSTER,
    debug: DEBUG,
    idleTimeout: "20s",
    cookie: { sameSite: "None", conditionalSameSiteNone: true, partitioned: true },
  },
  {
    scope: SCOPES[0],
    keys: FIRST,
    sessionName: "__Host-affinity",
    onHostChange: "keep",
    idleTimeout: "1h",
    cookie: { secure: true, sameSite: "None", conditionalSameSiteNone: true },
    preventCaching: true,
  },
  { scope: SCOPES[1], keys: [secret(0), secret(1)], sessionName: "a", cookie: { partitioned: true } },
];
