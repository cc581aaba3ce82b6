/**
 * What Ingress files say, as ingress-nginx reads them: the middle between reading (ingress.ts and what it uses) and writing
 * (envoy.ts, envoy-gateway.ts, istio.ts).
 */

export type Target = "envoy" | "envoy-gateway" | "istio";

export interface Model {
  /** By name; `*` comes last. */
  readonly hosts: readonly Host[];
  /** Every backend that a route or a canary names, once, by name. */
  readonly backends: readonly Backend[];
}

export interface Host {
  /** In lower case: a name, a wildcard such as `*.example.com`, or `*` for whatever no other host takes. */
  readonly name: string;
  /** In the order in which they are to be tried. */
  readonly routes: readonly Route[];
  /** The Secret that the first Ingress with `tls` for this host names, if any. */
  readonly tls?: SecretName;
}

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

export interface Route {
  readonly path: string;
  /**
   * `exact`: this path alone. `prefix`: this path and what is below it (`/a` takes `/a/b`, not `/ab`). `start`: whatever
   * begins with it, as nginx's plain locations do. `regex`: from the start of the path, in any case (nginx's `~* ^`).
   */
  readonly match: "exact" | "prefix" | "start" | "regex";
  readonly backend: Backend;
  readonly canary?: Canary;
  /** The Ingress it comes from, for comments and notes. */
  readonly source: Source;
}

export interface Source {
  /** The file as it was named on the command line; `-` is standard input. */
  readonly file: string;
  /** Such as `Ingress default/hello-ingress`. */
  readonly object: string;
}

export interface Backend {
  /** What ingress-nginx calls it: `default-session-svc-9080`. Salt of its cookies. */
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  /** As the Ingress says it: a number, or the name of a port of the Service. */
  readonly port: number | string;
  /** The Service's port; undefined when only its name is known. */
  readonly servicePort?: number;
  /** The port on which the pods listen; undefined when nothing says it. */
  readonly targetPort?: number;
  /** Whether the Service has no cluster IP, so that its DNS name stands for its pods; undefined without its manifest. */
  readonly headless?: boolean;
  /** Of the EndpointSlices, as ingress-nginx writes them (`10.0.0.1:9080`, `[fd00::1]:9080`); undefined without any. */
  readonly endpoints?: readonly string[];
  readonly affinity?: Affinity;
}

/** Lifetimes are in seconds. */
export interface Affinity {
  readonly mode: "balanced" | "persistent";
  readonly cookie: AffinityCookie;
  readonly changeOnFailure: boolean;
  readonly source: Source;
}

export interface AffinityCookie {
  /** As ingress-nginx names it. */
  readonly name: string;
  /** For all paths of the backend; `/` where they differ or cannot be a cookie's. */
  readonly path: string;
  /** Where ingress-nginx has set it; several when it set one for each path. The old cookie is expired at each. */
  readonly formerPaths: readonly string[];
  readonly domain?: string;
  /** Positive; what a browser heeds of Max-Age and Expires. Undefined for a session cookie. */
  readonly lifetime?: number;
  readonly secure: boolean;
  readonly sameSite?: "Strict" | "Lax" | "None";
  readonly conditionalSameSiteNone: boolean;
  /** Only beside Secure; false when absent. */
  readonly partitioned?: boolean;
  /**
   * What the new cookie's name ends with where two backends would overwrite each other's: ingress-nginx lets backends
   * share a cookie, and tokens are for one backend alone.
   */
  readonly suffix?: string;
}

/** The second version of a backend: where a request goes by header, else by cookie, else by weight. */
export interface Canary {
  readonly backend: Backend;
  /** 0 up to `total`. */
  readonly weight: number;
  /** 100 or more. */
  readonly total: number;
  readonly header?: CanaryHeader;
  /** The name of a cookie that says `always` or `never`. */
  readonly cookie?: string;
  /** Whether who has been at one version stays there; `legacy` is false: only those of the first version stay. */
  readonly sticky: boolean;
}

export interface CanaryHeader {
  readonly name: string;
  /** Equal to this is the canary's. Without value and pattern: `always` and `never`. */
  readonly value?: string;
  readonly pattern?: string;
}
