import { pairsBytes } from "./abi.ts";
import type { Model } from "./fuzz-model.ts";
import { HEADER_BYTES, RandomText } from "./fuzz-random.ts";
import { randomEndpoint, type Tokens } from "./fuzz-tokens.ts";
import type { Random } from "./random.ts";

export type Lines = [name: string, value: string][];

/** One request and what comes of it. */
export interface Case {
  readonly kind: Kind;
  /** The index of its policy. */
  readonly policy: number;
  /** Null: the client was answered before the filter saw the request. */
  readonly request: Lines | null;
  /** What the host gives in place of all headers of the request. */
  readonly rawPairs: Buffer | null;
  /** Null: the client went away before. */
  readonly response: Lines | null;
  readonly properties: Readonly<Record<string, string>>;
}

export type Kind = "request" | "separators" | "duplicates" | "sizes" | "hosts" | "foreign" | "pairs";

/** What cases of one policy are made of. */
export interface Material {
  readonly index: number;
  readonly model: Model;
  readonly tokens: Tokens;
}

const ANY = new RandomText(HEADER_BYTES);
const PLAIN = new RandomText("abc123");
const DIGITS = new RandomText("0123456789");
const BASE64 = new RandomText("ABCabc019+/=-_");
const COOKIES = new RandomText('abc=;, "\xff');
const BLANKS = ["", "", "", " ", "\t", "  ", " \t "];
const SEPARATORS = ["; ", "; ", ";", " ; ", ";;", "; ;", ";\t", ";  ", ",", " ", " ;;; "];
const NAMES = ["theme", "lang", "JSESSIONID", "", "$Version", "a", "b", "af", "x y", "\xe9"];
const DETAILS = [
  "no_healthy_upstream",
  "cluster_not_found",
  "",
  "via_upstreamx",
  "upstream_reset",
  "direct_response",
];
const CLUSTERS = ["session-svc", "session-svc-canary", "", "gone", "v14", "\xe9\u20ac"];
const USER_AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/61.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Safari/605",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X)",
  "Mozilla/5.0 (iPad; CPU OS 12_4 like Mac OS X)",
  "Chrome/6",
  "Chrome/128.0 Chrome/4",
];

export function makeCase(kind: Kind, random: Random, { index, model, tokens }: Material): Case {
  const { policy } = model;
  const request: Lines = [
    [":path", "/"],
    ["x-forwarded-proto", random.pick(["http", "https"])],
  ];
  if (random.below(8) === 0) request.push(["user-agent", randomUserAgent(random)]);
  if (policy.debug !== null && random.below(10) === 0)
    request.push([policy.debug.header, policy.debug.secret]);
  const foreign = kind === "foreign" || random.below(20) === 0;
  if (foreign) request.push(...foreignHeaders(random, model));
  if (policy.inHeader) request.push(...tokenHeaders(kind, random, model, tokens));
  if (!policy.inHeader || random.below(4) === 0) {
    for (const line of cookieLines(kind, random, policy.sessionName, tokens)) request.push(["cookie", line]);
  }
  if (foreign) random.shuffle(request);
  return {
    kind,
    policy: index,
    request: random.below(200) === 0 ? null : request,
    rawPairs: kind === "pairs" ? brokenPairs(random, request) : null,
    response: random.below(16) === 0 ? null : responseLines(kind, random, model),
    properties: responseProperties(random),
  };
}

function cookieLines(kind: Kind, random: Random, name: string, tokens: Tokens): string[] {
  switch (kind) {
    case "separators":
      return severalLines(random, 1 + random.below(3), () => oddLine(random, name, tokens));
    case "duplicates": {
      const left = 1 + random.below(50);
      // Many that do not open, and then one that does: only the first few are tried.
      const value = (): string => (random.below(3) === 0 ? tokens.any() : tokens.invalid());
      const pairs = Array.from({ length: left }, () => `${name}=${value()}`);
      if (random.below(2) === 0) pairs[random.below(Math.min(left, 6))] = `${name}=${tokens.valid()}`;
      return inLines(random, pairs);
    }
    case "sizes": {
      // Evenly over the powers of two: 0 to 100 kB.
      const size = Math.floor(Math.min(2 ** (random.below(1700) / 100), 100_000));
      const filler = COOKIES.of(random, size);
      const own = `${name}=${tokens.any()}`;
      return random.pick([
        [`x=${filler}; ${own}`],
        [own, filler],
        [filler, own],
        [`${own};${filler}`],
        [filler],
      ]);
    }
    default: {
      const others = Array.from({ length: random.below(4) }, () => otherCookie(random));
      const own = random.below(8) === 0 ? 0 : 1 + +(random.below(8) === 0);
      const pairs = [...others, ...Array.from({ length: own }, () => `${name}=${tokens.any()}`)];
      if (pairs.length === 0) return [];
      return random.below(6) === 0
        ? inLines(random, random.shuffle(pairs))
        : [random.shuffle(pairs).join("; ")];
    }
  }
}

function severalLines(random: Random, count: number, line: () => string): string[] {
  return Array.from({ length: count }, line).filter((text) => text !== "" || random.below(4) === 0);
}

/** The pairs over one to eight lines. */
function inLines(random: Random, pairs: readonly string[]): string[] {
  const lines = Array.from({ length: 1 + random.below(8) }, (): string[] => []);
  for (const pair of pairs) random.pick(lines).push(pair);
  return lines.filter((line) => line.length > 0).map((line) => line.join(random.pick(["; ", "; ", ";"])));
}

function oddLine(random: Random, name: string, tokens: Tokens): string {
  let line = random.pick(BLANKS);
  for (let left = 1 + random.below(6); left > 0; left--) {
    line += random.below(2) === 0 ? oddCookie(random, name, tokens) : otherCookie(random);
    line += left > 1 || random.below(3) === 0 ? random.pick(SEPARATORS) : random.pick(BLANKS);
  }
  return line;
}

/** A cookie of our name, or of nearly our name, with all that may stand around a name and a value. */
function oddCookie(random: Random, name: string, tokens: Tokens): string {
  const blank = (): string => random.pick(BLANKS);
  const near = [
    name,
    name,
    name,
    name,
    name.toUpperCase(),
    name.slice(0, -1),
    `${name}x`,
    `x${name}`,
    `"${name}"`,
  ];
  const quote = random.below(3) === 0 ? '"' : "";
  const closing = random.below(8) === 0 ? "" : quote;
  const equals = random.below(12) === 0 ? random.pick(["", "==", ":", "=="]) : "=";
  const value = random.below(2) === 0 ? tokens.valid() : tokens.any();
  return random.pick(near) + blank() + equals + blank() + quote + value + closing + blank();
}

function otherCookie(random: Random): string {
  const name = random.below(8) === 0 ? ANY.of(random, 1 + random.below(6)) : random.pick(NAMES);
  if (random.below(12) === 0) return name;
  const value = random.below(4) === 0 ? ANY.of(random, random.below(30)) : PLAIN.of(random, random.below(12));
  return `${name}=${value}`;
}

function tokenHeaders(kind: Kind, random: Random, { policy }: Model, tokens: Tokens): Lines {
  if (kind === "sizes" && random.below(2) === 0)
    return [[policy.sessionName, BASE64.of(random, random.below(100_000))]];
  const lines: Lines = [];
  for (let left = random.pick([0, 1, 1, 1, 1, 1, 1, 2, 3]); left > 0; left--) {
    const value = random.below(kind === "separators" ? 3 : 20) === 0 ? ` "${tokens.any()}"` : tokens.any();
    lines.push([policy.sessionName, value]);
  }
  return lines;
}

/** What the client has no business to send, and what it may send in any shape. */
function foreignHeaders(random: Random, { policy }: Model): Lines {
  const own = [policy.hostHeader, policy.keyHeader, policy.cluster?.header ?? "", policy.debug?.header ?? ""];
  const names = [...own, policy.hostHeader, "x-affinity-key", "x-forwarded-proto", "user-agent"];
  const value = (): string =>
    random.pick([
      hostValue(random),
      ANY.of(random, random.below(40)),
      "https",
      "0123456789abcdef",
      "session-svc",
      policy.debug?.secret ?? "",
      `${policy.debug?.secret ?? ""}x`,
      randomUserAgent(random),
    ]);
  return Array.from({ length: 1 + random.below(5) }, (): [string, string] => [
    random.pick(names),
    value(),
  ]).filter(([name]) => name !== "");
}

function randomUserAgent(random: Random): string {
  const text = random.pick(USER_AGENTS);
  const digits = DIGITS.of(random, random.below(3));
  return random.below(3) === 0 ? text.replace(/([0-9])(?=[._ ]|$)/, `$1${digits}`) : text;
}

function responseLines(kind: Kind, random: Random, { policy }: Model): Lines {
  const lines: Lines = [[":status", random.pick(["200", "404", "503"])]];
  if (random.below(6) === 0) lines.push(["set-cookie", "other=1; Path=/"]);
  if (random.below(12) === 0) lines.push(["cache-control", "public, max-age=60"]);
  if (policy.inHeader && random.below(12) === 0) lines.push([policy.sessionName, "of the pod"]);
  const count = kind === "hosts" ? random.pick([1, 1, 1, 2]) : +(random.below(5) < 2);
  for (let left = count; left > 0; left--)
    lines.push([policy.hostHeader, kind === "hosts" ? oddHostValue(random) : hostValue(random)]);
  return lines;
}

function hostValue(random: Random): string {
  return Buffer.from(randomEndpoint(random), "latin1").toString("base64");
}

/** What Envoy's stateful_session would not write; a pod that is let to may. */
function oddHostValue(random: Random): string {
  const value = hostValue(random);
  const at = random.below(value.length + 1);
  switch (random.below(8)) {
    default:
      return value;
    case 0:
      return value.slice(0, at) + ANY.of(random, 1) + value.slice(at);
    case 1:
      return value.slice(0, at);
    case 2:
      return BASE64.of(random, random.below(350));
    case 3:
      return random.bytes(250 + random.below(12)).toString("base64");
    case 4:
      return random.bytes(random.below(20)).toString("base64");
    case 5:
      return random.below(20) === 0
        ? "A".repeat(random.below(100_000))
        : random.pick(["", "=", "==", "====", "A==="]);
  }
}

function responseProperties(random: Random): Record<string, string> {
  const properties: Record<string, string> = {};
  if (random.below(10) > 0)
    properties["response.code_details"] = random.below(6) === 0 ? random.pick(DETAILS) : "via_upstream";
  if (random.below(10) > 0) {
    const huge = random.below(100) === 0 ? "9".repeat(random.below(600)) : "";
    properties["upstream.address"] =
      random.below(20) === 0 ? ANY.of(random, random.below(30)) + huge : randomEndpoint(random);
  }
  if (random.below(10) > 0) properties["xds.cluster_name"] = random.pick(CLUSTERS);
  return properties;
}

/** All headers as the host hands them over, with something wrong that no host should ever write. */
function brokenPairs(random: Random, lines: Lines): Buffer {
  const bytes = pairsBytes(lines);
  const LENGTHS = [0, 1, 7, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, bytes.length, bytes.length * 2];
  for (let left = 1 + random.below(3); left > 0; left--) {
    if (random.below(3) === 0) {
      bytes.writeUInt32LE(
        random.pick([0, 1, lines.length - 1, lines.length + 1, 0x1fffffff, 0x20000000, 0xffffffff]),
        0,
      );
    } else {
      const at = 4 + 4 * random.below(2 * lines.length);
      const near = bytes.readUInt32LE(at) + random.below(5) - 2;
      bytes.writeUInt32LE(random.below(2) === 0 ? random.pick(LENGTHS) : near >>> 0, at);
    }
  }
  const texts = 4 + 8 * Math.min(bytes.readUInt32LE(0), lines.length);
  // With NUL, CR or LF in a value that the filter passes on, the host that wrote them would abort.
  for (let at = texts; at < bytes.length; at++) if ([0, 10, 13].includes(bytes[at]!)) bytes[at] = 0x78;
  return random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}
