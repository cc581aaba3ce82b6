import { randomBytes } from "node:crypto";
import { endpointBytes } from "../endpoint.ts";
import { sealToken, type TokenFields } from "../token.ts";
import { Unusable, type Arguments, type Command } from "./types.ts";
import { crc32 } from "./crc32.ts";
import { readSealing, sealingKey, sealingOptions } from "./sealing.ts";
import { isoTime, shown } from "./text.ts";
import { dateTime } from "./time.ts";

// Of endpointBytes: an endpoint that is not packed as an address.
const TEXT_FORM = 0;

export const tokenSeal: Command = {
  name: "token seal",
  summary: "make a token, for tests and drills",
  operands: "",
  operandCount: [0, 0],
  description: `Prints a token that a gateway with the same key, scope and name takes for one of its own: to send a request to a pod
of your choice, or to see what an old session meets.

The key comes from the environment or a file, never from the command line, which others can read.`,
  options: {
    endpoint: {
      value: "IP:PORT",
      help: "The pod, such as 10.0.0.7:9080 or [2001:db8::7]:9080; none\npins no pod. Required.",
    },
    issued: {
      value: "TIME",
      help: "When the session began: 2027-01-31T08:00:00Z, or unix time\nin seconds. Default now.",
    },
    seen: { value: "TIME", help: "When it was last seen. Default as issued." },
    session: { value: "HEX", help: "The session's number, 16 hexadecimal digits. Default random." },
    cluster: { value: "NAME", help: "The cluster that served, where the filter has `cluster`." },
    secure: { help: "The cookie is Secure, as it is whose client came over https." },
    ...sealingOptions,
    json: {
      help: `Print {"token", "cookie", "endpoint", "session", "issued",
"seen", "secure", "keyId", "scope", "sessionName"}.`,
    },
  },
  examples: [
    "npx envoy-cookie-affinity token seal --key-file affinity.key --endpoint 10.0.0.7:9080",
    "npx envoy-cookie-affinity token seal --config envoy/gateway.yaml --endpoint 10.0.0.7:9080 --issued 2027-01-31T08:00:00Z",
    `curl -H 'Host: abc.sample.com' -b "affinity=$(npx envoy-cookie-affinity token seal --endpoint 127.0.0.1:40001)" http://127.0.0.1:32209/`,
  ],
  exitCodes: "0 done, 2 unusable arguments or no usable key",
  run(given, context) {
    const fields = readFields(given, Math.floor(context.now / 1000));
    const named = given.values("key-env").length + given.values("key-file").length;
    if (named > 1) throw new Unusable(`--key-env, --key-file: ${named} keys; one seals a token: name one`);
    const { keys, binding } = readSealing(given, context);
    const key = sealingKey(keys);
    const token = sealToken(fields, key, binding);
    if (!given.flag("json")) return { code: 0, output: `${token}\n` };
    const { endpoint, session, issued, seen, secure = false } = fields;
    const shownFields = {
      token,
      cookie: `${binding.sessionName}=${token}`,
      endpoint,
      session: session.toString(16).padStart(16, "0"),
      issued: isoTime(issued),
      seen: isoTime(seen),
      secure,
      keyId: key.id,
      ...binding,
    };
    return { code: 0, output: `${JSON.stringify(shownFields)}\n` };
  },
};

function readFields(given: Arguments, now: number): TokenFields {
  const issued = time(given, "issued") ?? now;
  const cluster = given.value("cluster");
  return {
    endpoint: endpoint(given.value("endpoint")),
    issued,
    seen: time(given, "seen") ?? issued,
    session: session(given.value("session")),
    ...(cluster === undefined ? {} : { cluster: crc32(Buffer.from(cluster)) }),
    ...(given.flag("secure") ? { secure: true } : {}),
  };
}

function endpoint(text: string | undefined): string {
  if (text === undefined) throw new Unusable("--endpoint: missing; give a pod's address, IP:PORT, or none");
  if (text === "none") return "";
  if ((endpointBytes(text)?.[0] ?? TEXT_FORM) === TEXT_FORM) {
    throw new Unusable(
      `--endpoint ${shown(text)}: not IP:PORT; write one as Envoy does, such as 10.0.0.7:9080 or [2001:db8::7]:9080`,
    );
  }
  return text;
}

function session(text: string | undefined): bigint {
  if (text === undefined) return randomBytes(8).readBigUInt64BE();
  if (!/^[0-9a-f]{16}$/i.test(text)) {
    throw new Unusable(`--session ${shown(text)}: not 16 hexadecimal digits`);
  }
  return BigInt(`0x${text}`);
}

/** Unix time in seconds; undefined when the option is not given. */
function time(given: Arguments, option: string): number | undefined {
  const text = given.value(option);
  if (text === undefined) return undefined;
  const seconds = /^\d{1,10}$/.test(text) ? Number(text) : dateTime(text);
  if (seconds >= 0 && seconds <= 0xffffffff) return seconds;
  throw new Unusable(
    `--${option} ${shown(text)}: not a time from 1970 to 2106; write 2027-01-31T08:00:00Z or unix time in seconds`,
  );
}
