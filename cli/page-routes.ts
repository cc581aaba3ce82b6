/** Routes of a host, once more below a prefix: the demo's page has them so. */
import type { YAMLMap } from "yaml";

export interface Match {
  prefix?: string;
  path?: string;
  headers?: object[];
}

/** Whether a route is for paths that begin so. */
export function isBelow(route: YAMLMap, prefix: string): boolean {
  return String(route.getIn(["match", "prefix"])).startsWith(prefix);
}

/** What a route matches, below a prefix that ends with a slash. */
export function below({ match }: { match: Match }, prefix: string): Match {
  const moved = { ...match };
  if (match.prefix !== undefined) moved.prefix = prefix + match.prefix.slice(1);
  if (match.path !== undefined) moved.path = prefix + match.path.slice(1);
  return moved;
}
