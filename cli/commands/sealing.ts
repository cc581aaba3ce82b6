/** What a token is sealed under: the keys, the scope and the name, as the command line and a configuration give them. */
import type { TokenBinding, TokenKey } from "../token.ts";
import { Unusable, type Arguments, type Context, type Option } from "./types.ts";
import { configurationsIn, MOST_CONFIGURATION, type Found } from "./configurations.ts";
import { readFile, variable } from "./input.ts";
import { printable, shown } from "./text.ts";

// What the gateway that we ship has, envoy/gateway.yaml.
const SCOPE = "default/session-svc:9080";
const SESSION_NAME = "affinity";
const KEY_VARIABLE = "AFFINITY_KEY";

const KEY_BYTES = 32;
const MOST_KEY_FILE = 4096;

export const sealingOptions: Readonly<Record<string, Option>> = {
  "key-env": {
    value: "[ID=]NAME",
    multiple: true,
    help: `The environment variable that holds a key, and the key's id.\nDefault ${KEY_VARIABLE}.`,
  },
  "key-file": { value: "[ID=]FILE", multiple: true, help: "The file that holds a key, and the key's id." },
  "key-id": { value: "ID", help: "The id, 0 to 255, of a key that is given without one." },
  scope: { value: "TEXT", help: `The filter's scope. Default ${SCOPE}.` },
  "session-name": { value: "NAME", help: `The name of the cookie or header. Default ${SESSION_NAME}.` },
  config: {
    value: "FILE",
    help: "Take keys, scope and name from a configuration of the filter:\nits JSON, or an Envoy configuration that has it.",
  },
  "plugin-name": { value: "NAME", help: "Which filter of that FILE, by its plugin's name." },
};

/** A key; without an id it is of whichever id it is asked for. */
export interface GivenKey {
  readonly id: number | undefined;
  readonly bytes: Uint8Array;
}

export interface Sealing {
  readonly binding: TokenBinding;
  /** At least one; the first seals. */
  readonly keys: readonly GivenKey[];
  /** The names of the configuration's `cluster`. */
  readonly clusters: readonly string[];
}

/** @throws Unusable */
export function readSealing(given: Arguments, context: Context): Sealing {
  const file = given.value("config");
  const configured = file === undefined ? null : readConfiguration(file, given.value("plugin-name"));
  const scope = given.value("scope") ?? (configured === null ? SCOPE : configured.scope);
  if (scope === "") throw new Unusable(`${file ?? "--scope"}: no scope; give it by: --scope TEXT`);
  const sessionName = given.value("session-name") ?? configured?.sessionName ?? SESSION_NAME;
  let keys: GivenKey[] = [...namedKeys(given, context)];
  if (keys.length === 0) {
    keys = configured === null ? [keyFromVariable(KEY_VARIABLE, context)] : configured.keys(context);
  }
  const id = given.value("key-id");
  if (id !== undefined) {
    const number = keyId(id);
    if (number === null) throw new Unusable(`--key-id ${shown(id)}: not a whole number from 0 to 255`);
    keys = keys.map((key) => ({ ...key, id: key.id ?? number }));
  }
  return { binding: { scope, sessionName }, keys, clusters: configured?.clusters ?? [] };
}

/** The one key that seals, of id 1 unless it has another. */
export function sealingKey(keys: readonly GivenKey[]): TokenKey {
  const [{ id = 1, bytes }] = keys as [GivenKey];
  return { id, bytes };
}

function* namedKeys(given: Arguments, context: Context): Generator<GivenKey> {
  for (const text of given.values("key-env")) {
    const [id, name] = split(text);
    if (!/^\w+$/.test(name)) {
      throw new Unusable("--key-env: not a name of an environment variable (not shown, as it may be a key)");
    }
    yield { ...keyFromVariable(name, context), id };
  }
  for (const text of given.values("key-file")) {
    const [id, file] = split(text);
    yield { id, bytes: decodeKey(readFile(file, MOST_KEY_FILE).toString("latin1"), printable(file)) };
  }
}

/** `2=NAME` is a key of id 2. A file whose own name begins so is `./2=NAME`. */
function split(text: string): [id: number | undefined, rest: string] {
  const parts = /^([0-9]+)=(.*)$/s.exec(text);
  if (parts === null) return [undefined, text];
  const id = keyId(parts[1]!);
  if (id === null) throw new Unusable(`${shown(parts[1]!)}: not an id of a key, which is 0 to 255`);
  return [id, parts[2]!];
}

function keyId(text: string): number | null {
  return /^[0-9]{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : null;
}

function keyFromVariable(name: string, { env }: Context): GivenKey {
  const text = variable(env, name);
  if (text === undefined || text === "") {
    throw new Unusable(
      `${name}: no such variable in the environment, so no key; set it, or name another by ` +
        "--key-env NAME, or a file by --key-file FILE",
    );
  }
  return { id: undefined, bytes: decodeKey(text, name) };
}

/** Blanks around the text are let pass, as by the filter. */
function decodeKey(text: string, name: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== KEY_BYTES || bytes.toString("base64") !== text.trim()) {
    throw new Unusable(
      `${name}: not base64 of exactly 32 bytes (not shown); make one by: envoy-cookie-affinity key`,
    );
  }
  return bytes;
}

interface Configured {
  readonly scope: string;
  readonly sessionName: string | undefined;
  readonly clusters: readonly string[];
  keys(context: Context): GivenKey[];
}

/** As much of a configuration as concerns tokens. Whether it is right otherwise is for `config check` to say. */
function readConfiguration(file: string, pluginName: string | undefined): Configured {
  const { found, policy } = onlyFilter(file, pluginName);
  const refuse = (path: string): Unusable =>
    new Unusable(
      `${printable(file)}: ${path}: not as the filter wants it; see: envoy-cookie-affinity config check FILE`,
    );
  const text = (field: string, fallback?: string): string | undefined => {
    const value = policy[field] ?? fallback;
    if (value !== undefined && typeof value !== "string") throw refuse(`$.${field}`);
    return value;
  };
  const { keys: entries } = policy;
  if (!Array.isArray(entries) || entries.length === 0) throw refuse("$.keys");
  const sessionName = text("sessionName");
  const { names } = Object(policy["cluster"]) as { names?: unknown };
  return {
    scope: text("scope", found.pluginName) ?? "",
    // Headers have no case; the filter binds to the lower one.
    sessionName: policy["type"] === "Header" ? sessionName?.toLowerCase() : sessionName,
    clusters: Array.isArray(names) ? names.filter((name) => typeof name === "string") : [],
    keys: (context) => {
      const keys: GivenKey[] = [];
      entries.forEach((entry: unknown, index) => {
        const { id, env, secret } = Object(entry) as { id?: unknown; env?: unknown; secret?: unknown };
        const path = `$.keys[${index}]`;
        if (!Number.isInteger(id) || keyId(String(id)) === null) throw refuse(`${path}.id`);
        const name = typeof env === "string" && /^\w+$/.test(env) ? env : undefined;
        const value = name === undefined ? secret : (found.vm?.values[name] ?? variable(context.env, name));
        if (typeof value === "string") {
          keys.push({
            id: id as number,
            bytes: decodeKey(value, name ?? `${printable(file)}: ${path}.secret`),
          });
        } else if (name === undefined) {
          throw refuse(path);
        } else {
          context.note(`${name}: no such variable in the environment; key ${String(id)} is left out`);
        }
      });
      if (keys.length === 0) throw new Unusable(`${printable(file)}: none of its keys is in the environment`);
      return keys;
    },
  };
}

function onlyFilter(
  file: string,
  pluginName: string | undefined,
): { found: Found; policy: Readonly<Record<string, unknown>> } {
  const bytes = readFile(file, MOST_CONFIGURATION);
  const candidates = configurationsIn(bytes, file, pluginName ?? "")
    .found.filter((found) => found.vm === null || pluginName === undefined || found.pluginName === pluginName)
    .map((found) => ({ found, policy: parsed(found.configuration) }))
    .filter(({ policy }) => policy !== null && "keys" in policy);
  const [first] = candidates;
  if (first?.policy && candidates.length === 1) return { found: first.found, policy: first.policy };
  const names = candidates.map(({ found }) => shown(found.pluginName)).join(", ");
  throw new Unusable(
    candidates.length === 0
      ? `${printable(file)}: no configuration of the filter in it that has keys`
      : `${printable(file)}: has ${candidates.length} filters (${names}); name one by: --plugin-name NAME`,
  );
}

function parsed(configuration: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    return Object(JSON.parse(Buffer.from(configuration).toString())) as Record<string, unknown>;
  } catch {
    return null;
  }
}
