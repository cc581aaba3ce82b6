import { MAX_SCOPE, isVisible } from "./grammar";
import { JsonKind } from "./json";
import { Section } from "./section";

// A token carries 32 bits of a name; more than a handful of versions of a service is no canary.
const MAX_CLUSTERS: i32 = 16;

/** Reads an array of names of clusters, no two of them the same. */
export function readClusterNames(section: Section, field: string): string[] {
  const names: string[] = [];
  const value = section.field(field);
  const items = value != null && value.kind == JsonKind.Array ? value.items : [];
  for (let i = 0; i < items.length; i++) {
    const name = items[i].kind == JsonKind.String ? items[i].text : "";
    if (name.length && name.length <= MAX_SCOPE && isVisible(name) && !names.includes(name)) names.push(name);
  }
  if (names.length == 0 || names.length != items.length || names.length > MAX_CLUSTERS) {
    section.refuse(
      field,
      value == null ? "missing" : "not 1 to 16 different names of clusters",
      'write ["session-svc", "session-svc-canary"]: Envoy\'s names, the one that was there first in front',
    );
  }
  return names;
}
