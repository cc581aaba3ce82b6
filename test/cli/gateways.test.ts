import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { policies, policyFile } from "../../cli/policies.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { virtualHost, type Json } from "../support/shape.ts";

function gateway(file: string): Json {
  return JSON.parse(JSON.stringify(parse(readFileSync(join(root, file), "utf8"))));
}

/** What of `own` another value does not have, by path; items of lists by their names or places. */
function missing(own: Json, other: Json, path = ""): string[] {
  if (typeof own !== "object" || own === null) return own === other ? [] : [`${path}: ${other}`];
  return Object.entries(own).flatMap(([key, value]: [string, Json]) => {
    const name = Array.isArray(own) ? value?.name : undefined;
    const found = name === undefined ? other?.[key] : other?.find?.((item: Json) => item?.name === name);
    return missing(value, found, `${path}/${name ?? key}`);
  });
}

test("the demo's gateway has all that the importer made of the tutorial's Ingress, but for the cookie's attributes", () => {
  const found = missing(gateway("envoy/envoy.yaml"), gateway("envoy/gateway.yaml"));
  deepEqual(
    found.map((line) => line.replace(/:.*/s, "").split("/").slice(-4).join("/")),
    ["typed_config/config/configuration/value"],
  );
  const [imported, own] = ["envoy/envoy.yaml", "envoy/gateway.yaml"].map((file) => {
    const [listener] = gateway(file).static_resources.listeners;
    const [filter] = listener.filter_chains[0].filters[0].typed_config.http_filters;
    return JSON.parse(filter.typed_config.config.configuration.value) as Json;
  });
  deepEqual(imported.cookie, { path: "/", sameSite: "" });
  deepEqual({ ...own, cookie: imported.cookie }, imported);
});

test("with every policy the page answers for cookies itself, below the prefixes of the hosts too", () => {
  ok(Object.keys(policies).length >= 12);
  for (const file of ["envoy/gateway.yaml", ...Object.keys(policies).map(policyFile)]) {
    const { routes } = virtualHost(gateway(file), "page");
    equal(routes[0].match.safe_regex.regex, "/(abc|plain|cache)/cookies", file);
    equal(routes[0].route.cluster, "demo-page", file);
  }
});

test("with every policy the page has the routes of abc.sample.com below /abc/", () => {
  for (const file of ["envoy/gateway.yaml", ...Object.keys(policies).map(policyFile)]) {
    const config = gateway(file);
    const repeated = virtualHost(config, "page").routes.filter(({ match }: Json) =>
      (match.prefix ?? match.path ?? "").startsWith("/abc/"),
    );
    deepEqual(
      repeated.map(({ route }: Json) => route),
      virtualHost(config).routes.map(({ route }: Json) => route),
      file,
    );
  }
});
