/** Which objects in the files are of use: Ingresses of ingress-nginx, and what tells of their backends. */
import { shown } from "../commands/text.ts";
import { objectsIn, type Input, type KubernetesObject } from "./documents.ts";
import { ownField, type Reader } from "./fields.ts";
import { inOrder, ingressOf, type Ingress } from "./ingress-object.ts";
import { serviceOf, sliceOf, subsetsOf, type Cluster, type Service, type Slice } from "./services.ts";

export interface Objects {
  /** In the order in which ingress-nginx goes through them. */
  readonly ingresses: readonly Ingress[];
  readonly cluster: Cluster;
}

/** @throws Unusable for a file that is neither JSON nor YAML */
export function objectsOf(
  inputs: readonly Input[],
  endpointInputs: readonly Input[],
  reader: Reader,
): Objects {
  const objects = lastOfEach(objectsIn([...inputs, ...endpointInputs], reader), reader);
  const others = new Map<string, KubernetesObject[]>();
  const classes = new Set(["nginx"]);
  const ingresses: KubernetesObject[] = [];
  const services = new Map<string, Service>();
  const slices = new Map<string, Slice[]>();
  const subsets = new Map<string, Slice[]>();
  for (const object of objects) {
    const { namespace, name } = object;
    switch (kindOf(object)) {
      case "Ingress":
        ingresses.push(object);
        break;
      case "IngressClass":
        if (object.root.field("spec").field("controller").value === CONTROLLER) classes.add(name);
        break;
      case "Service":
        services.set(`${namespace}/${name}`, serviceOf(object));
        break;
      case "EndpointSlice": {
        const [service, slice] = sliceOf(object) ?? [];
        if (service !== undefined && slice !== undefined) addTo(slices, service, slice);
        break;
      }
      case "Endpoints":
        subsets.set(...subsetsOf(object));
        break;
      default:
        addTo(others, kindText(object), object);
    }
  }
  noteKinds(others, reader);
  return {
    ingresses: inOrder(
      ingresses.flatMap((object) => {
        const old = versionOf(object, reader);
        return old === undefined || !isOurs(object, classes, reader) ? [] : [ingressOf(object, old)];
      }),
    ),
    // Kubernetes mirrors one into the other.
    cluster: { services, slices: new Map([...subsets, ...slices]) },
  };
}

function addTo<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [item]);
  else list.push(item);
}

const CONTROLLER = "k8s.io/ingress-nginx";

const KINDS: ReadonlyMap<string, string> = new Map([
  ["networking.k8s.io Ingress", "Ingress"],
  ["extensions Ingress", "Ingress"],
  ["networking.k8s.io IngressClass", "IngressClass"],
  [" Service", "Service"],
  ["discovery.k8s.io EndpointSlice", "EndpointSlice"],
  [" Endpoints", "Endpoints"],
]);

function kindOf({ group, kind }: KubernetesObject): string | undefined {
  return KINDS.get(`${group} ${kind}`);
}

function kindText({ group, kind }: KubernetesObject): string {
  return group === "" ? shown(kind) : shown(`${kind}.${group}`);
}

/** As `kubectl apply` leaves them: of two with one name, the one that comes last. */
function lastOfEach(objects: readonly KubernetesObject[], { report }: Reader): KubernetesObject[] {
  const last = new Map<string, KubernetesObject>();
  for (const object of objects) {
    const key = `${kindOf(object) ?? kindText(object)} ${object.namespace}/${object.name}`;
    const before = last.get(key);
    last.delete(key);
    last.set(key, object);
    if (before === undefined || kindOf(object) === undefined) continue;
    report.note({
      outcome: "untouched",
      ...before.root.source,
      subject: "metadata.name",
      value: shown(before.name),
      text: `Another with this name comes after it, in ${shown(object.root.source.file)}, and takes its place, as with kubectl apply.`,
    });
  }
  return [...last.values()];
}

/** Whether it is of the old APIs; undefined when of none that is known. */
function versionOf({ group, version, root }: KubernetesObject, { report }: Reader): boolean | undefined {
  if (version === "v1beta1") return true;
  if (version === "v1" && group === "networking.k8s.io") return false;
  report.note({
    outcome: "lost",
    ...root.source,
    subject: "apiVersion",
    value: shown(`${group}/${version}`),
    text: "Not an API of Ingress that is known; the object is left out. Write networking.k8s.io/v1.",
  });
  return undefined;
}

/** GetIngressClass in internal/ingress/controller/store/store.go: the field first, then the annotation. */
function isOurs({ root }: KubernetesObject, classes: ReadonlySet<string>, { report }: Reader): boolean {
  const field = root.field("spec").field("ingressClassName");
  const annotation = ownField(
    root.field("metadata").field("annotations").value,
    "kubernetes.io/ingress.class",
  );
  const byField = field.text("it counts as absent");
  const named = byField ?? (typeof annotation === "string" ? annotation : "");
  if (named === "" || (byField === undefined ? named === "nginx" : classes.has(named))) return true;
  report.note({
    outcome: "untouched",
    ...root.source,
    subject: byField === undefined ? "kubernetes.io/ingress.class" : "spec.ingressClassName",
    value: shown(named),
    text: "Another class than ingress-nginx's: the Ingress is left alone.",
  });
  return false;
}

function noteKinds(others: ReadonlyMap<string, readonly KubernetesObject[]>, { report }: Reader): void {
  for (const [kind, [first, ...more]] of others) {
    if (first === undefined) continue;
    const count = more.length === 0 ? "" : ` This and ${more.length} more.`;
    report.note({
      outcome: "untouched",
      ...first.root.source,
      subject: "kind",
      value: kind,
      text: `Not a kind that is looked at: left alone.${count}`,
    });
  }
}
