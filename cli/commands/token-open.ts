import { openToken, type OpenedToken } from "../token.ts";
import { Unusable, type Command } from "./types.ts";
import { crc32 } from "./crc32.ts";
import { readAll } from "./input.ts";
import { readSealing, sealingOptions, type GivenKey, type Sealing } from "./sealing.ts";
import { ageText, isoTime, printable, shown } from "./text.ts";
import { tokensIn } from "./token-text.ts";

// Envoy takes no more than 60 KiB of headers unless told otherwise; a page may follow them.
const MOST_TEXT = 1024 * 1024;

export const tokenOpen: Command = {
  name: "token open",
  summary: "show what a token says, or why it does not open",
  operands: "[TOKEN]",
  operandCount: [0, 1],
  description: `TOKEN is the value of the affinity cookie (or header), or a text that has it in it: a Cookie or Set-Cookie line,
what curl -i prints, curl's cookie file. Without TOKEN, or with -, it is read from standard input.

The key comes from the environment or a file, never from the command line, which others can read. Several may be
given, as the filter has several while one takes the place of another.`,
  options: {
    ...sealingOptions,
    json: {
      help: `Print {"opens": true, "endpoint", "session", "issued",
"issuedAge", "seen", "seenAge", "keyId", "secure", "cluster"}
(ages in seconds) or {"opens": false, "reason", "problem"}.`,
    },
  },
  examples: [
    "npx envoy-cookie-affinity token open --key-file affinity.key AQHFI3mni1B28dMbjxG2YbrF...",
    "npx envoy-cookie-affinity token open --config envoy/gateway.yaml < cookie.dat",
    "curl -si http://127.0.0.1:32209/ -H 'Host: abc.sample.com' | npx envoy-cookie-affinity token open",
  ],
  exitCodes: "0 it opens, 1 it does not, 2 there is no token or no usable key",
  async run(given, context) {
    const sealing = readSealing(given, context);
    const [operand = "-"] = given.operands;
    const text = operand === "-" ? (await readAll(context.stdin, MOST_TEXT)).toString("latin1") : operand;
    const tokens = tokensIn(text, sealing.binding.sessionName);
    if (tokens.length === 0) {
      const what = text.trim() === "" ? "empty" : `holds nothing named ${shown(sealing.binding.sessionName)}`;
      throw new Unusable(
        `${operand === "-" ? "standard input" : "TOKEN"}: ${what}; give a token, or a line with it ` +
          "(--session-name NAME says what it is called there)",
      );
    }
    if (tokens.length > 1)
      context.note(`${tokens.length} tokens; the first that opens counts, as for the filter`);
    const attempts = tokens.map((token) => open(token, sealing));
    const attempt = attempts.find(({ opened }) => opened !== null) ?? attempts[0]!;
    const json = given.flag("json");
    if (attempt.opened === null) {
      const { reason, problem } = attempt;
      const output = json
        ? `${JSON.stringify({ opens: false, reason, problem })}\n`
        : `does not open: ${problem}\n`;
      return { code: 1, output };
    }
    const now = Math.floor(context.now / 1000);
    const show = json ? jsonText : peopleText;
    return { code: 0, output: show(attempt.opened, now, sealing.clusters) };
  },
};

type Reason = "not-base64url" | "length" | "version" | "key-id" | "sealed-otherwise";

type Attempt = { opened: OpenedToken } | { opened: null; reason: Reason; problem: string };

const VERSION = 1;
// Of version 1: head, nonce, times and session, tag; an endpoint of 2 to 257 bytes; 4 bytes where there are clusters.
const FIXED_BYTES = 2 + 12 + 16 + 16;
const LEAST_BYTES = FIXED_BYTES + 2;
const MOST_BYTES = FIXED_BYTES + 257 + 4;

function open(token: string, { binding, keys }: Sealing): Attempt {
  const no = (reason: Reason, problem: string): Attempt => ({ opened: null, reason, problem });
  const foreign = token.search(/[^A-Za-z0-9_-]/);
  if (foreign >= 0) {
    return no(
      "not-base64url",
      `character ${foreign + 1} is none of base64url (A-Z a-z 0-9 - _), so this is no token`,
    );
  }
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES) {
    const range = `${LEAST_BYTES} to ${MOST_BYTES}`;
    return no("length", `${bytes.length} bytes (${token.length} characters); a token has ${range} bytes`);
  }
  if (bytes.toString("base64url") !== token) {
    return no("not-base64url", "its last character has bits that stand for nothing: it was cut or altered");
  }
  if (bytes[0] !== VERSION)
    return no("version", `version ${bytes[0]}; this program knows version ${VERSION}`);
  const id = bytes[1]!;
  const candidates = keys.filter((key) => key.id === undefined || key.id === id);
  if (candidates.length === 0) {
    return no("key-id", `sealed by key ${id}; given ${listed(keys)}`);
  }
  for (const key of candidates) {
    const opened = openToken(token, [{ id, bytes: key.bytes }], binding);
    if (opened !== null) return { opened };
  }
  const tried = `key ${id}, scope ${shown(binding.scope)}, name ${shown(binding.sessionName)}`;
  return no("sealed-otherwise", `sealed under another key, scope or name, or altered since; tried: ${tried}`);
}

function listed(keys: readonly GivenKey[]): string {
  return `${keys.length === 1 ? "was key" : "were keys"} ${keys.map(({ id }) => id).join(", ")}`;
}

function jsonText(token: OpenedToken, now: number, clusters: readonly string[]): string {
  const { endpoint, issued, seen, keyId, secure = false, cluster } = token;
  const fields = {
    opens: true,
    endpoint,
    session: sessionText(token),
    issued: isoTime(issued),
    issuedAge: now - issued,
    seen: isoTime(seen),
    seenAge: now - seen,
    keyId,
    secure,
    ...(cluster === undefined
      ? {}
      : { cluster: { crc32: crcText(cluster), name: clusterName(cluster, clusters) ?? null } }),
  };
  return `${JSON.stringify(fields)}\n`;
}

function peopleText(token: OpenedToken, now: number, clusters: readonly string[]): string {
  const { endpoint, issued, seen, keyId, secure, cluster } = token;
  const time = (seconds: number): string => `${isoTime(seconds)} (${ageText(now - seconds)})`;
  const rows = [
    ["endpoint", endpoint === "" ? "none: it pins no pod" : printable(endpoint)],
    ["session", sessionText(token)],
    ["issued", time(issued)],
    ["seen", time(seen)],
    ["key id", String(keyId)],
  ];
  if (secure) rows.push(["cookie", "Secure"]);
  if (cluster !== undefined) {
    const name = clusterName(cluster, clusters);
    const crc = `CRC-32 ${crcText(cluster)}`;
    rows.push(["cluster", name === undefined ? `${crc} of its name` : `${printable(name)} (${crc})`]);
  }
  return rows.map(([label, text]) => `${label!.padEnd(10)}${text}\n`).join("");
}

function sessionText({ session }: OpenedToken): string {
  return session.toString(16).padStart(16, "0");
}

function crcText(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

function clusterName(crc: number, names: readonly string[]): string | undefined {
  return names.find((name) => crc32(Buffer.from(name)) === crc);
}
