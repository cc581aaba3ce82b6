/** The virtual hosts. */
import { routesOf, type Context, type EnvoyRoute, type HeaderMatcher } from "./envoy-routes.ts";
import type { Host } from "./model.ts";
import { literal } from "./regex.ts";

/** One for each host, in their order. */
export function virtualHosts(hosts: readonly Host[], context: Context): object[] {
  const any = hosts.find(({ name }) => name === "*");
  return hosts.map((host) => virtualHost(host, any, context));
}

function virtualHost(host: Host, any: Host | undefined, context: Context): object {
  const { name } = host;
  const routes = [
    ...(name.startsWith("*.") ? ofOtherHosts(name, any, context) : []),
    ...host.routes.flatMap((route) => routesOf(route, context)),
  ];
  // All routes alike: said once, for the whole host.
  const [filters, ...others] = new Set(routes.map((route) => JSON.stringify(route.filters)));
  const common = others.length === 0 && filters !== undefined;
  const objects = [...new Set(host.routes.map(({ source }) => source.object))].join(", ");
  return context.explain(
    {
      name,
      domains: [name],
      ...(common && { typed_per_filter_config: JSON.parse(filters) as unknown }),
      routes: routes.map((route) => written(route, common, context)),
    },
    { "": `${name}: ${objects}.` },
  );
}

function written({ fields, filters, comment }: EnvoyRoute, common: boolean, { explain }: Context): object {
  const route = { ...fields, ...(filters && !common && { typed_per_filter_config: filters }) };
  return comment === "" ? route : explain(route, { "": comment });
}

/**
 * What comes first where a wildcard is: Envoy's stands for any number of labels, ingress-nginx's for one. Other names go
 * where those go that no host takes.
 */
function ofOtherHosts(name: string, any: Host | undefined, context: Context): EnvoyRoute[] {
  const regex = `(?i)[\\w-]+${literal(name.slice(1))}(:[0-9]+)?`;
  const other: HeaderMatcher = {
    name: ":authority",
    string_match: { safe_regex: { regex } },
    invert_match: true,
  };
  const elsewhere = (any?.routes ?? []).flatMap((route) => routesOf(route, context));
  const comment =
    "Envoy's * stands for any number of labels, ingress-nginx's for one: other names go where those of no host go.";
  const nowhere = { match: { prefix: "/", headers: [other] }, direct_response: { status: 404 } };
  return [
    ...elsewhere.map(({ fields, ...route }, index) => {
      const { match } = fields;
      const moved = { ...fields, match: { ...match, headers: [other, ...(match.headers ?? [])] } };
      return { ...route, fields: moved, comment: index === 0 ? comment : route.comment };
    }),
    { fields: nowhere, comment },
  ];
}
