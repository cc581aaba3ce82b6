import { deepEqual, equal, match } from "node:assert/strict";
import { policyOf } from "../../cli/import/policy.ts";
import { test } from "../support/check.ts";
import { ingress, path, read, settled } from "../support/ingress-files.ts";
import { options } from "../support/istio-model.ts";

test("of several Ingresses of a backend the first says the mode, the last the cookie", () => {
  const { affinity, told, noteOf } = read([
    ingress("a", {
      annotations: { ...settled, "session-cookie-name": "first", "session-cookie-max-age": "60" },
      paths: [path("/", "app")],
    }),
    ingress("b", {
      annotations: {
        ...settled,
        "affinity-mode": "balanced",
        "session-cookie-name": "last",
        "session-cookie-path": "/",
      },
      paths: [path("/b", "app")],
    }),
  ]);
  equal(affinity()?.mode, "persistent");
  deepEqual(affinity()?.cookie, {
    name: "last",
    path: "/",
    formerPaths: ["/"],
    secure: false,
    conditionalSameSiteNone: false,
  });
  equal(affinity()?.source.object, "Ingress shop/b");
  deepEqual(told(), [
    ["invalid", "session-cookie-name", "first"],
    ["invalid", "session-cookie-max-age", "60"],
    ["invalid", "session-cookie-change-on-failure", "true"],
    ["invalid", "affinity-mode", "balanced"],
  ]);
  match(noteOf("affinity-mode", "Ingress shop/b")?.text ?? "", /Ingress shop\/a, which is older/);
});

test("the mode of an Ingress without affinity counts, too, if it is the first", () => {
  const { affinity } = read([
    ingress("a", { annotations: { "affinity-mode": "persistent" } }),
    ingress("b", { annotations: { ...settled, "affinity-mode": "balanced" }, paths: [path("/b", "app")] }),
  ]);
  equal(affinity()?.mode, "persistent");
});

test("where another Ingress leads to a backend without affinity, the cookie is set now, and that is told", () => {
  const { routes, told } = read([
    ingress("a", { annotations: settled, paths: [path("/a", "app")] }),
    ingress("b", { paths: [path("/b", "app")] }),
  ]);
  equal(
    routes().every(({ backend }) => backend.affinity?.cookie.path === "/a"),
    true,
  );
  deepEqual(told(), [["different", "affinity", ""]]);
});

test("where a rule leaves the path out, ingress-nginx sets no cookie, and that it is set now is told", () => {
  const { affinity, told, noteOf } = read([
    ingress("a", { annotations: settled, paths: [path(undefined, "app")] }),
  ]);
  deepEqual(affinity()?.cookie.formerPaths, ["/"]);
  deepEqual(told(), [["different", "affinity", ""]]);
  match(noteOf("affinity")?.text ?? "", /from a rule that leaves the path out: .* never sets it/);
});

test("the cookie's path is the path that matched; for several it is /, and the old ones are known", () => {
  const annotations = settled;
  const one = read([ingress("a", { annotations, paths: [path("/app", "app")] })]);
  equal(one.affinity()?.cookie.path, "/app");
  deepEqual(one.affinity()?.cookie.formerPaths, ["/app"]);
  const two = read([ingress("a", { annotations, paths: [path("/b", "app"), path("/app", "app")] })]);
  equal(two.affinity()?.cookie.path, "/");
  deepEqual(two.affinity()?.cookie.formerPaths, ["/app", "/b"]);
  deepEqual(two.told(), [["different", "session-cookie-path", ""]]);
});

test("no more than sixteen old paths are named, and a regular expression is no cookie's path", () => {
  const paths = Array.from({ length: 20 }, (_, index) => path(`/p${index + 10}`, "app"));
  equal(read([ingress("a", { annotations: settled, paths })]).affinity()?.cookie.formerPaths.length, 16);
  const regex = read([
    ingress("a", { annotations: { ...settled, "use-regex": "true" }, paths: [path("/v[0-9]+", "app")] }),
  ]);
  equal(regex.affinity()?.cookie.path, "/");
  deepEqual(regex.affinity()?.cookie.formerPaths, ["/v[0-9]+"]);
  deepEqual(regex.told(), [["different", "session-cookie-path", ""]]);
});

test("backends whose cookies would overwrite each other get names of their own", () => {
  const { affinity, told } = read([
    ingress("a", {
      annotations: { ...settled, "session-cookie-path": "/" },
      paths: [path("/", "app"), path("/api", "api")],
    }),
    ingress("other", { host: "other.example", annotations: settled, paths: [path("/", "third")] }),
  ]);
  equal(affinity("shop-app-80")?.cookie.suffix, "shop-app-80");
  equal(affinity("shop-api-80")?.cookie.suffix, "shop-api-80");
  equal(affinity("shop-third-80")?.cookie.suffix, undefined);
  deepEqual(told(), [
    ["different", "session-cookie-name", "INGRESSCOOKIE"],
    ["different", "session-cookie-name", "INGRESSCOOKIE"],
  ]);
});

test("so do backends of two hosts with one domain, and the filter's configuration has the name", () => {
  const annotations = { ...settled, "session-cookie-domain": "example", "session-cookie-name": "route" };
  const { model } = read([
    ingress("a", { annotations, host: "a.example", paths: [path("/", "one")] }),
    ingress("b", { annotations, host: "b.example", paths: [path("/", "two")] }),
  ]);
  deepEqual(
    model.backends.map(
      (backend) => policyOf({ primary: { backend, cluster: "c" } }, options, false)["sessionName"],
    ),
    ["route-affinity-shop-one-80", "route-affinity-shop-two-80"],
  );
});

test("cookies of one host with paths of their own keep their name", () => {
  const { affinity } = read([
    ingress("a", { annotations: settled, paths: [path("/", "app"), path("/api", "api")] }),
  ]);
  equal(affinity("shop-app-80")?.cookie.suffix, undefined);
  equal(affinity("shop-api-80")?.cookie.path, "/api");
});

test("the prefix __Host- wants a cookie for / without a domain, and gets it", () => {
  const annotations = {
    ...settled,
    "session-cookie-name": "__Host-id",
    "session-cookie-domain": "shop.example",
  };
  const { affinity, noteOf } = read([ingress("a", { annotations, paths: [path("/app", "app")] })]);
  deepEqual(affinity()?.cookie, {
    name: "__Host-id",
    path: "/",
    formerPaths: ["/app"],
    secure: true,
    conditionalSameSiteNone: false,
  });
  equal(noteOf("session-cookie-name")?.outcome, "different");
});

test("ingress-nginx keeps no sessions for a default backend, and that is told", () => {
  const spec = { defaultBackend: { service: { name: "app", port: { number: 80 } } } };
  const { affinity, told } = read([ingress("a", { annotations: settled, rules: [], spec })]);
  equal(affinity(), undefined);
  equal(told().length, 3);
  deepEqual(told()[0], ["invalid", "affinity", "cookie"]);
});

test("an alias has the affinity of its host", () => {
  const { routes, told } = read([
    ingress("a", { annotations: { ...settled, "server-alias": "www.example" } }),
  ]);
  equal(routes("www.example")[0]?.backend.affinity?.mode, "persistent");
  deepEqual(told(), []);
});
