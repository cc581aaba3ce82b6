import { base64, KEY } from "./sample.ts";

/** A configuration that has to be refused. */
export interface Refusal {
  /** What is added to the sample configuration. */
  readonly more: object;
  readonly path: string;
  /** The value as the log has to show it; undefined where there is none, or where it may be a secret. */
  readonly value?: string;
}

export const REFUSED: readonly Refusal[] = [
  { more: { colour: "red" }, path: "$.colour" },
  { more: { Scope: "x" }, path: "$.Scope" },
  { more: { "session-name": "x" }, path: '$["session-name"]' },
  { more: { cookie: { colour: "red" } }, path: "$.cookie.colour" },
  { more: { cookie: { maxAge: 5 } }, path: "$.cookie.maxAge" },
  { more: { keys: [{ id: 1, secret: base64(KEY), name: "x" }] }, path: "$.keys[0].name" },

  { more: { sessionName: 5 }, path: "$.sessionName", value: "5" },
  { more: { sessionName: null }, path: "$.sessionName", value: "null" },
  { more: { sessionName: "" }, path: "$.sessionName", value: '""' },
  { more: { sessionName: "a b" }, path: "$.sessionName", value: '"a b"' },
  { more: { sessionName: "a=b" }, path: "$.sessionName", value: '"a=b"' },
  { more: { sessionName: "a;b" }, path: "$.sessionName", value: '"a;b"' },
  { more: { sessionName: "a,b" }, path: "$.sessionName", value: '"a,b"' },
  { more: { sessionName: "\u00e9" }, path: "$.sessionName", value: '"' },
  { more: { sessionName: "a\r\nset-cookie: b" }, path: "$.sessionName", value: '"a' },
  { more: { scope: 5 }, path: "$.scope", value: "5" },
  { more: { scope: ["a"] }, path: "$.scope", value: "[" },
  { more: { scope: "a\0b" }, path: "$.scope", value: '"a' },
  { more: { hostHeader: "" }, path: "$.hostHeader", value: '""' },
  { more: { hostHeader: "x y" }, path: "$.hostHeader", value: '"x y"' },
  { more: { hostHeader: ":authority" }, path: "$.hostHeader", value: '":authority"' },
  { more: { hostHeader: "cookie" }, path: "$.hostHeader", value: '"cookie"' },
  { more: { hostHeader: true }, path: "$.hostHeader", value: "true" },
  { more: { onHostChange: "stay" }, path: "$.onHostChange", value: '"stay"' },
  { more: { onHostChange: "Repin" }, path: "$.onHostChange", value: '"Repin"' },
  { more: { onHostChange: {} }, path: "$.onHostChange", value: "{" },

  { more: { cookie: "Lax" }, path: "$.cookie", value: '"Lax"' },
  { more: { cookie: [] }, path: "$.cookie", value: "[" },
  { more: { cookie: { path: "" } }, path: "$.cookie.path", value: '""' },
  { more: { cookie: { path: "x" } }, path: "$.cookie.path", value: '"x"' },
  { more: { cookie: { path: "/a;Domain=b" } }, path: "$.cookie.path", value: '"/a;Domain=b"' },
  { more: { cookie: { path: "/a\nb" } }, path: "$.cookie.path", value: '"/a' },
  { more: { cookie: { path: 1 } }, path: "$.cookie.path", value: "1" },
  { more: { cookie: { domain: "a b" } }, path: "$.cookie.domain", value: '"a b"' },
  { more: { cookie: { domain: "a;b" } }, path: "$.cookie.domain", value: '"a;b"' },
  { more: { cookie: { domain: "a..b" } }, path: "$.cookie.domain", value: '"a..b"' },
  { more: { cookie: { domain: "https://a.b" } }, path: "$.cookie.domain", value: '"https://a.b"' },
  { more: { cookie: { domain: "a.b:80" } }, path: "$.cookie.domain", value: '"a.b:80"' },
  { more: { cookie: { domain: false } }, path: "$.cookie.domain", value: "false" },
  { more: { cookie: { secure: "yes" } }, path: "$.cookie.secure", value: '"yes"' },
  { more: { cookie: { secure: "true" } }, path: "$.cookie.secure", value: '"true"' },
  { more: { cookie: { secure: 1 } }, path: "$.cookie.secure", value: "1" },
  { more: { cookie: { httpOnly: "true" } }, path: "$.cookie.httpOnly", value: '"true"' },
  { more: { cookie: { sameSite: "lax" } }, path: "$.cookie.sameSite", value: '"lax"' },
  { more: { cookie: { sameSite: false } }, path: "$.cookie.sameSite", value: "false" },
  { more: { cookie: { sameSite: "None", secure: false } }, path: "$.cookie.sameSite", value: '"None"' },
  { more: { cookie: { partitioned: 1 } }, path: "$.cookie.partitioned", value: "1" },
  {
    more: { cookie: { conditionalSameSiteNone: "no" } },
    path: "$.cookie.conditionalSameSiteNone",
    value: '"no"',
  },

  { more: { sessionName: "__Host-a" }, path: "$.sessionName", value: '"__Host-a"' },
  {
    more: { sessionName: "__Secure-a", cookie: { secure: false } },
    path: "$.sessionName",
    value: '"__Secure-a"',
  },
  {
    more: { sessionName: "__Host-a", cookie: { secure: true, path: "/shop" } },
    path: "$.sessionName",
    value: '"__Host-a"',
  },
  {
    more: { sessionName: "__Host-a", cookie: { secure: true, domain: "a.b" } },
    path: "$.sessionName",
    value: '"__Host-a"',
  },

  { more: { keys: undefined }, path: "$.keys" },
  { more: { keys: null }, path: "$.keys" },
  { more: { keys: [] }, path: "$.keys" },
  { more: { keys: {} }, path: "$.keys" },
  { more: { keys: ["x"] }, path: "$.keys[0]" },
  { more: { keys: [{ id: 1 }] }, path: "$.keys[0]" },
  { more: { keys: [{ id: 1, env: "A", secret: base64(KEY) }] }, path: "$.keys[0]" },
  { more: { keys: [{ id: 1, env: "NOT_THERE" }] }, path: "$.keys[0].env", value: '"NOT_THERE"' },
  { more: { keys: [{ id: 1, env: "" }] }, path: "$.keys[0].env", value: '""' },
  { more: { keys: [{ id: 1, env: 5 }] }, path: "$.keys[0].env" },
  { more: { keys: [{ secret: base64(KEY) }] }, path: "$.keys[0].id" },
  { more: { keys: [{ id: -1, secret: base64(KEY) }] }, path: "$.keys[0].id", value: "-1" },
  { more: { keys: [{ id: 256, secret: base64(KEY) }] }, path: "$.keys[0].id", value: "256" },
  { more: { keys: [{ id: 1.5, secret: base64(KEY) }] }, path: "$.keys[0].id", value: "1.5" },
  { more: { keys: [{ id: 1e300, secret: base64(KEY) }] }, path: "$.keys[0].id", value: "1e+300" },
  { more: { keys: [{ id: "1", secret: base64(KEY) }] }, path: "$.keys[0].id", value: '"1"' },
  {
    more: {
      keys: [
        { id: 7, secret: base64(KEY) },
        { id: 7, secret: base64(KEY) },
      ],
    },
    path: "$.keys[1].id",
    value: "7",
  },

  { more: { mode: "balanced" }, path: "$.mode", value: '"balanced"' },
  { more: { mode: 5 }, path: "$.mode", value: "5" },
  { more: { type: "Header" }, path: "$.type", value: '"Header"' },
  { more: { absoluteTimeout: "12h" }, path: "$.absoluteTimeout", value: '"12h"' },
  { more: { idleTimeout: "30m" }, path: "$.idleTimeout", value: '"30m"' },
  { more: { keyHeader: "x-key" }, path: "$.keyHeader", value: '"x-key"' },
  { more: { stripFromRequest: true }, path: "$.stripFromRequest", value: "true" },
  { more: { preventCaching: true }, path: "$.preventCaching", value: "true" },
  { more: { cookie: { lifetimeType: "Permanent" } }, path: "$.cookie.lifetimeType", value: '"Permanent"' },
  { more: { cluster: { header: "x", names: ["a"] } }, path: "$.cluster" },
  { more: { accept: { until: "2027-01-31T00:00:00Z", formats: [] } }, path: "$.accept" },
  { more: { debug: { header: "x", secret: "a secret" } }, path: "$.debug" },
  { more: { services: [{ clusters: ["a"] }] }, path: "$.services" },
];
