import { Directory, newEntry } from "./directory";
import * as host from "./host";
import { CLUSTER_NAME, HeaderMap } from "./host";
import { countersOf } from "./counters";
import { Policy } from "./policy";
import { Region, kept, make } from "./region";
import { NO_SERVICE, Stream } from "./streams";
import { Text } from "./text";

/** A header that a request which no policy is for must not bring, or a response to it not take away. */
@unmanaged
class Header {
  name: Text;
  map: HeaderMap;
  next: Header | null;
}

/** A root context: one configuration of one filter. */
@unmanaged
export class Root {
  next: Root | null;
  context: u32;
  /** Its first policy, which the others follow. */
  policies: Policy;
  /** Null when one policy is for all requests, whatever their cluster. */
  directory: Directory | null;
  private headers: Header | null;
  /** What all of this, and this itself, is taken of: a copy of the region. */
  region: Region;

  addService(policy: Policy): void {
    const served = policy.served!;
    for (let i = 0; i < served.count; i++) this.directory = newEntry(served.at(i), policy, this.directory);
    this.addHeader(HeaderMap.Request, policy.hostHeader);
    this.addHeader(HeaderMap.Response, policy.hostHeader);
    const keyHeader = policy.keyHeader;
    if (keyHeader != null) this.addHeader(HeaderMap.Request, keyHeader);
    const clusters = policy.clusters;
    if (clusters != null) this.addHeader(HeaderMap.Request, clusters.header);
  }

  /** The policy that a request is for, by its cluster; null for none, and then its headers are clean. */
  ofRequest(stream: Stream): Policy | null {
    const directory = this.directory;
    if (directory == null) return this.policies;
    const entry = host.getProperty(CLUSTER_NAME) ? directory.find(host.value, host.valueLength) : null;
    if (entry == null) {
      this.removeHeaders(HeaderMap.Request);
      return null;
    }
    stream.service = entry.policy.index;
    return entry.policy;
  }

  /** As `ofRequest`, of the response to it. */
  ofResponse(stream: Stream): Policy | null {
    if (this.directory == null) return this.policies;
    // A configuration that took the place of another may have fewer.
    let policy: Policy | null = stream.service == NO_SERVICE ? null : this.policies;
    while (policy != null && policy.index != stream.service) policy = policy.next;
    if (policy == null) this.removeHeaders(HeaderMap.Response);
    return policy;
  }

  flush(): void {
    let policy: Policy | null = this.policies;
    for (; policy != null; policy = policy.next) policy.counters.flush();
  }

  private removeHeaders(map: HeaderMap): void {
    let header = this.headers;
    while (header != null) {
      if (header.map == map) host.removeHeader(map, header.name);
      header = header.next;
    }
  }

  private addHeader(map: HeaderMap, name: Text): void {
    let header = this.headers;
    while (header != null) {
      if (header.map == map && header.name.same(name)) return;
      header = header.next;
    }
    const added = make<Header>(kept);
    added.name = name;
    added.map = map;
    added.next = this.headers;
    this.headers = added;
  }
}

// A handful: Envoy keeps one for each configuration that is in use or draining. The one that was asked for last is
// in front.
let roots: Root | null = null;

/** The root context of an id; null when it has no configuration. */
export function findRoot(context: u32): Root | null {
  const first = roots;
  return first == null || first.context == context ? first : findFurther(first, context);
}

function findFurther(first: Root, context: u32): Root | null {
  let before = first;
  let root = first.next;
  while (root != null && root.context != context) {
    before = root;
    root = root.next;
  }
  if (root == null) return null;
  before.next = root.next;
  root.next = first;
  roots = root;
  return root;
}

/** Starts a root context, in the place of one that has the same id, with policies of `kept`, which becomes its own. */
export function openRoot(context: u32, policies: Policy): void {
  closeRoot(context);
  const root = make<Root>(kept);
  root.context = context;
  root.policies = policies;
  let policy: Policy | null = policies;
  for (; policy != null; policy = policy.next) {
    policy.counters = countersOf(policy.scope);
    if (policy.served != null) root.addService(policy);
  }
  const region = make<Region>(kept);
  memory.copy(changetype<usize>(region), changetype<usize>(kept), offsetof<Region>());
  root.region = region;
  kept.forget();
  root.next = roots;
  roots = root;
}

/** Ends a root context; returns whether there was one. */
export function closeRoot(context: u32): bool {
  const root = findRoot(context);
  if (root == null) return false;
  root.flush();
  roots = root.next;
  root.region.clear();
  return true;
}
