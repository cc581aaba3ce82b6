import { Counters, countersOf } from "./counters";
import { Directory } from "./directory";
import * as host from "./host";
import { CLUSTER_NAME, HeaderMap } from "./host";
import { Policy } from "./policy";
import { NO_SERVICE, Stream } from "./streams";

/** A policy, and what came of it. */
export class Service {
  readonly counters: Counters;

  constructor(readonly policy: Policy) {
    this.counters = countersOf(policy.scope);
  }
}

/** A root context: one configuration of one filter. */
export class Root {
  next: Root | null = null;
  private readonly services: Service[] = [];
  /** Null when one policy is for all requests, whatever their cluster. */
  private directory: Directory | null = null;
  /** The headers of all policies, which a request that none is for must not bring or take away. */
  private readonly requestHeaders: ArrayBuffer[] = [];
  private readonly responseHeaders: ArrayBuffer[] = [];

  constructor(
    readonly context: u32,
    policies: Policy[],
  ) {
    for (let i = 0; i < policies.length; i++) {
      const policy = policies[i];
      this.services.push(new Service(policy));
      const served = policy.served;
      if (served == null) continue;
      let directory = this.directory;
      if (directory == null) {
        directory = new Directory();
        this.directory = directory;
      }
      for (let k = 0; k < served.length; k++) directory.add(served[k], <u16>i);
      addOnce(this.requestHeaders, policy.hostHeader);
      addOnce(this.responseHeaders, policy.hostHeader);
      const keyHeader = policy.keyHeader;
      if (keyHeader != null) addOnce(this.requestHeaders, keyHeader);
      const clusters = policy.clusters;
      if (clusters != null) addOnce(this.requestHeaders, clusters.header);
    }
  }

  /** The service that a request is for, by its cluster; null for none, and then its headers are clean. */
  ofRequest(stream: Stream): Service | null {
    const directory = this.directory;
    if (directory == null) return unchecked(this.services[0]);
    if (host.getProperty(CLUSTER_NAME))
      stream.service = directory.find(host.value, host.valueLength, NO_SERVICE);
    if (stream.service != NO_SERVICE) return unchecked(this.services[stream.service]);
    for (let i = 0; i < this.requestHeaders.length; i++)
      host.removeHeader(HeaderMap.Request, this.requestHeaders[i]);
    return null;
  }

  /** As `ofRequest`, of the response to it. */
  ofResponse(stream: Stream): Service | null {
    if (this.directory == null) return unchecked(this.services[0]);
    // A configuration that took the place of another may have fewer.
    if (<i32>stream.service < this.services.length) return unchecked(this.services[stream.service]);
    for (let i = 0; i < this.responseHeaders.length; i++)
      host.removeHeader(HeaderMap.Response, this.responseHeaders[i]);
    return null;
  }

  flush(): void {
    for (let i = 0; i < this.services.length; i++) this.services[i].counters.flush();
  }
}

function addOnce(headers: ArrayBuffer[], header: ArrayBuffer): void {
  for (let i = 0; i < headers.length; i++) {
    if (String.UTF8.decode(headers[i]) == String.UTF8.decode(header)) return;
  }
  headers.push(header);
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

/** Starts a root context, in the place of one that has the same id. */
export function openRoot(context: u32, policies: Policy[]): void {
  closeRoot(context);
  const root = new Root(context, policies);
  root.next = roots;
  roots = root;
}

/** Ends a root context; returns whether there was one. */
export function closeRoot(context: u32): bool {
  const root = findRoot(context);
  if (root == null) return false;
  root.flush();
  roots = root.next;
  return true;
}
