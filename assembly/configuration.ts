import { Environment, KEYS_EXAMPLE, readKeys } from "./keys";
import { JsonKind, JsonReader } from "./json";
import { Policy } from "./policy";
import { Problems } from "./problems";
import { Section } from "./section";
import { CookieAttributes } from "./setcookie";
import { isCookieDomain, isCookiePath, isHostHeader, isToken, isVisible, toLowerAscii } from "./grammar";

/** Reads the filter's configuration; null when it is refused, and `problems` says why. */
export function readConfiguration(
  text: usize,
  length: u32,
  pluginName: string,
  environment: Environment,
  problems: Problems,
): Policy | null {
  if (length > MAX_CONFIGURATION) {
    problems.addWithoutValue("$", "longer than 256 KiB", "keep to what the README names");
    return null;
  }
  const reader = new JsonReader(text, length);
  const value = reader.read();
  if (value == null) {
    problems.addWithoutValue(
      "$",
      reader.problem,
      "write a JSON object, in a StringValue, such as " + EXAMPLE,
    );
    return null;
  }
  if (value.kind != JsonKind.Object) {
    problems.add("$", value, "not an object", "write one such as " + EXAMPLE);
    return null;
  }
  const policy = readPolicy(new Section("$", value, problems), pluginName, environment);
  return problems.lines.length ? null : policy;
}

// The tree of a longer text would take tens of megabytes, which a VM never gives back.
export const MAX_CONFIGURATION: u32 = 256 * 1024;
const EXAMPLE = '{"keys": ' + KEYS_EXAMPLE + "}";

function readPolicy(section: Section, pluginName: string, environment: Environment): Policy | null {
  section.later("mode", '"persistent"');
  section.later("type", '"Cookie"');
  section.later("absoluteTimeout", "");
  section.later("idleTimeout", "");
  section.later("keyHeader", "");
  section.later("stripFromRequest", "false");
  section.later("preventCaching", "false");
  section.later("cluster", "");
  section.later("accept", "");
  section.later("debug", "");
  section.later("services", "");

  const sessionName = section.text("sessionName", "affinity");
  if (!isToken(sessionName)) {
    section.refuse(
      "sessionName",
      "not a cookie name",
      "use letters, digits and !#$%&'*+-.^_`|~ (RFC 6265, section 4.1.1)",
    );
  }
  const scope = section.text("scope", pluginName);
  if (scope.length == 0) {
    section.refuse(
      "scope",
      "missing, and the plugin has no name to stand in",
      'name the service, such as "default/session-svc:9080"',
    );
  } else if (scope.length > 255 || !isVisible(scope)) {
    section.refuse(
      "scope",
      "not 1 to 255 visible ASCII characters (the plugin's name stands in for it)",
      'name the service, such as "default/session-svc:9080"',
    );
  }
  const hostHeader = toLowerAscii(section.text("hostHeader", "x-affinity-host"));
  if (!isHostHeader(hostHeader)) {
    section.refuse(
      "hostHeader",
      "not a header of your own",
      'use the one that stateful_session reads, such as "x-affinity-host"',
    );
  }
  const repin = section.choice("onHostChange", "repin keep", "repin") == "repin";
  const attributes = readAttributes(section, sessionName);
  const keys = readKeys(section, scope, sessionName, environment);
  section.finish();
  if (keys == null || section.problems.lines.length) return null;
  return new Policy(scope, sessionName, hostHeader, repin, keys, attributes);
}

function readAttributes(policy: Section, sessionName: string): CookieAttributes {
  const attributes = new CookieAttributes();
  const section = policy.section("cookie");
  if (section != null) {
    attributes.path = section.text("path", "/");
    if (!isCookiePath(attributes.path)) {
      section.refuse("path", "not a cookie path", 'start with "/", use visible ASCII without ";"');
    }
    attributes.domain = section.text("domain", "");
    if (attributes.domain.length && !isCookieDomain(attributes.domain)) {
      section.refuse(
        "domain",
        "not a domain name",
        'use one such as "example.com", without port or wildcard',
      );
    }
    attributes.secure = readSecure(section);
    attributes.httpOnly = section.flag("httpOnly", true);
    attributes.sameSite = readSameSite(section);
    attributes.conditionalSameSiteNone = section.flag("conditionalSameSiteNone", false);
    attributes.partitioned = section.flag("partitioned", false);
    section.later("lifetimeType", '"Session"');
    section.finish();
    if (attributes.secure == "false") {
      if (attributes.sameSite == "None")
        section.refuse("sameSite", "browsers drop it without Secure", SECURE_REMEDY);
      if (attributes.partitioned)
        section.refuse("partitioned", "browsers drop it without Secure", SECURE_REMEDY);
    }
  }
  checkPrefix(policy, sessionName, attributes);
  return attributes;
}

const SECURE_REMEDY = 'set cookie.secure to "auto" or true';

/** `auto`, `true` or `false`, of which two are booleans in JSON. */
function readSecure(section: Section): string {
  const value = section.field("secure");
  if (value == null) return "auto";
  if (value.kind == JsonKind.Boolean) return value.flag ? "true" : "false";
  if (value.kind != JsonKind.String || value.text != "auto") {
    section.refuse("secure", "not one of the allowed values", 'allowed: "auto", true, false');
  }
  return "auto";
}

/** Empty leaves the attribute out, as ingress-nginx does unless it is told otherwise. */
function readSameSite(section: Section): string {
  const value = section.field("sameSite");
  if (value != null && value.kind == JsonKind.String && value.text.length == 0) return "";
  return section.choice("sameSite", "Lax Strict None", "Lax");
}

/** rfc6265bis, section 4.1.3: browsers compare the prefix without regard to case, and drop what breaks its rules. */
function checkPrefix(policy: Section, sessionName: string, attributes: CookieAttributes): void {
  const name = toLowerAscii(sessionName);
  const host = name.startsWith("__host-");
  const http = name.startsWith("__http-") || name.startsWith("__host-http-");
  if (!host && !http && !name.startsWith("__secure-")) return;
  if (attributes.secure != "true") {
    policy.refuse(
      "sessionName",
      "its prefix needs a cookie that is always Secure",
      "set cookie.secure to true",
    );
  }
  if (http && !attributes.httpOnly) {
    policy.refuse("sessionName", "its prefix needs HttpOnly", "set cookie.httpOnly to true");
  }
  if (host && attributes.domain.length) {
    policy.refuse("sessionName", "its prefix forbids a domain", "leave cookie.domain out");
  }
  if (host && attributes.path != "/") {
    policy.refuse("sessionName", "its prefix needs the path /", 'set cookie.path to "/"');
  }
}
