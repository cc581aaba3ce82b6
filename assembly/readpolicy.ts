/** One policy of a configuration. */
import { Surroundings, readAcceptance } from "./acceptance";
import { readAttributes } from "./attributes";
import { readClusterNames } from "./clusternames";
import { Clusters } from "./clusters";
import { Debug } from "./debug";
import { durationSeconds } from "./duration";
import { MAX_SCOPE, hasWord, isFreeHeader, isOwnHeader, isToken, isVisible, toLowerAscii } from "./grammar";
import { JsonKind } from "./json";
import { Environment, readKeys } from "./keys";
import { Lifetime } from "./lifetime";
import { Policy } from "./policy";
import { Section } from "./section";
import { quote } from "./text";

const SCOPE_EXAMPLE = 'name the service, such as "default/session-svc:9080"';

/** Reads a policy; null when it is refused, and the section's problems say why. */
export function readPolicy(section: Section, pluginName: string, environment: Environment): Policy | null {
  const balanced = section.choice("mode", "persistent balanced", "persistent") == "balanced";
  const inHeader = section.choice("type", "Cookie Header", "Cookie") == "Header";
  const sessionName = readSessionName(section, inHeader);
  const scope = readScope(section, pluginName);
  const lifetime = new Lifetime();
  lifetime.absolute = readDuration(section, "absoluteTimeout");
  lifetime.idle = readDuration(section, "idleTimeout");
  const repin = section.choice("onHostChange", "repin keep", "repin") == "repin";
  if (balanced && !repin) section.refuse("onHostChange", "mode balanced keeps no host", LEAVE_OUT);
  const attributes = readAttributes(section, sessionName, inHeader, lifetime);
  const headers = new Headers(inHeader ? sessionName : "");
  const hostHeader = headers.read(section, "hostHeader", "x-affinity-host");
  const keyHeader = headers.read(section, "keyHeader", balanced ? "x-affinity-key" : "");
  const stripFromRequest = section.flag("stripFromRequest", false);
  const preventCaching = section.flag("preventCaching", false);
  const clusters = readClusters(section, headers);
  const debug = readDebug(section, headers);
  const former = readAcceptance(
    section,
    new Surroundings(balanced, stripFromRequest, sessionName, attributes, clusters),
  );
  const keys = readKeys(section, scope, sessionName, environment);
  section.finish();
  if (keys == null || section.problems.lines.length) return null;

  const policy = new Policy(scope, sessionName, hostHeader, keys, attributes, lifetime);
  policy.balanced = balanced;
  policy.inHeader = inHeader;
  policy.repin = repin && !balanced;
  if (keyHeader.length) policy.keyHeader = String.UTF8.encode(keyHeader);
  policy.stripFromRequest = stripFromRequest;
  policy.preventCaching = preventCaching;
  policy.clusters = clusters;
  policy.letsGo = clusters != null && repin;
  policy.keepsEndpoint = !balanced && (policy.letsGo || !repin);
  policy.debug = debug;
  policy.former = former;
  return policy;
}

const LEAVE_OUT = "leave it out";

function readSessionName(section: Section, inHeader: bool): string {
  const name = section.text("sessionName", "affinity");
  if (inHeader) {
    const lower = toLowerAscii(name);
    if (!isFreeHeader(lower)) {
      section.refuse(
        "sessionName",
        "not a header that is free to carry a token",
        'use one such as "x-session" (letters, digits and -)',
      );
    }
    return lower;
  }
  if (!isToken(name)) {
    section.refuse(
      "sessionName",
      "not a cookie name",
      "use letters, digits and !#$%&'*+-.^_`|~ (RFC 6265, section 4.1.1)",
    );
  }
  return name;
}

function readScope(section: Section, pluginName: string): string {
  const scope = section.text("scope", pluginName);
  if (scope.length == 0) {
    section.refuse("scope", "missing, and the plugin has no name to stand in", SCOPE_EXAMPLE);
  } else if (scope.length > MAX_SCOPE || !isVisible(scope)) {
    section.refuse(
      "scope",
      "not 1 to 255 visible ASCII characters (the plugin's name stands in for it)",
      SCOPE_EXAMPLE,
    );
  }
  return scope;
}

/** In seconds; 0 when there is none. */
function readDuration(section: Section, name: string): u32 {
  const value = section.field(name);
  if (value == null) return 0;
  const seconds = value.kind == JsonKind.String ? durationSeconds(value.text) : 0;
  if (seconds == 0) {
    section.refuse(
      name,
      "not a duration of whole seconds, 1s or more",
      'use one such as "12h", "30m" or "1h30m" (GEP-2257)',
    );
  }
  return seconds;
}

/** The headers that the filter uses, no two of them the same. */
class Headers {
  /** `taken`: words with a blank between them. */
  constructor(private taken: string) {}

  /** In lower case; the fallback may be empty, for none. */
  read(section: Section, field: string, fallback: string): string {
    const name = toLowerAscii(section.text(field, fallback));
    if (section.field(field) != null && !isOwnHeader(name)) {
      section.refuse(
        field,
        "not a header of your own",
        'use one that starts with "x-" and has no meaning yet, such as ' +
          quote(fallback.length ? fallback : "x-affinity-key"),
      );
    } else if (name.length && hasWord(this.taken, name)) {
      section.refuse(field, "another header of this configuration has this name", "give each its own");
    }
    this.taken += " " + name;
    return name;
  }
}

function readClusters(policy: Section, headers: Headers): Clusters | null {
  const section = policy.section("cluster");
  if (section == null) return null;
  const header = headers.read(section, "header", "x-affinity-cluster");
  const names = readClusterNames(section, "names");
  const clusters = new Clusters(header, names);
  if (clusters.collide) {
    section.refuse(
      "names",
      "two names that a token cannot tell apart (CRC-32)",
      "rename one of the clusters",
    );
  }
  section.finish();
  return clusters;
}

// Whoever knows it sees addresses of pods in the log.
const MIN_SECRET: i32 = 16;

function readDebug(policy: Section, headers: Headers): Debug | null {
  const section = policy.secretSection("debug");
  if (section == null) return null;
  const header = headers.read(section, "header", "x-affinity-debug");
  const value = section.field("secret");
  const secret = value != null && value.kind == JsonKind.String ? value.text : "";
  if (secret.length < MIN_SECRET || secret.length > MAX_SCOPE || !isVisible(secret)) {
    section.refuse(
      "secret",
      value == null ? "missing" : "not 16 to 255 visible ASCII characters (not shown)",
      "make one with `openssl rand -base64 32`",
    );
  }
  section.finish();
  return new Debug(header, secret);
}
