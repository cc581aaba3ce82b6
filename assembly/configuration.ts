import { readClusterNames } from "./clusternames";
import { JsonKind, JsonReader, JsonValue } from "./json";
import { Environment, KEYS_EXAMPLE } from "./keys";
import { Policy } from "./policy";
import { Problems } from "./problems";
import { readPolicy } from "./readpolicy";
import { Section } from "./section";
import { decimal } from "./text";

/** Reads the filter's configuration; no policy when it is refused, and `problems` says why. */
export function readConfiguration(
  text: usize,
  length: u32,
  pluginName: string,
  environment: Environment,
  problems: Problems,
): Policy[] {
  if (length > MAX_CONFIGURATION) {
    problems.addWithoutValue("$", "longer than 1 MiB", "keep to what the README names");
    return [];
  }
  const reader = new JsonReader(text, length);
  const value = reader.read();
  if (value == null) {
    problems.addWithoutValue(
      "$",
      reader.problem,
      "write a JSON object, in a StringValue, such as " + EXAMPLE,
    );
    return [];
  }
  if (value.kind != JsonKind.Object) {
    problems.add("$", value, "not an object", "write one such as " + EXAMPLE);
    return [];
  }
  const section = new Section("$", value, problems);
  const services = section.field("services");
  const policies: Policy[] = [];
  if (services != null) {
    readServices(section, services, environment, policies);
  } else {
    const policy = readPolicy(section, pluginName, environment);
    if (policy != null) policies.push(policy);
  }
  return problems.lines.length ? [] : policies;
}

// The tree of a longer text would take tens of megabytes, which a VM never gives back.
export const MAX_CONFIGURATION: u32 = 1024 * 1024;
const EXAMPLE = '{"keys": ' + KEYS_EXAMPLE + "}";

const MAX_SERVICES: i32 = 1024;
const SERVICES_EXAMPLE =
  '[{"clusters": ["session-svc"], "scope": "default/session-svc:9080", "keys": ' + KEYS_EXAMPLE + "}]";

function readServices(
  section: Section,
  value: JsonValue,
  environment: Environment,
  policies: Policy[],
): void {
  section.finish();
  const items = value.items;
  if (value.kind != JsonKind.Array || items.length == 0 || items.length > MAX_SERVICES) {
    section.refuse("services", "not an array of 1 to 1024 policies", "write one such as " + SERVICES_EXAMPLE);
    return;
  }
  const clusters: string[] = [];
  const scopes: string[] = [];
  for (let i = 0; i < items.length; i++) {
    const path = section.at("services") + "[" + decimal(i) + "]";
    if (items[i].kind != JsonKind.Object) {
      section.problems.addWithoutValue(path, "not an object", "write one such as " + SERVICES_EXAMPLE);
      continue;
    }
    const service = new Section(path, items[i], section.problems);
    const served = readClusterNames(service, "clusters");
    for (let k = 0; k < served.length; k++) {
      if (clusters.includes(served[k]))
        service.refuse("clusters", "one of these is another service's", "name each cluster once");
      clusters.push(served[k]);
    }
    // No plugin's name stands in: all would have the same, and a token of one would be worth something at the others.
    const policy = readPolicy(service, "", environment);
    if (policy == null) continue;
    if (scopes.includes(policy.scope))
      service.refuse("scope", "another service's scope", "give each its own");
    scopes.push(policy.scope);
    policy.served = served;
    policies.push(policy);
  }
}
