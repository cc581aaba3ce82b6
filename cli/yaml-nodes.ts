/** Nodes of envoy/gateway.yaml and the like, which have a known form. */
import { isMap, isScalar, isSeq, Scalar, type YAMLMap, type YAMLSeq } from "yaml";

/** @throws Error when the node is no mapping */
export function map(node: unknown): YAMLMap {
  if (!isMap(node)) throw new Error("envoy/gateway.yaml: no mapping where one was");
  return node;
}

/** @throws Error when the node is no list */
export function seq(node: unknown): YAMLSeq {
  if (!isSeq(node)) throw new Error("envoy/gateway.yaml: no list where one was");
  return node;
}

/** The item of a list of mappings that has this `name`. */
export function named(list: unknown, name: string): YAMLMap {
  return map(seq(list).items.find((item) => isMap(item) && item.get("name") === name));
}

/** Puts a comment above a field. */
export function explain(node: YAMLMap, field: string, why: string): void {
  // A field that was set by its name has no node for it yet.
  const pair = node.items.find(({ key }) => (isScalar(key) ? key.value : key) === field);
  if (pair === undefined) throw new Error(`envoy/gateway.yaml: no ${field} where one was`);
  const key = isScalar(pair.key) ? pair.key : new Scalar(field);
  key.commentBefore = ` ${why}`;
  pair.key = key;
}
