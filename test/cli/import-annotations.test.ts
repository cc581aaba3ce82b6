import { deepEqual, equal, match } from "node:assert/strict";
import { names, type Name } from "../../cli/import/annotations.ts";
import type { Outcome } from "../../cli/import/emit.ts";
import type { AffinityCookie } from "../../cli/import/model.ts";
import { test } from "../support/check.ts";
import { ingress, read, settled } from "../support/ingress-files.ts";

const plain: AffinityCookie = {
  name: "INGRESSCOOKIE",
  path: "/",
  formerPaths: ["/"],
  secure: false,
  conditionalSameSiteNone: false,
};

function withCookie(name: string, value: unknown) {
  return read([ingress("a", { annotations: { ...settled, [name]: value } })]);
}

type Row = [name: Name, value: unknown, cookie: Partial<AffinityCookie>, outcome: Outcome];
const cookies: Row[] = [
  ["session-cookie-name", "route", { name: "route" }, "converted"],
  ["session-cookie-name", " route ", { name: "route" }, "converted"],
  ["session-cookie-name", "a;b", {}, "invalid"],
  ["session-cookie-name", "caf\u00e9", {}, "invalid"],
  ["session-cookie-name", "route\n", {}, "invalid"],
  ["session-cookie-name", "", {}, "invalid"],
  ["session-cookie-name", "a/b:c", { name: "a-b-c" }, "lost"],
  ["session-cookie-name", "__Secure-id", { name: "__Secure-id", secure: true }, "different"],
  ["session-cookie-name", "__Host-id", { name: "__Host-id", secure: true }, "different"],
  ["session-cookie-path", "/app?x=1&y", { path: "/app?x=1&y", formerPaths: ["/app?x=1&y"] }, "converted"],
  ["session-cookie-path", "/a;b", {}, "invalid"],
  ["session-cookie-path", "app", { path: "/", formerPaths: ["/"] }, "different"],
  ["session-cookie-path", "/a b", { path: "/", formerPaths: ["/"] }, "different"],
  ["session-cookie-domain", "shop.example", { domain: "shop.example" }, "converted"],
  ["session-cookie-domain", ".shop.example", { domain: ".shop.example" }, "converted"],
  ["session-cookie-domain", "shop.example:8080", {}, "different"],
  ["session-cookie-domain", "shop.example;", {}, "invalid"],
  ["session-cookie-expires", "3600", { lifetime: 3600 }, "converted"],
  ["session-cookie-expires", "x12", {}, "invalid"],
  ["session-cookie-expires", "0", {}, "different"],
  ["session-cookie-max-age", "3600", { lifetime: 3600 }, "converted"],
  ["session-cookie-max-age", "0", {}, "different"],
  ["session-cookie-max-age", "-1", {}, "different"],
  ["session-cookie-max-age", "0abc", {}, "invalid"],
  ["session-cookie-max-age", "x12", {}, "invalid"],
  ["session-cookie-max-age", "+5", {}, "invalid"],
  ["session-cookie-max-age", "1.5", {}, "invalid"],
  ["session-cookie-max-age", "1h", {}, "invalid"],
  ["session-cookie-max-age", "99999999999999999999", { lifetime: Number.MAX_SAFE_INTEGER }, "different"],
  ["session-cookie-secure", "true", { secure: true }, "converted"],
  ["session-cookie-secure", "T", { secure: true }, "converted"],
  ["session-cookie-secure", "false", {}, "converted"],
  ["session-cookie-secure", "yes", {}, "invalid"],
  ["session-cookie-secure", " true", {}, "invalid"],
  ["session-cookie-samesite", "Lax", { sameSite: "Lax" }, "converted"],
  ["session-cookie-samesite", "None", { sameSite: "None" }, "converted"],
  ["session-cookie-samesite", "strict", {}, "invalid"],
  ["session-cookie-samesite", "Loose", {}, "invalid"],
  ["session-cookie-conditional-samesite-none", "1", { conditionalSameSiteNone: true }, "converted"],
  ["session-cookie-conditional-samesite-none", "on", {}, "invalid"],
  ["session-cookie-partitioned", "true", { partitioned: true }, "converted"],
  ["session-cookie-partitioned", "false", {}, "converted"],
  ["session-cookie-partitioned", "2", {}, "invalid"],
  ["session-cookie-hash", "sha1", {}, "untouched"],
  ["load-balance", "ewma", {}, "untouched"],
  ["upstream-hash-by", "$request_uri", {}, "untouched"],
];
for (const [name, value, changed, outcome] of cookies)
  test(`${name}: ${JSON.stringify(value)} is ${outcome}`, () => {
    const { affinity, noteOf } = withCookie(name, value);
    deepEqual(affinity()?.cookie, { ...plain, ...changed });
    equal(noteOf(name)?.outcome, outcome);
  });

const modes: [value: string | undefined, mode: string, outcomes: Outcome[]][] = [
  ["persistent", "persistent", ["converted"]],
  [" persistent", "persistent", ["converted"]],
  ["balanced", "balanced", ["different"]],
  [undefined, "balanced", ["different"]],
  ["Persistent", "balanced", ["different", "invalid"]],
];
for (const [value, mode, outcomes] of modes)
  test(`affinity-mode ${value} is mode ${mode}, and that is ${outcomes.join(" and ")}`, () => {
    const { affinity, notes } = withCookie("affinity-mode", value);
    equal(affinity()?.mode, mode);
    const told = notes.filter(({ subject }) => subject === "affinity-mode");
    deepEqual(told.map(({ outcome }) => outcome).sort(), outcomes);
  });

const failures: [value: string | undefined, change: boolean, outcomes: string[]][] = [
  [undefined, true, ["different"]],
  ["true", true, ["converted"]],
  ["false", false, ["converted"]],
  ["no", true, ["different", "invalid"]],
];
for (const [value, change, outcomes] of failures)
  test(`session-cookie-change-on-failure ${value} changes: ${change}`, () => {
    const { affinity, notes } = withCookie("session-cookie-change-on-failure", value);
    equal(affinity()?.changeOnFailure, change);
    const told = notes.filter(({ subject }) => subject === "session-cookie-change-on-failure");
    deepEqual(told.map(({ outcome }) => outcome).sort(), outcomes);
    if (value === undefined) match(told[0]?.text ?? "", /502.*write "false" for the old rule/);
  });

for (const value of ["cookie", " cookie "])
  test(`affinity ${JSON.stringify(value)} is affinity`, () => {
    equal(withCookie("affinity", value).affinity()?.cookie.name, "INGRESSCOOKIE");
  });

for (const value of ["Cookie", "ip", "", "true"])
  test(`affinity ${JSON.stringify(value)} is none, and what belongs to it has no effect`, () => {
    const { affinity, told } = read([
      ingress("a", {
        annotations: { affinity: value, "affinity-mode": "persistent", "session-cookie-name": "x" },
      }),
    ]);
    equal(affinity(), undefined);
    deepEqual(told(), [
      ["invalid", "affinity", value],
      ["invalid", "affinity-mode", "persistent"],
      ["invalid", "session-cookie-name", "x"],
    ]);
  });

test("Max-Age comes before Expires, as in browsers, and a difference is told", () => {
  const both = (expires: string, age: string) =>
    read([
      ingress("a", {
        annotations: { ...settled, "session-cookie-expires": expires, "session-cookie-max-age": age },
      }),
    ]);
  const different = both("60", "120");
  equal(different.affinity()?.cookie.lifetime, 120);
  deepEqual(different.told(), [["different", "session-cookie-expires", "60"]]);
  deepEqual(both("60", "60").told(), []);
  // Max-Age of 0 is heeded first, too.
  equal(both("60", "0").affinity()?.cookie.lifetime, undefined);
  equal(both("60", "0abc").affinity()?.cookie.lifetime, 60);
});

const unquoted: [name: Name, value: unknown, cookie: Partial<AffinityCookie>][] = [
  ["session-cookie-max-age", 3600, { lifetime: 3600 }],
  ["session-cookie-secure", true, { secure: true }],
  ["session-cookie-name", 12, { name: "12" }],
  ["session-cookie-max-age", true, {}],
  ["session-cookie-name", null, {}],
  ["session-cookie-name", ["a"], {}],
  ["session-cookie-name", { a: "b" }, {}],
];
for (const [name, value, changed] of unquoted)
  test(`${name}: ${JSON.stringify(value)} without quotes is told, and read where its meaning is plain`, () => {
    const { affinity, noteOf } = withCookie(name, value);
    deepEqual(affinity()?.cookie, { ...plain, ...changed });
    equal(noteOf(name)?.outcome, "invalid");
    match(noteOf(name)?.text ?? "", /quotes/);
  });

test("annotations that are not about affinity are named in one note, and kubectl's own not at all", () => {
  const object = ingress("a", { annotations: { ...settled, "proxy-body-size": "8m", constructor: "x" } });
  const metadata = object["metadata"] as { annotations: Record<string, string> };
  metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"] = "{}";
  metadata.annotations["cert-manager.io/issuer"] = "letsencrypt";
  const { notes } = read([object]);
  deepEqual(
    notes.filter(({ outcome }) => outcome === "untouched").map(({ subject, value }) => [subject, value]),
    [["metadata.annotations", "proxy-body-size, constructor, cert-manager.io/issuer"]],
  );
});

test("each annotation of the table that is given has one note", () => {
  const { notes } = read([
    ingress("a", { annotations: Object.fromEntries(names.map((name) => [name, "no value of any of them"])) }),
  ]);
  deepEqual(
    notes.map(({ subject }) => subject),
    names,
  );
});

const sentences: [name: Name, value: string, text: RegExp][] = [
  [
    "affinity-canary-behavior",
    "Legacy",
    /^Neither "sticky" nor "legacy"; it counts as absent, as in ingress-nginx\.$/,
  ],
  // What ingress-nginx makes of these is not nothing.
  ["session-cookie-max-age", "+5", /by accident: .*; it counts as absent now\.$/],
  ["session-cookie-samesite", "lax", /^ingress-nginx's check takes it/],
];
for (const [name, value, text] of sentences)
  test(`what is said of ${name}: ${value}`, () => {
    match(withCookie(name, value).noteOf(name)?.text ?? "", text);
  });
