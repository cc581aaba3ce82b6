/** What an emitter is given and what it gives back. */
import type { Target } from "./model.ts";

export type Outcome = "converted" | "different" | "lost" | "invalid" | "untouched";

/** One thing that the reader of the report is to know. */
export interface Note {
  readonly outcome: Outcome;
  /** As it was named on the command line; `-` is standard input. */
  readonly file: string;
  /** Such as `Ingress default/hello-ingress`. */
  readonly object: string;
  /** The annotation without its prefix, or a field such as `spec.tls`. */
  readonly subject: string;
  /** As it stands in the file; empty where there is none, as for a default. */
  readonly value: string;
  /** What happens now, and why. One sentence. */
  readonly text: string;
}

export interface Report {
  note(note: Note): void;
}

export interface EmitOptions {
  readonly target: Target;
  /** Where the filter is: for Envoy a path, for the others an OCI image. */
  readonly wasm: string;
  /** The variable of Envoy's environment that holds the key. */
  readonly keyEnv: string;
  /** The gateway's port; for Envoy alone. */
  readonly port: number;
  /** Envoy's DNS name of a Service: `{service}` and `{namespace}` are replaced. For Envoy alone. */
  readonly serviceDns: string;
  /** Keep the old name for the new cookie. */
  readonly sameName: boolean;
  /** Write mode balanced where ingress-nginx had it. */
  readonly keepBalanced: boolean;
  readonly accept: AcceptOptions;
}

/** How cookies of ingress-nginx are honoured; they are only where EndpointSlices were given. */
export interface AcceptOptions {
  /** RFC 3339. */
  readonly until: string;
  readonly expireOld: boolean;
}

/** One document of the output. */
export interface Manifest {
  /** The name for --out, such as `gateway.yaml`. Those of one name are written into one file, in their order. */
  readonly file: string;
  /** Lines of the comment above it: what it is for, and what it needs. */
  readonly why: string;
  readonly document: object;
}
