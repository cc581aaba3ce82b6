/** The part `cookie` of a configuration. */
import { isCookieDomain, isCookiePath, lowered } from "./grammar";
import { JsonKind, JsonValue } from "./json";
import { Lifetime } from "./lifetime";
import { words } from "./literals";
import { make, scratch } from "./region";
import { Section, packedValue } from "./section";
import { CookieAttributes, SAME_SITES, SameSite, Secure } from "./setcookie";
import { startsWithWord } from "./wordlist";

const enum Field {
  Path,
  Domain,
  Secure,
  HttpOnly,
  SameSite,
  ConditionalSameSiteNone,
  Partitioned,
  LifetimeType,
}
const FIELDS = words("path domain secure httpOnly sameSite conditionalSameSiteNone partitioned lifetimeType");

/**
 * Reads field `field` of a policy; null with type Header, which has no attributes. Sets whether the browser is told of the
 * lifetime.
 */
export function readAttributes(
  policy: Section,
  field: i32,
  nameField: i32,
  sessionName: JsonValue,
  inHeader: bool,
  lifetime: Lifetime,
): CookieAttributes | null {
  if (inHeader) {
    if (policy.get(field) != null)
      policy.refuse(field, words("no attributes with type Header"), words("leave it out"));
    return null;
  }
  const attributes = make<CookieAttributes>(scratch);
  const section = policy.section(field, FIELDS);
  if (section == null) {
    attributes.path = packedValue(words("/"));
    attributes.domain = packedValue(words(""));
    attributes.httpOnly = true;
  } else {
    readSection(section, attributes, lifetime);
  }
  checkPrefix(policy, nameField, sessionName, attributes);
  return attributes;
}

function readSection(section: Section, attributes: CookieAttributes, lifetime: Lifetime): void {
  attributes.path = section.textOr(Field.Path, words("/"));
  if (!isCookiePath(attributes.path)) {
    section.refuse(
      Field.Path,
      words("not a cookie path"),
      words('start with "/", use visible ASCII without ";"'),
    );
  }
  attributes.domain = section.textOr(Field.Domain, words(""));
  if (!isCookieDomain(attributes.domain)) {
    section.refuse(
      Field.Domain,
      words("not a domain name"),
      words('use one such as "example.com", without port or wildcard'),
    );
  }
  attributes.secure = readSecure(section);
  attributes.httpOnly = section.flag(Field.HttpOnly, true);
  attributes.sameSite = readSameSite(section);
  attributes.conditionalSameSiteNone = section.flag(Field.ConditionalSameSiteNone, false);
  attributes.partitioned = section.flag(Field.Partitioned, false);
  lifetime.permanent = section.choice(Field.LifetimeType, words("Session Permanent")) != 0;
  if (lifetime.permanent && !lifetime.ends) {
    section.refuse(Field.LifetimeType, words("needs an end"), words("set absoluteTimeout or idleTimeout"));
  }
  if (attributes.secure == Secure.Never) {
    if (attributes.sameSite == SameSite.None) needsSecure(section, Field.SameSite);
    if (attributes.partitioned) needsSecure(section, Field.Partitioned);
  }
}

function needsSecure(section: Section, field: i32): void {
  section.refuse(
    field,
    words("browsers drop it without Secure"),
    words('set cookie.secure to "auto" or true'),
  );
}

/** `auto`, `true` or `false`, of which two are booleans in JSON. */
function readSecure(section: Section): Secure {
  const value = section.get(Field.Secure);
  if (value == null) return Secure.Auto;
  if (value.kind == JsonKind.Boolean) return value.flag ? Secure.Always : Secure.Never;
  const auto = packedValue(words("auto"));
  if (value.kind != JsonKind.String || !value.is(auto)) {
    section.refuse(
      Field.Secure,
      words("not one of the allowed values"),
      words('allowed: "auto", true, false'),
    );
  }
  return Secure.Auto;
}

/** Empty leaves the attribute out, as ingress-nginx does unless it is told otherwise. */
function readSameSite(section: Section): SameSite {
  const value = section.get(Field.SameSite);
  if (value != null && value.kind == JsonKind.String && value.length == 0) return SameSite.Absent;
  return <SameSite>section.choice(Field.SameSite, SAME_SITES);
}

/** rfc6265bis, section 4.1.3: browsers compare the prefix without regard to case, and drop what breaks its rules. */
function checkPrefix(
  policy: Section,
  field: i32,
  sessionName: JsonValue,
  attributes: CookieAttributes,
): void {
  const name = lowered(sessionName);
  const host = startsWithWord(words("__host-"), name);
  const http = startsWithWord(words("__http- __host-http-"), name);
  if (!host && !http && !startsWithWord(words("__secure-"), name)) return;
  if (attributes.secure != Secure.Always) {
    policy.refuse(
      field,
      words("its prefix needs a cookie that is always Secure"),
      words("set cookie.secure to true"),
    );
  }
  if (http && !attributes.httpOnly)
    policy.refuse(field, words("its prefix needs HttpOnly"), words("set cookie.httpOnly to true"));
  if (host && attributes.domain.length)
    policy.refuse(field, words("its prefix forbids a domain"), words("leave cookie.domain out"));
  const path = attributes.path;
  if (host && (path.length != 1 || load<u8>(path.text) != 0x2f))
    policy.refuse(field, words("its prefix needs the path /"), words('set cookie.path to "/"'));
}
