/** The part `accept` of a configuration. */
import { CookieAttributes } from "./setcookie";
import { Clusters } from "./clusters";
import { crc32 } from "./crc32";
import { EndpointList } from "./endpoints";
import { Format, FormatKind } from "./former";
import { FormerCookies } from "./formercookies";
import { isCookieDomain, isCookiePath, isToken, isVisible, toLowerAscii } from "./grammar";
import { JsonKind, JsonValue } from "./json";
import { Section } from "./section";
import { decimal } from "./text";
import { timestampSeconds } from "./timestamp";

const MAX_FORMATS: i32 = 16;
const MAX_ENDPOINTS: i32 = 4096;
const MAX_WEIGHT: i32 = 100;
const MAX_PATHS: i32 = 16;
const FORMATS_EXAMPLE =
  '[{"type": "ingress-nginx", "backend": "default-session-svc-9080", "endpoints": ["10.0.0.1:9080"]}]';

/** What else of the policy matters to it. */
export class Surroundings {
  constructor(
    readonly balanced: bool,
    readonly stripFromRequest: bool,
    readonly sessionName: string,
    /** None with type Header. */
    readonly attributes: CookieAttributes | null,
    readonly clusters: Clusters | null,
  ) {}
}

/** Reads `accept`; null when there is none, or when it is refused. */
export function readAcceptance(policy: Section, around: Surroundings): FormerCookies | null {
  const section = policy.section("accept");
  if (section == null) return null;
  if (around.balanced)
    policy.refuse("accept", "mode balanced names no pod", "leave it out, or use mode persistent");
  const until = section.field("until");
  const seconds = until != null && until.kind == JsonKind.String ? timestampSeconds(until.text) : 0;
  if (seconds == 0) {
    section.refuse(
      "until",
      until == null ? "missing" : "not a time from 1970 to 2106",
      'write one such as "2027-01-31T00:00:00Z" (RFC 3339)',
    );
  }
  const expireOld = section.flag("expireOld", false);
  const expiries: string[] = [];
  const formats: Format[] = [];
  const value = section.field("formats");
  const items = value != null && value.kind == JsonKind.Array ? value.items : [];
  if (items.length == 0 || items.length > MAX_FORMATS) {
    section.refuse(
      "formats",
      value == null ? "missing" : "not an array of 1 to 16 formats",
      "write one such as " + FORMATS_EXAMPLE,
    );
  } else {
    for (let i = 0; i < items.length; i++) {
      const path = section.at("formats") + "[" + decimal(i) + "]";
      if (items[i].kind != JsonKind.Object)
        section.problems.addWithoutValue(path, "not an object", "write one such as " + FORMATS_EXAMPLE);
      else formats.push(readFormat(new Section(path, items[i], section.problems), around, expiries));
    }
  }
  section.finish();
  const lines: ArrayBuffer[] = [];
  for (let i = 0; expireOld && i < expiries.length; i++) lines.push(String.UTF8.encode(expiries[i]));
  return new FormerCookies(seconds, formats, lines);
}

/** `expiries` gets what expires the cookies, once for each name, domain and path. */
function readFormat(section: Section, around: Surroundings, expiries: string[]): Format {
  const envoy = section.choice("type", "ingress-nginx envoy", "") == "envoy";
  if (section.field("type") == null) section.refuse("type", "missing", 'write "ingress-nginx" or "envoy"');
  let kind = FormatKind.Envoy;
  let backend = "";
  if (!envoy) {
    const persistent = section.choice("mode", "balanced persistent", "balanced") == "persistent";
    kind = persistent ? FormatKind.Persistent : FormatKind.Balanced;
    backend = section.text("backend", "");
    if (backend.length == 0 || !isVisible(backend)) {
      section.refuse(
        "backend",
        section.field("backend") == null ? "missing" : "not a name that ingress-nginx gives",
        'write NAMESPACE-SERVICE-PORT, such as "default-session-svc-9080"',
      );
    }
  }
  const name = section.text("sessionName", envoy ? "" : "INGRESSCOOKIE");
  if (!isToken(name)) {
    section.refuse(
      "sessionName",
      section.field("sessionName") == null ? "missing" : "not a cookie name",
      "write the name of the cookie that browsers have",
    );
  } else if (name == around.sessionName && around.stripFromRequest && around.attributes != null) {
    section.refuse(
      "sessionName",
      "stripFromRequest takes the cookie of this name away",
      "give the policy another sessionName",
    );
  }
  const format = new Format(kind, name);
  readEndpoints(section, format, backend);
  readCluster(section, format, around.clusters);
  readExpiries(section, name, around, expiries);
  section.finish();
  return format;
}

function readEndpoints(section: Section, format: Format, backend: string): void {
  const value = section.field("endpoints");
  const isEnvoys = format.kind == FormatKind.Envoy;
  // What Envoy's cookie names is an address already, and Envoy goes to none that is not in its cluster.
  if (value == null && isEnvoys) return;
  const items = value != null && value.kind == JsonKind.Array ? value.items : [];
  if (items.length == 0 || items.length > MAX_ENDPOINTS) {
    section.refuse(
      "endpoints",
      value == null ? "missing" : "not an array of 1 to 4096 pods",
      'write ["10.0.0.1:9080", "[fd00::1]:9080"]: those that the other gateway had',
    );
    return;
  }
  const endpoints = new EndpointList(items.length);
  const texts: string[] = [];
  const weights: i32[] = [];
  for (let i = 0; i < items.length; i++) {
    const path = section.at("endpoints") + "[" + decimal(i) + "]";
    let text = "";
    let weight = 1;
    if (items[i].kind == JsonKind.Object && !isEnvoys) {
      const item = new Section(path, items[i], section.problems);
      text = item.text("address", "");
      weight = readWeight(item);
      item.finish();
    } else if (items[i].kind == JsonKind.String) {
      text = items[i].text;
    }
    const bytes = String.UTF8.encode(text);
    if (!endpoints.add(changetype<usize>(bytes), bytes.byteLength)) {
      section.problems.add(
        path,
        items[i],
        "not an address and port as Envoy writes it, or there twice",
        'write "10.0.0.1:9080" or "[fd00::1]:9080"',
      );
    }
    texts.push(text);
    weights.push(weight);
  }
  // A ring of what is refused would be made in vain, of sizes that nobody has looked at.
  if (section.problems.lines.length) return;
  if (isEnvoys) format.limitTo(endpoints);
  else format.serve(backend, endpoints, texts, weights);
}

/** resty.chash knows weights; ingress-nginx gives all pods the same. */
function readWeight(item: Section): i32 {
  const value: JsonValue | null = item.field("weight");
  if (value == null) return 1;
  let weight = 0;
  if (value.kind == JsonKind.Number && value.text.length <= 3) {
    for (let i = 0; i < value.text.length; i++) {
      const digit = value.text.charCodeAt(i) - 0x30;
      weight = digit < 0 || digit > 9 ? 1000 : weight * 10 + digit;
    }
  }
  if (weight >= 1 && weight <= MAX_WEIGHT) return weight;
  item.refuse("weight", "not a whole number from 1 to 100", "leave it out for 1");
  return 1;
}

function readCluster(section: Section, format: Format, clusters: Clusters | null): void {
  const value = section.field("cluster");
  if (clusters == null) {
    if (value != null)
      section.refuse(
        "cluster",
        "the policy does not tell clusters apart",
        "leave it out, or add cluster to the policy",
      );
    return;
  }
  const name = String.UTF8.encode(section.text("cluster", ""));
  format.cluster = value == null ? clusters.firstSum : crc32(changetype<usize>(name), name.byteLength);
  if (clusters.find(format.cluster) == null)
    section.refuse("cluster", "none of cluster.names", "write one of these");
}

function readExpiries(section: Section, name: string, around: Surroundings, expiries: string[]): void {
  const domain = section.text("domain", "");
  if (domain.length && !isCookieDomain(domain))
    section.refuse("domain", "not a domain name", "write the domain that the cookie was set with");
  const value = section.field("paths");
  const items = value != null && value.kind == JsonKind.Array ? value.items : [];
  let wrong = value != null && (items.length == 0 || items.length > MAX_PATHS);
  for (let i = 0; i < items.length; i++) {
    if (items[i].kind != JsonKind.String || !isCookiePath(items[i].text)) wrong = true;
    else addExpiry(expiries, name, domain, items[i].text, around);
  }
  if (wrong) {
    section.refuse(
      "paths",
      "not 1 to 16 cookie paths",
      'write those that the cookie was set with, such as ["/"]',
    );
  }
  if (value == null) addExpiry(expiries, name, domain, "/", around);
}

function addExpiry(
  expiries: string[],
  name: string,
  domain: string,
  path: string,
  around: Surroundings,
): void {
  // Not our own cookie.
  const own = around.attributes;
  if (own != null && name == around.sessionName && domain == own.domain && path == own.path) return;
  // A browser takes no cookie with such a prefix that is not Secure, not even to drop it.
  const secure = toLowerAscii(name).startsWith("__");
  const line =
    name +
    "=; " +
    (domain.length ? "Domain=" + domain + "; " : "") +
    "Path=" +
    path +
    "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0" +
    (secure ? "; Secure" : "");
  if (!expiries.includes(line)) expiries.push(line);
}
