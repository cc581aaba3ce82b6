/** The part `cookie` of a configuration. */
import { isCookieDomain, isCookiePath, toLowerAscii } from "./grammar";
import { JsonKind } from "./json";
import { Lifetime } from "./lifetime";
import { Section } from "./section";
import { CookieAttributes } from "./setcookie";

/** Reads `cookie`; null with type Header, which has none. Sets whether the browser is told of the lifetime. */
export function readAttributes(
  policy: Section,
  sessionName: string,
  inHeader: bool,
  lifetime: Lifetime,
): CookieAttributes | null {
  if (inHeader) {
    if (policy.field("cookie") != null)
      policy.refuse("cookie", "no attributes with type Header", "leave it out");
    return null;
  }
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
    lifetime.permanent = section.choice("lifetimeType", "Session Permanent", "Session") == "Permanent";
    if (lifetime.permanent && !lifetime.ends) {
      section.refuse("lifetimeType", "needs an end", "set absoluteTimeout or idleTimeout");
    }
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
