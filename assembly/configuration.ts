import { readClusterNames } from "./clusternames";
import { JsonKind, JsonValue, itemsOf, putJsonProblem, putValue, readJson, stringValue } from "./json";
import { words } from "./literals";
import { Policy } from "./policy";
import { addProblem, forgetProblems, problemCount } from "./problems";
import { Field, readPolicy } from "./readpolicy";
import { Section, openItem, openSection } from "./section";
import { indexOfWord } from "./wordlist";
import { begin, put } from "./writer";

// The tree of a longer text would take tens of megabytes, which a VM never gives back.
export const MAX_CONFIGURATION: u32 = 1024 * 1024;

const MAX_SERVICES: i32 = 1024;
const SERVICES = words("services");
const SERVICES_REMEDY = words(
  'write one such as [{"clusters": ["session-svc"], "scope": "default/session-svc:9080", "keys": [{"id": 1, "env": "AFFINITY_KEY"}]}]',
);
const POLICY = words(
  "services mode type sessionName scope absoluteTimeout idleTimeout onHostChange cookie hostHeader keyHeader stripFromRequest preventCaching cluster debug accept keys",
);
const SERVICE = words(
  "clusters mode type sessionName scope absoluteTimeout idleTimeout onHostChange cookie hostHeader keyHeader stripFromRequest preventCaching cluster debug accept keys",
);

/**
 * Reads the filter's configuration, `length` bytes that it changes; the first policy, or null when it is refused, and then
 * there are problems. What is kept of it is taken of `kept`, all else of `scratch`.
 */
export function readConfiguration(
  text: usize,
  length: u32,
  pluginName: usize,
  pluginNameLength: u32,
): Policy | null {
  forgetProblems();
  begin();
  put(words("$"));
  if (length > MAX_CONFIGURATION) {
    put(words(": longer than 1 MiB; keep to what the README names"));
    addProblem();
    return null;
  }
  const value = readJson(text, length);
  if (value == null || value.kind != JsonKind.Object) {
    if (value == null) {
      put(words(": "));
      putJsonProblem();
      put(words("; write a JSON object, in a StringValue,"));
    } else {
      put(words(" = "));
      putValue(value);
      put(words(": not an object; write one"));
    }
    put(words(' such as {"keys": [{"id": 1, "env": "AFFINITY_KEY"}]}'));
    addProblem();
    return null;
  }
  const policy = hasServices(value)
    ? readServices(openSection(null, 0, -1, value, SERVICES))
    : readPolicy(openSection(null, 0, -1, value, POLICY), stringValue(pluginName, pluginNameLength));
  return problemCount ? null : policy;
}

function hasServices(object: JsonValue): bool {
  let item = object.first;
  while (item != null) {
    if (indexOfWord(SERVICES, item.name) >= 0) return true;
    item = item.next;
  }
  return false;
}

function readServices(section: Section): Policy | null {
  let item = itemsOf(section.get(Field.Services), MAX_SERVICES);
  if (item == null)
    section.refuse(Field.Services, words("not an array of 1 to 1024 policies"), SERVICES_REMEDY);
  let first: Policy | null = null;
  let last: Policy | null = null;
  for (let index = 0; item != null; index++) {
    const service = openItem(section, Field.Services, index, item, SERVICE, SERVICES_REMEDY);
    if (service != null) {
      const served = readClusterNames(service, Field.Clusters);
      // No plugin's name stands in: all would have the same, and a token of one would be worth something at the others.
      const policy = readPolicy(service, stringValue(0, 0));
      policy.index = <u16>index;
      policy.served = served;
      let other = first;
      while (other != null) {
        checkApart(service, policy, other);
        other = other.next;
      }
      if (last == null) first = policy;
      else last.next = policy;
      last = policy;
    }
    item = item.next;
  }
  return first;
}

/** No two services have a cluster or a scope in common. */
function checkApart(section: Section, policy: Policy, other: Policy): void {
  const served = policy.served!;
  for (let i = 0; i < served.count; i++) {
    const name = served.at(i);
    if (other.served!.has(name.start, name.length))
      section.refuse(
        Field.Clusters,
        words("one of these is another service's"),
        words("name each cluster once"),
      );
  }
  if (policy.scope.length && policy.scope.same(other.scope))
    section.refuse(Field.Scope, words("another service's scope"), words("give each its own"));
}
