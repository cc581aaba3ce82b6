import assert from "node:assert/strict";
import type { TokenKey } from "../../cli/token.ts";

/** What a configuration says, as the README has it: the reading of it that the filter is compared with. */
export interface Policy {
  readonly balanced: boolean;
  readonly inHeader: boolean;
  readonly sessionName: string;
  readonly scope: string;
  /** The first seals, all open. */
  readonly keys: readonly TokenKey[];
  /** Seconds; 0 for none. */
  readonly absolute: number;
  readonly idle: number;
  readonly keep: boolean;
  readonly hostHeader: string;
  /** Empty for none. */
  readonly keyHeader: string;
  readonly strip: boolean;
  readonly preventCaching: boolean;
  readonly cookie: CookiePolicy;
  readonly cluster: { readonly header: string; readonly names: readonly string[] } | null;
  readonly debug: { readonly header: string; readonly secret: string } | null;
}

export interface CookiePolicy {
  readonly path: string;
  readonly domain: string;
  readonly secure: boolean | "auto";
  readonly httpOnly: boolean;
  readonly sameSite: string;
  readonly conditionalSameSiteNone: boolean;
  readonly partitioned: boolean;
  readonly permanent: boolean;
}

/**
 * Reads a configuration that the filter has accepted. Throws an AssertionError for one that it should have refused:
 * a field or a type that the README does not have, or a value that cannot be what it says.
 */
export function readPolicy(
  configuration: unknown,
  pluginName: string,
  env: Readonly<Record<string, string>> = {},
): Policy {
  const top = new Fields("$", configuration);
  const inHeader = top.choice("type", ["Cookie", "Header"]) === "Header";
  const balanced = top.choice("mode", ["persistent", "balanced"]) === "balanced";
  const name = top.text("sessionName", "affinity");
  assert.match(name, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/);
  const scope = top.text("scope", pluginName);
  assert.match(scope, /^[!-~]{1,255}$/);
  const absolute = seconds(top.text("absoluteTimeout", "0s"));
  const idle = seconds(top.text("idleTimeout", "0s"));
  assert.ok(top.isAbsent("absoluteTimeout") || absolute > 0);
  assert.ok(top.isAbsent("idleTimeout") || idle > 0);
  assert.ok(!inHeader || top.isAbsent("cookie"), "cookie with type Header");
  const cookie = readCookie(top.fields("cookie"));
  assert.ok(!cookie.permanent || absolute + idle > 0, "Permanent without an end");
  const keys = top.list("keys").map((item, index) => readKey(item, index, env));
  assert.ok(keys.length >= 1 && new Set(keys.map(({ id }) => id)).size === keys.length, "keys");
  const cluster = top.isAbsent("cluster") ? null : readCluster(top.fields("cluster"));
  const debug = top.isAbsent("debug") ? null : readDebug(top.fields("debug"));
  const policy: Policy = {
    balanced,
    inHeader,
    sessionName: inHeader ? name.toLowerCase() : name,
    scope,
    keys,
    absolute,
    idle,
    keep: top.choice("onHostChange", ["repin", "keep"]) === "keep",
    hostHeader: top.header("hostHeader", "x-affinity-host"),
    keyHeader: top.header("keyHeader", balanced ? "x-affinity-key" : ""),
    strip: top.flag("stripFromRequest", false),
    preventCaching: top.flag("preventCaching", false),
    cookie,
    cluster,
    debug,
  };
  top.finish();
  assert.ok(!balanced || !policy.keep, "keep with mode balanced");
  const headers = [policy.hostHeader, policy.keyHeader, cluster?.header, debug?.header];
  if (inHeader) headers.push(policy.sessionName);
  const used = headers.filter((header) => header !== undefined && header !== "");
  assert.equal(new Set(used).size, used.length, `two headers of one name: ${used.join(", ")}`);
  return policy;
}

function readCookie(fields: Fields): CookiePolicy {
  const secure = fields.any("secure", "auto");
  assert.ok(secure === "auto" || typeof secure === "boolean", "cookie.secure");
  const cookie: CookiePolicy = {
    path: fields.text("path", "/"),
    domain: fields.text("domain", ""),
    secure,
    httpOnly: fields.flag("httpOnly", true),
    sameSite: fields.text("sameSite", "Lax"),
    conditionalSameSiteNone: fields.flag("conditionalSameSiteNone", false),
    partitioned: fields.flag("partitioned", false),
    permanent: fields.choice("lifetimeType", ["Session", "Permanent"]) === "Permanent",
  };
  fields.finish();
  assert.match(cookie.path, /^\/[!-:<-~]*$/);
  assert.match(cookie.domain, /^[0-9A-Za-z.-]*$/);
  assert.ok(["Strict", "Lax", "None", ""].includes(cookie.sameSite), "cookie.sameSite");
  assert.ok(cookie.secure !== false || (cookie.sameSite !== "None" && !cookie.partitioned), "not Secure");
  return cookie;
}

function readKey(item: unknown, index: number, env: Readonly<Record<string, string>>): TokenKey {
  const fields = new Fields(`$.keys[${index}]`, item);
  const id = fields.any("id", null);
  assert.ok(typeof id === "number" && Number.isInteger(id) && id >= 0 && id <= 255, `keys[${index}].id`);
  assert.notEqual(fields.isAbsent("env"), fields.isAbsent("secret"), "either env or secret");
  const text = fields.isAbsent("env") ? fields.text("secret", "") : env[fields.text("env", "")];
  fields.finish();
  const bytes = Buffer.from(text ?? "", "base64");
  assert.equal(bytes.length, 32);
  return { id, bytes };
}

function readCluster(fields: Fields): { header: string; names: string[] } {
  const header = fields.header("header", "x-affinity-cluster");
  const names = fields.list("names").map(String);
  fields.finish();
  assert.ok(names.length >= 1 && names.length <= 16 && new Set(names).size === names.length, "cluster.names");
  return { header, names };
}

function readDebug(fields: Fields): { header: string; secret: string } {
  const header = fields.header("header", "x-affinity-debug");
  const secret = fields.text("secret", "");
  fields.finish();
  assert.match(secret, /^[!-~]{16,255}$/);
  return { header, secret };
}

/** GEP-2257. */
function seconds(text: string): number {
  assert.match(text, /^([0-9]{1,5}(h|m|s|ms)){1,4}$/);
  const UNITS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  let milliseconds = 0;
  for (const [, number, unit] of text.matchAll(/([0-9]+)(h|ms|m|s)/g))
    milliseconds += Number(number) * UNITS[unit!]!;
  assert.equal(milliseconds % 1000, 0, text);
  return milliseconds / 1000;
}

/** The fields of one object, and that it has no others. */
class Fields {
  readonly #path: string;
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  constructor(path: string, value: unknown) {
    assert.ok(typeof value === "object" && value !== null && !Array.isArray(value), `${path}: no object`);
    this.#path = path;
    this.#object = { ...value } as Record<string, unknown>;
  }

  isAbsent(name: string): boolean {
    this.#known.add(name);
    return !Object.hasOwn(this.#object, name);
  }

  any(name: string, fallback: unknown): unknown {
    return this.isAbsent(name) ? fallback : this.#object[name];
  }

  text(name: string, fallback: string): string {
    const value = this.any(name, fallback);
    assert.ok(typeof value === "string", `${this.#path}.${name}: no string`);
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.any(name, fallback);
    assert.ok(typeof value === "boolean", `${this.#path}.${name}: no boolean`);
    return value;
  }

  /** The first is the default. */
  choice(name: string, choices: readonly string[]): string {
    const value = this.text(name, choices[0]!);
    assert.ok(choices.includes(value), `${this.#path}.${name}: not ${choices.join(" or ")}`);
    return value;
  }

  header(name: string, fallback: string): string {
    const value = this.text(name, fallback).toLowerCase();
    assert.ok(this.isAbsent(name) || /^x-[!#$%&'*+\-.^_`|~0-9a-z]*$/.test(value), `${this.#path}.${name}`);
    return value;
  }

  list(name: string): unknown[] {
    const value = this.any(name, null);
    assert.ok(Array.isArray(value), `${this.#path}.${name}: no array`);
    return value;
  }

  fields(name: string): Fields {
    return new Fields(`${this.#path}.${name}`, this.any(name, {}));
  }

  finish(): void {
    const unknown = Object.keys(this.#object).filter((name) => !this.#known.has(name));
    assert.deepEqual(unknown, [], `${this.#path}: unknown fields were accepted`);
  }
}
