/** The filter chains that are compared. */
import { join } from "node:path";
import { root } from "../../../cli/root.ts";
import { BUILT, builtFilter } from "./builds.ts";
import { COOKIES, KEY, SCOPE } from "./requests.ts";

export const EXTENSIONS = "type.googleapis.com/envoy.extensions.";
const HOST_HEADER = "x-affinity-host";
const KEY_HEADER = "x-affinity-key";

/** The filters of one kind of Envoy, before the router. */
export interface Chain {
  filters: object[];
  /** What its route has beside the cluster. */
  route?: object;
  /** What answers tell the chain, in headers that it takes away. */
  responseHeaders?: object[];
  /** What its clusters have beside the endpoints. */
  cluster?: object;
}

/** A wasm filter of another's making. */
export interface Compared {
  name: string;
  file: string;
  configuration: string;
}

const pinByHeader = {
  name: "envoy.filters.http.stateful_session",
  typed_config: {
    "@type": `${EXTENSIONS}filters.http.stateful_session.v3.StatefulSession`,
    session_state: {
      name: "envoy.http.stateful_session.header",
      typed_config: {
        "@type": `${EXTENSIONS}http.stateful_session.header.v3.HeaderBasedSessionState`,
        name: HOST_HEADER,
      },
    },
  },
};

const pinByCookie = {
  name: "envoy.filters.http.stateful_session",
  typed_config: {
    "@type": `${EXTENSIONS}filters.http.stateful_session.v3.StatefulSession`,
    session_state: {
      name: "envoy.http.stateful_session.cookie",
      typed_config: {
        "@type": `${EXTENSIONS}http.stateful_session.cookie.v3.CookieBasedSessionState`,
        cookie: { name: COOKIES.native, path: "/" },
      },
    },
  },
};

const TELL_UPSTREAM = [{ header: { key: "x-upstream-host", value: "%UPSTREAM_REMOTE_ADDRESS%" } }];

/** @param script a file beside this one */
function lua(script: string): Chain {
  const filter = {
    name: "envoy.filters.http.lua",
    typed_config: {
      "@type": `${EXTENSIONS}filters.http.lua.v3.Lua`,
      default_source_code: { filename: join(root, "test/bench/envoy", script) },
    },
  };
  return { filters: [filter], responseHeaders: TELL_UPSTREAM };
}

function wasm(file: string, configuration: string): object {
  const value = { "@type": "type.googleapis.com/google.protobuf.StringValue", value: configuration };
  return {
    name: "envoy.filters.http.wasm",
    typed_config: {
      "@type": `${EXTENSIONS}filters.http.wasm.v3.Wasm`,
      config: {
        name: "bench",
        root_id: "bench",
        vm_config: { runtime: "envoy.wasm.runtime.v8", code: { local: { filename: file } } },
        configuration: value,
      },
    },
  };
}

function ours(fields: object = {}): object {
  const keys = [{ id: KEY.id, secret: KEY.bytes.toString("base64") }];
  return wasm(BUILT, JSON.stringify({ scope: SCOPE, sessionName: COOKIES.ours, keys, ...fields }));
}

/** All chains by name; those of `compared` stand in front of stateful_session, as ours do. */
export function chains(compared: readonly Compared[]): Map<string, Chain> {
  const empty = wasm(builtFilter("empty"), "");
  const own: Record<string, Chain> = {
    none: { filters: [] },
    empty: { filters: [empty] },
    floor: { filters: [empty, pinByHeader] },
    native: { filters: [pinByCookie] },
    lua: lua("affinity.lua"),
    "lua-lean": lua("affinity-lean.lua"),
    sdk: { filters: [wasm(builtFilter("sdk"), ""), pinByHeader] },
    ours: { filters: [ours(), pinByHeader] },
    balanced: {
      // Envoy's hash pins here, not stateful_session.
      filters: [ours({ mode: "balanced", sessionName: COOKIES.balanced, keyHeader: KEY_HEADER })],
      route: { hash_policy: [{ header: { header_name: KEY_HEADER } }] },
      cluster: { lb_policy: "MAGLEV" },
    },
    timeouts: {
      // Renewal is due after a tenth of idleTimeout: later than any run takes.
      filters: [
        ours({ sessionName: COOKIES.timeouts, absoluteTimeout: "24h", idleTimeout: "12h" }),
        pinByHeader,
      ],
    },
    metrics: { filters: [ours(), pinByHeader] },
  };
  const others = compared.map(({ name, file, configuration }): [string, Chain] => [
    name,
    { filters: [wasm(file, configuration), pinByHeader] },
  ]);
  return new Map([...Object.entries(own), ...others]);
}
