/** One policy of a configuration. */
import { Surroundings, readAcceptance } from "./acceptance";
import { readAttributes } from "./attributes";
import { readClusterNames } from "./clusternames";
import { Clusters, newClusters } from "./clusters";
import { Debug } from "./debug";
import { durationSeconds } from "./duration";
import { MAX_SCOPE, isFreeHeader, isOwnHeader, isToken, isVisible, lowered } from "./grammar";
import { JsonKind, JsonValue, keepString, putString } from "./json";
import { readKeys } from "./keys";
import { Lifetime } from "./lifetime";
import { Words, words } from "./literals";
import { ATTRIBUTES, Policy } from "./policy";
import { problemCount } from "./problems";
import { kept, make, scratch } from "./region";
import { Section, packedValue } from "./section";
import { CookieAttributes, SameSite, Secure } from "./setcookie";
import { begin, keepWritten, putByte } from "./writer";

/** Of a policy; the first is `services` of a configuration that has none, or `clusters` of a service. */
export const enum Field {
  Services = 0,
  Clusters = 0,
  Mode,
  Type,
  SessionName,
  Scope,
  AbsoluteTimeout,
  IdleTimeout,
  OnHostChange,
  Cookie,
  HostHeader,
  KeyHeader,
  StripFromRequest,
  PreventCaching,
  Cluster,
  Debug,
  Accept,
  Keys,
}

/** Reads a policy; `pluginName` is its scope where it has none. To be used if no problem has been found. */
export function readPolicy(section: Section, pluginName: JsonValue): Policy {
  const policy = changetype<Policy>(kept.take(offsetof<Policy>() + ATTRIBUTES));
  const balanced = section.choice(Field.Mode, words("persistent balanced")) != 0;
  const inHeader = section.choice(Field.Type, words("Cookie Header")) != 0;
  const sessionName = readSessionName(section, inHeader);
  const scope = readScope(section, pluginName);
  const lifetime = make<Lifetime>(kept);
  lifetime.absolute = readDuration(section, Field.AbsoluteTimeout);
  lifetime.idle = readDuration(section, Field.IdleTimeout);
  const repin = section.choice(Field.OnHostChange, words("repin keep")) == 0;
  if (balanced && !repin)
    section.refuse(Field.OnHostChange, words("mode balanced keeps no host"), words("leave it out"));
  const attributes = readAttributes(
    section,
    Field.Cookie,
    Field.SessionName,
    sessionName,
    inHeader,
    lifetime,
  );
  headers = inHeader ? sessionName : null;
  policy.hostHeader = keepString(readHeader(section, Field.HostHeader, words("x-affinity-host"))!);
  const keyHeader = readHeader(section, Field.KeyHeader, balanced ? words("x-affinity-key") : NONE);
  if (keyHeader != null) policy.keyHeader = keepString(keyHeader);
  policy.stripFromRequest = section.flag(Field.StripFromRequest, false);
  policy.preventCaching = section.flag(Field.PreventCaching, false);
  const clusters = readClusters(section);
  policy.clusters = clusters;
  policy.debug = readDebug(section);
  const around = make<Surroundings>(scratch);
  around.balanced = balanced;
  around.stripFromRequest = policy.stripFromRequest;
  around.sessionName = sessionName;
  around.attributes = attributes;
  around.clusters = clusters;
  policy.former = readAcceptance(section, Field.Accept, around);
  const keys = readKeys(section, Field.Keys, scope, sessionName);
  if (keys != null) policy.keys = keys;
  policy.scope = keepString(scope);
  policy.sessionName = keepString(sessionName);
  policy.lifetime = lifetime;
  policy.balanced = balanced;
  policy.inHeader = inHeader;
  policy.repin = repin && !balanced;
  policy.letsGo = clusters != null && repin;
  policy.keepsEndpoint = !balanced && (policy.letsGo || !repin);
  // What is refused may be of any length.
  if (problemCount == 0) writeCookie(policy, sessionName, attributes);
  return policy;
}

/** What of a Set-Cookie header is always the same. */
function writeCookie(policy: Policy, name: JsonValue, attributes: CookieAttributes | null): void {
  begin();
  putString(name);
  putByte(0x3d);
  policy.cookieStart = keepWritten(kept);
  for (let kind: u32 = 0; kind < 4; kind++) {
    begin();
    if (attributes != null) attributes.put((kind & 1) != 0, (kind & 2) != 0);
    policy.setAttributesFor(kind, keepWritten(kept));
  }
  policy.alwaysSecure = attributes != null && attributes.secure == Secure.Always;
  policy.asksScheme = attributes != null && attributes.secure == Secure.Auto;
  policy.asksUserAgent =
    attributes != null && attributes.conditionalSameSiteNone && attributes.sameSite == SameSite.None;
}

function readSessionName(section: Section, inHeader: bool): JsonValue {
  const name = section.textOr(Field.SessionName, words("affinity"));
  if (inHeader) {
    const lower = lowered(name);
    if (!isFreeHeader(lower)) {
      section.refuse(
        Field.SessionName,
        words("not a header that is free to carry a token"),
        words('use one such as "x-session" (letters, digits and -)'),
      );
    }
    return lower;
  }
  if (!isToken(name)) {
    section.refuse(
      Field.SessionName,
      words("not a cookie name"),
      words("use letters, digits and !#$%&'*+-.^_`|~ (RFC 6265, section 4.1.1)"),
    );
  }
  return name;
}

function readScope(section: Section, pluginName: JsonValue): JsonValue {
  const given = section.text(Field.Scope);
  const scope = given == null ? pluginName : given;
  if (!isVisible(scope, MAX_SCOPE)) {
    section.refuse(
      Field.Scope,
      scope.length == 0
        ? words("missing, and the plugin has no name to stand in")
        : words("not 1 to 255 visible ASCII characters (the plugin's name stands in for it)"),
      words('name the service, such as "default/session-svc:9080"'),
    );
  }
  return scope;
}

/** In seconds; 0 when there is none. */
function readDuration(section: Section, field: i32): u32 {
  const value = section.get(field);
  if (value == null) return 0;
  const seconds = value.kind == JsonKind.String ? durationSeconds(value.text, value.length) : 0;
  if (seconds == 0) {
    section.refuse(
      field,
      words("not a duration of whole seconds, 1s or more"),
      words('use one such as "12h", "30m" or "1h30m" (GEP-2257)'),
    );
  }
  return seconds;
}

// The headers that the policy uses, no two of them the same.
let headers: JsonValue | null = null;
// The packed text at place 0 is the table of pairs, and none.
const NONE: Words = 0;

/** In lower case; the fallback may be NONE, and then a header that is missing is null. */
function readHeader(section: Section, field: i32, fallback: Words): JsonValue | null {
  const given = section.text(field);
  if (given == null && fallback == NONE) return null;
  const name = lowered(given == null ? packedValue(fallback) : given);
  if (given != null && !isOwnHeader(name)) {
    section.refuseFor(
      field,
      words('not a header of your own; use one that starts with "x-" and has no meaning yet, such as '),
      fallback == NONE ? words("x-affinity-key") : fallback,
    );
  } else if (isTaken(name)) {
    section.refuse(
      field,
      words("another header of this configuration has this name"),
      words("give each its own"),
    );
  }
  name.next = headers;
  headers = name;
  return name;
}

function isTaken(name: JsonValue): bool {
  let other = headers;
  while (other != null) {
    if (name.is(other)) return true;
    other = other.next;
  }
  return false;
}

const CLUSTER_FIELDS = words("header names");

function readClusters(policy: Section): Clusters | null {
  const section = policy.section(Field.Cluster, CLUSTER_FIELDS);
  if (section == null) return null;
  const header = readHeader(section, 0, words("x-affinity-cluster"))!;
  const clusters = newClusters(keepString(header), readClusterNames(section, 1));
  if (clusters.collide) {
    section.refuse(
      1,
      words("two names that a token cannot tell apart (CRC-32)"),
      words("rename one of the clusters"),
    );
  }
  return clusters;
}

// Whoever knows it sees addresses of pods in the log.
const MIN_SECRET: u32 = 16;
const DEBUG_FIELDS = words("header secret");

function readDebug(policy: Section): Debug | null {
  const section = policy.secretSection(Field.Debug, DEBUG_FIELDS);
  if (section == null) return null;
  const debug = make<Debug>(kept);
  debug.header = keepString(readHeader(section, 0, words("x-affinity-debug"))!);
  const secret = section.get(1);
  if (
    secret == null ||
    secret.kind != JsonKind.String ||
    secret.length < MIN_SECRET ||
    !isVisible(secret, MAX_SCOPE)
  ) {
    section.require(
      1,
      words("not 16 to 255 visible ASCII characters (not shown)"),
      words("make one with `openssl rand -base64 32`"),
    );
  } else {
    debug.secret = keepString(secret);
  }
  return debug;
}
