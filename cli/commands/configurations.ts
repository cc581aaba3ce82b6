/** The filter's configurations in a file: its own JSON, or an Envoy configuration that holds any number of them. */
import { Unusable } from "./types.ts";
import { utf8Text } from "./input.ts";
import { printable } from "./text.ts";
import { MOST_NESTING, yamlDocuments } from "./yaml.ts";

export const MOST_CONFIGURATION = 16 * 1024 * 1024;

export interface Found {
  /** Where in the file it stands; `$` is the whole file. */
  readonly path: string;
  /** The `name` of Envoy's PluginConfig. */
  readonly pluginName: string;
  readonly configuration: Uint8Array;
  /** What the VM sees of the environment; null where the file does not say. */
  readonly vm: VmEnvironment | null;
}

/** Envoy's `vm_config.environment_variables`. */
export interface VmEnvironment {
  readonly hostKeys: readonly string[];
  readonly values: Readonly<Record<string, string>>;
}

export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface Configurations {
  readonly found: readonly Found[];
  /** Wasm filters whose configuration is none that this filter reads. */
  readonly skipped: readonly Skipped[];
}

type Fields = Readonly<Record<string, unknown>>;

// Of the top level of Envoy's bootstrap, of what a control plane sends, and of Kubernetes.
const ENVOY_FIELDS =
  /^(static_?resources|dynamic_?resources|admin|node|resources|configs|address|filter_?chains|http_?filters|typed_?config|@type|apiVersion)$/i;

/**
 * @param name the file's name, for errors
 * @param pluginName the plugin's name where the file is the filter's own JSON
 * @throws Unusable when the file holds none
 */
export function configurationsIn(bytes: Uint8Array, name: string, pluginName: string): Configurations {
  const text = utf8Text(bytes, name);
  if (text.trim() === "") throw new Unusable(`${printable(name)}: empty`);
  const isJson = /^\s*[[{]/.test(text);
  let documents: readonly unknown[] | null = null;
  try {
    documents = (isJson ? jsonDocument(text) : null) ?? yamlDocuments(text);
    const { found, skipped } = search(documents);
    if (found.length + skipped.length > 0) return { found, skipped };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    if (!isJson) throw new Unusable(`${printable(name)}: ${error.message}`);
  }

  // Also JSON that is broken: what is wrong with it is for the filter to say.
  const isObject = text.trimStart().startsWith("{");
  const isEnvoys = Object.keys(fieldsOf(documents?.[0]) ?? {}).some((field) => ENVOY_FIELDS.test(field));
  if (isObject && !isEnvoys) {
    return { found: [{ path: "$", pluginName, configuration: bytes, vm: null }], skipped: [] };
  }
  throw new Unusable(
    `${printable(name)}: neither the filter's JSON nor an Envoy configuration with a wasm filter in it`,
  );
}

/** Null for what is not JSON, as YAML that begins with a bracket. */
function jsonDocument(text: string): readonly unknown[] | null {
  try {
    return [JSON.parse(text)];
  } catch {
    return null;
  }
}

interface Place {
  readonly value: object;
  readonly step: string;
  readonly parent: Place | null;
  readonly depth: number;
}

/**
 * Every wasm filter, however deep, in the order of the text. What stands in several places, as aliases make it, is
 * looked at once: there may be more ways to it than could ever be walked.
 */
function search(documents: readonly unknown[]): { found: Found[]; skipped: Skipped[] } {
  const found: Found[] = [];
  const skipped: Skipped[] = [];
  const seen = new Set<object>();
  const several = documents.length > 1;
  const open: Place[] = [];
  const add = (value: unknown, step: string, parent: Place | null): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    open.push({ value, step, parent, depth: parent === null ? 0 : parent.depth + 1 });
  };
  documents.forEach((value, index) => add(value, several ? `document ${index + 1}: $` : "$", null));
  open.reverse();
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value, depth } = place;
    if (seen.has(value)) continue;
    if (depth > MOST_NESTING) throw new Unusable(`nested more than ${MOST_NESTING} deep`);
    seen.add(value);
    const steps: [string, unknown][] = Array.isArray(value)
      ? value.map((item: unknown, index) => [`[${index}]`, item])
      : Object.entries(value).map(([name, item]) => [fieldStep(name), item]);
    const plugin = fieldsOf(value);
    if (plugin !== null) inspect(plugin, place, found, skipped);
    for (const [step, item] of steps.reverse()) add(item, step, place);
  }
  return { found, skipped };
}

/** Puts down an object that is Envoy's PluginConfig. */
function inspect(plugin: Fields, place: Place, found: Found[], skipped: Skipped[]): void {
  // Long to find out, and few ask.
  const path = (): string => `${pathOf(place)}.configuration`;
  const configuration = fieldsOf(plugin["configuration"]);
  const type = textOf(configuration?.["@type"]).replace(/^.*\//, "");
  const vmConfig = fieldsOf(field(plugin, "vm_config"));
  if (type === "google.protobuf.StringValue") {
    const value = textOf(configuration?.["value"]);
    if (value.trimStart().startsWith("{")) {
      const pluginName = textOf(plugin["name"]);
      found.push({
        path: path(),
        pluginName,
        configuration: Buffer.from(value),
        vm: vmEnvironment(vmConfig),
      });
    } else {
      skipped.push({ path: path(), reason: "its text is no JSON object" });
    }
  } else if (vmConfig !== null) {
    const what = configuration === null ? "it has no configuration" : `a ${type || "value without @type"}`;
    skipped.push({ path: path(), reason: `${what}; the filter reads JSON in a google.protobuf.StringValue` });
  }
}

function vmEnvironment(vmConfig: Fields | null): VmEnvironment {
  const variables = fieldsOf(vmConfig === null ? null : field(vmConfig, "environment_variables")) ?? {};
  const hostKeys = field(variables, "host_env_keys");
  const values = Object.entries(fieldsOf(field(variables, "key_values")) ?? {});
  return {
    hostKeys: Array.isArray(hostKeys) ? hostKeys.map(textOf) : [],
    values: Object.fromEntries(values.map(([name, value]) => [name, textOf(value)])),
  };
}

/** A field of a protobuf message, by either of its names in JSON. */
function field(message: Fields, name: string): unknown {
  return message[name] ?? message[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())];
}

/** Empty for what is no text. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function fieldStep(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function pathOf(place: Place): string {
  const steps: string[] = [];
  for (let at: Place | null = place; at !== null; at = at.parent) steps.push(at.step);
  return printable(steps.reverse().join(""));
}
