/** The part `accept` of a configuration. */
import { Clusters } from "./clusters";
import { crc32 } from "./crc32";
import { newEndpoints } from "./endpoints";
import { Format, FormatKind } from "./former";
import { FormerCookies } from "./formercookies";
import { isCookieDomain, isCookiePath, isToken, isVisible } from "./grammar";
import { JsonKind, JsonValue, itemsOf, keepString, putString, stringValue } from "./json";
import { wholeNumber } from "./keys";
import { words } from "./literals";
import { problemCount } from "./problems";
import { kept, make, scratch } from "./region";
import { Section, openItem, openSection, packedValue } from "./section";
import { CookieAttributes, putAttribute } from "./setcookie";
import { timestampSeconds } from "./timestamp";
import { startsWithWord } from "./wordlist";
import { begin, keepWritten, put } from "./writer";

const MAX_FORMATS: i32 = 16;
const MAX_ENDPOINTS: i32 = 4096;
const MAX_WEIGHT: i32 = 100;
const MAX_PATHS: i32 = 16;
const MAX_BACKEND: u32 = 4096;

/** What else of the policy matters to it. */
@unmanaged
export class Surroundings {
  balanced: bool;
  stripFromRequest: bool;
  sessionName: JsonValue;
  /** None with type Header. */
  attributes: CookieAttributes | null;
  clusters: Clusters | null;
}

const enum Field {
  Until,
  ExpireOld,
  Formats,
}
const FIELDS = words("until expireOld formats");
const FORMATS_REMEDY = words(
  'write one such as [{"type": "ingress-nginx", "backend": "default-session-svc-9080", "endpoints": ["10.0.0.1:9080"]}]',
);

/** Reads field `field` of a policy; null when there is none. */
export function readAcceptance(policy: Section, field: i32, around: Surroundings): FormerCookies | null {
  const section = policy.section(field, FIELDS);
  if (section == null) return null;
  if (around.balanced)
    policy.refuse(field, words("mode balanced names no pod"), words("leave it out, or use mode persistent"));
  const former = make<FormerCookies>(kept);
  const until = section.get(Field.Until);
  if (until != null && until.kind == JsonKind.String)
    former.until = timestampSeconds(until.text, until.length);
  if (former.until == 0) {
    section.require(
      Field.Until,
      words("not a time from 1970 to 2106"),
      words('write one such as "2027-01-31T00:00:00Z" (RFC 3339)'),
    );
  }
  const expireOld = section.flag(Field.ExpireOld, false);
  let item = itemsOf(section.get(Field.Formats), MAX_FORMATS);
  if (item == null) section.require(Field.Formats, words("not an array of 1 to 16 formats"), FORMATS_REMEDY);
  let last: Format | null = null;
  for (let index = 0; item != null; index++) {
    const opened = openItem(section, Field.Formats, index, item, FORMAT_FIELDS, FORMATS_REMEDY);
    if (opened != null) {
      const format = readFormat(opened, around, expireOld ? former : null);
      if (last == null) former.formats = format;
      else last.next = format;
      last = format;
    }
    item = item.next;
  }
  return former;
}

const enum FormatField {
  Type,
  Mode,
  Backend,
  SessionName,
  Endpoints,
  Cluster,
  Domain,
  Paths,
}
const FORMAT_FIELDS = words("type mode backend sessionName endpoints cluster domain paths");

/** `former` gets what expires the cookies, once for each name, domain and path; it is null where they stay. */
function readFormat(section: Section, around: Surroundings, former: FormerCookies | null): Format {
  const format = make<Format>(kept);
  const envoy = section.choice(FormatField.Type, words("ingress-nginx envoy")) != 0;
  if (section.get(FormatField.Type) == null)
    section.refuse(FormatField.Type, words("missing"), words('write "ingress-nginx" or "envoy"'));
  let backend = stringValue(0, 0);
  if (envoy) {
    format.kind = FormatKind.Envoy;
    refuseOfNginx(section, FormatField.Mode);
    refuseOfNginx(section, FormatField.Backend);
  } else {
    format.kind = section.choice(FormatField.Mode, words("balanced persistent"));
    backend = section.textOr(FormatField.Backend, words(""));
    if (!isVisible(backend, MAX_BACKEND)) {
      section.require(
        FormatField.Backend,
        words("not a name that ingress-nginx gives"),
        words('write NAMESPACE-SERVICE-PORT, such as "default-session-svc-9080"'),
      );
    }
  }
  const name = section.textOr(FormatField.SessionName, envoy ? words("") : words("INGRESSCOOKIE"));
  if (!isToken(name)) {
    section.require(
      FormatField.SessionName,
      words("not a cookie name"),
      words("write the name of the cookie that browsers have"),
    );
  } else if (around.stripFromRequest && around.attributes != null && name.is(around.sessionName)) {
    section.refuse(
      FormatField.SessionName,
      words("stripFromRequest takes the cookie of this name away"),
      words("give the policy another sessionName"),
    );
  }
  format.name = keepString(name);
  readEndpoints(section, format, backend);
  readCluster(section, format, around.clusters);
  readExpiries(section, name, around, former);
  return format;
}

function refuseOfNginx(section: Section, field: i32): void {
  if (section.get(field) != null)
    section.refuseUnseen(field, words("unknown field"), words("known for ingress-nginx alone"));
}

const WEIGHTED_FIELDS = words("address weight");

function readEndpoints(section: Section, format: Format, backend: JsonValue): void {
  const field = FormatField.Endpoints;
  const value = section.get(field);
  const isEnvoys = format.kind == FormatKind.Envoy;
  // What Envoy's cookie names is an address already, and Envoy goes to none that is not in its cluster.
  if (value == null && isEnvoys) return;
  const first = itemsOf(value, MAX_ENDPOINTS);
  if (first == null) {
    section.require(
      field,
      words("not an array of 1 to 4096 pods"),
      words('write ["10.0.0.1:9080", "[fd00::1]:9080"]: those that the other gateway had'),
    );
    return;
  }
  const endpoints = newEndpoints(value!.count);
  format.endpoints = endpoints;
  let index = 0;
  for (let item: JsonValue | null = first; item != null; item = item.next) {
    let text: JsonValue = item;
    let weight = 1;
    if (item.kind == JsonKind.Object && !isEnvoys) {
      const weighted = openSection(section, field, index, item, WEIGHTED_FIELDS);
      text = weighted.textOr(0, words(""));
      weight = readWeight(weighted, 1);
    }
    if (text.kind != JsonKind.String || !endpoints.add(text.text, text.length)) {
      section.refuseItem(
        field,
        index,
        item,
        words("not an address and port as Envoy writes it, or there twice"),
        words('write "10.0.0.1:9080" or "[fd00::1]:9080"'),
      );
    }
    // What the formats are made of: for an object its address and, where the count of items is, its weight.
    item.text = text.text;
    item.length = text.length;
    item.count = weight;
    index++;
  }
  // A ring of what is refused would be made in vain, of sizes that nobody has looked at.
  if (!isEnvoys && problemCount == 0) format.serve(backend, first);
}

/** resty.chash knows weights; ingress-nginx gives all pods the same. */
function readWeight(section: Section, field: i32): i32 {
  const value = section.get(field);
  if (value == null) return 1;
  const weight = wholeNumber(value, MAX_WEIGHT);
  if (weight >= 1) return weight;
  section.refuse(field, words("not a whole number from 1 to 100"), words("leave it out for 1"));
  return 1;
}

function readCluster(section: Section, format: Format, clusters: Clusters | null): void {
  const value = section.text(FormatField.Cluster);
  if (clusters == null) {
    if (value != null)
      section.refuse(
        FormatField.Cluster,
        words("the policy does not tell clusters apart"),
        words("leave it out, or add cluster to the policy"),
      );
    return;
  }
  format.cluster = value == null ? clusters.firstSum : crc32(value.text, value.length);
  if (clusters.find(format.cluster) == null)
    section.refuse(FormatField.Cluster, words("none of cluster.names"), words("write one of these"));
}

function readExpiries(
  section: Section,
  name: JsonValue,
  around: Surroundings,
  former: FormerCookies | null,
): void {
  const domain = section.textOr(FormatField.Domain, words(""));
  if (!isCookieDomain(domain))
    section.refuse(
      FormatField.Domain,
      words("not a domain name"),
      words("write the domain that the cookie was set with"),
    );
  const value = section.get(FormatField.Paths);
  let item = value == null ? packedValue(words("/")) : itemsOf(value, MAX_PATHS);
  let wrong = item == null;
  while (item != null) {
    if (item.kind != JsonKind.String || !isCookiePath(item)) wrong = true;
    else if (former != null && problemCount == 0) addExpiry(former, name, domain, item, around);
    item = item.next;
  }
  if (wrong) {
    section.refuse(
      FormatField.Paths,
      words("not 1 to 16 cookie paths"),
      words('write those that the cookie was set with, such as ["/"]'),
    );
  }
}

function addExpiry(
  former: FormerCookies,
  name: JsonValue,
  domain: JsonValue,
  path: JsonValue,
  around: Surroundings,
): void {
  // Not our own cookie.
  const own = around.attributes;
  if (own != null && name.is(around.sessionName) && domain.is(own.domain) && path.is(own.path)) return;
  begin();
  putString(name);
  put(words("="));
  if (domain.length) putAttribute(words("; Domain="), domain);
  putAttribute(words("; Path="), path);
  put(words("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"));
  // A browser takes no cookie with such a prefix that is not Secure, not even to drop it.
  if (startsWithWord(words("__"), name)) put(words("; Secure"));
  former.addExpiry(keepWritten(scratch));
}
