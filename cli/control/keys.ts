import { randomBytes } from "node:crypto";

/** A key of the filter, and the environment variable that hands it to the gateway. */
export interface GatewayKey {
  /** 0 to 255. */
  id: number;
  bytes: Buffer;
  env: string;
}

// Eight rotations back a cookie is older than any that a demo has in use.
const MOST_KEYS = 8;
const IDS = 256;
const VARIABLE = "AFFINITY_KEY";
const KEY_BYTES = 32;

/** The keys that a gateway starts with: the shipped configuration's one. */
export function firstKeys(id: number, bytes: Buffer): GatewayKey[] {
  return [{ id, bytes, env: VARIABLE }];
}

/** A new key in front, which seals from now on; all earlier ones stay behind it and open, the eight newest. */
export function rotated(keys: readonly GatewayKey[]): GatewayKey[] {
  const newest = keys[0];
  const id = newest === undefined ? 1 : (newest.id + 1) % IDS;
  const key = { id, bytes: randomBytes(KEY_BYTES), env: `${VARIABLE}_${id}` };
  return [key, ...keys].slice(0, MOST_KEYS);
}

/** The environment variables of these keys. */
export function keyVariables(keys: readonly GatewayKey[]): Record<string, string> {
  return Object.fromEntries(keys.map(({ env, bytes }) => [env, bytes.toString("base64")]));
}

interface WasmFilter {
  typed_config: {
    "@type": string;
    config?: {
      vm_config: { environment_variables?: { host_env_keys?: string[] } };
      configuration: { value: string };
    };
  };
}

interface Bootstrap {
  static_resources: {
    listeners: { filter_chains: { filters: { typed_config: { http_filters: WasmFilter[] } }[] }[] }[];
  };
}

/** A gateway's configuration (JSON, of gatewayConfig()) whose affinity filter has these keys, by their variables. */
export function withKeys(config: string, keys: readonly GatewayKey[]): string {
  const bootstrap = JSON.parse(config) as Bootstrap;
  const filters = bootstrap.static_resources.listeners
    .flatMap((listener) => listener.filter_chains)
    .flatMap((chain) => chain.filters)
    .flatMap((network) => network.typed_config.http_filters);
  for (const { typed_config: wasm } of filters) {
    if (!wasm["@type"].endsWith(".wasm.v3.Wasm") || wasm.config === undefined) continue;
    wasm.config.vm_config.environment_variables = { host_env_keys: keys.map(({ env }) => env) };
    const policy = JSON.parse(wasm.config.configuration.value) as Record<string, unknown>;
    policy["keys"] = keys.map(({ id, env }) => ({ id, env }));
    wasm.config.configuration.value = JSON.stringify(policy);
  }
  return JSON.stringify(bootstrap, null, 2);
}
