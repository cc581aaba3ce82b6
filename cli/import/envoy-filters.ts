/** What Envoy is told in the same words by every target that tells it itself. */
import { typeUrl } from "./envoy-names.ts";
import { CLUSTER_HEADER, HOST_HEADER, KEY_HEADER } from "./policy.ts";

/** The extension that takes these headers off a request before any filter: no client names a pod, a hash or a version. */
export function earlyRemoval(): object {
  return {
    name: "envoy.http.early_header_mutation.header_mutation",
    typed_config: {
      "@type": typeUrl("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"),
      mutations: [HOST_HEADER, KEY_HEADER, CLUSTER_HEADER].map((remove) => ({ remove })),
    },
  };
}

/** The configuration of stateful_session that pins by the filter's header. */
export function sessionByHeader(): object {
  return {
    "@type": typeUrl("extensions.filters.http.stateful_session.v3.StatefulSession"),
    session_state: {
      name: "envoy.http.stateful_session.header",
      typed_config: {
        "@type": typeUrl("extensions.http.stateful_session.header.v3.HeaderBasedSessionState"),
        name: HOST_HEADER,
      },
    },
  };
}
