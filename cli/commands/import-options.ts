/** What stands behind `import` on the command line, read and checked. */
import type { EmitOptions } from "../import/emit.ts";
import type { Target } from "../import/model.ts";
import { isoTime, shown } from "./text.ts";
import { dateTime } from "./time.ts";
import { Unusable, type Arguments, type Context, type Option } from "./types.ts";

const TARGETS: readonly Target[] = ["envoy", "envoy-gateway", "istio"];

export const WASM_PATH = "/etc/envoy/affinity.wasm";
export const WASM_IMAGE = "registry.example.com/envoy-cookie-affinity:latest";
const KEY_ENV = "AFFINITY_KEY";
const PORT = "8080";
const SERVICE_DNS = "{service}.{namespace}.svc.cluster.local";
const DAY = 86_400;
const ACCEPT_DAYS = 30;
// The filter counts seconds in 32 bits.
const MOST_TIME = 0xffffffff;

export const importOptions: Readonly<Record<string, Option>> = {
  to: { value: "TARGET", help: "What to write for: envoy, envoy-gateway or istio. Required." },
  endpoints: {
    value: "FILE",
    multiple: true,
    help: `EndpointSlices (kubectl get endpointslices -A -o yaml), or - for
standard input. With them the cookies that browsers have from
ingress-nginx keep their pods; and Envoy gets the pods' addresses
instead of DNS names. May be given several times.`,
  },
  out: {
    value: "DIR",
    help: `Write files into DIR, which is made if it is not there, instead
of to standard output. Files of an earlier run are replaced;
any other file of such a name is left, and the run fails.`,
  },
  wasm: {
    value: "PATH|IMAGE",
    help: `Where the gateway finds the filter: for envoy a path, for the
others an OCI image. Default ${WASM_PATH}, or
${WASM_IMAGE}, to be replaced.`,
  },
  "key-env": {
    value: "NAME",
    help: `The variable of the gateway's environment that has the key.
Default ${KEY_ENV}.`,
  },
  port: { value: "PORT", help: `Where envoy listens. Default ${PORT}.` },
  "service-dns": {
    value: "NAME",
    help: `What envoy asks DNS for, with {service} and {namespace} in it.
Default ${SERVICE_DNS}.`,
  },
  "same-name": {
    help: `Give the new cookie the old one's name. Then the two gateways
cannot serve the same browsers side by side.`,
  },
  "keep-balanced": {
    help: `Where ingress-nginx had mode balanced, keep to it: the cookie
names no pod, some sessions move when pods come and go, and
cookies of ingress-nginx are not honoured.`,
  },
  "accept-until": {
    value: "TIME",
    help: `Honour old cookies until then: 2027-01-31T08:00:00Z. Default the
first midnight (UTC) that is ${ACCEPT_DAYS} days away.`,
  },
  "expire-old": { help: "Take the old cookie from the browser when the new one is set." },
  report: {
    value: "text|json",
    help: `How standard error is written: a line for each note (default), or
{notes: [{outcome, file, object, subject, value, text}], messages: []}.`,
  },
};

/** @throws Unusable */
export function readOptions(given: Arguments, { now }: Context): EmitOptions {
  const target = choice(given, "to", TARGETS);
  if (target === undefined) throw new Unusable(`--to: missing; say what to write for: ${TARGETS.join(", ")}`);
  return {
    target,
    wasm: given.value("wasm") ?? (target === "envoy" ? WASM_PATH : WASM_IMAGE),
    keyEnv: text(given, "key-env", /^[A-Za-z_][A-Za-z0-9_]*$/, "a name of a variable") ?? KEY_ENV,
    port: port(given.value("port") ?? PORT),
    serviceDns: serviceDns(given.value("service-dns") ?? SERVICE_DNS),
    sameName: given.flag("same-name"),
    keepBalanced: given.flag("keep-balanced"),
    accept: { until: until(given.value("accept-until"), now), expireOld: given.flag("expire-old") },
  };
}

/** Undefined when the option is not given. @throws Unusable when it is none of these */
export function choice<T extends string>(
  given: Arguments,
  option: string,
  allowed: readonly T[],
): T | undefined {
  const value = given.value(option);
  if (value === undefined) return undefined;
  const found = allowed.find((one) => one === value);
  if (found === undefined)
    throw new Unusable(`--${option} ${shown(value)}: no such choice; there are: ${allowed.join(", ")}`);
  return found;
}

/**
 * Options that were given and change nothing: what and why.
 * @param accepts whether there are pods to which old cookies may lead
 */
export function idleOptions(given: Arguments, { target }: EmitOptions, accepts: boolean): string[] {
  const has = (name: string): boolean => given.values(name).length > 0;
  const idle = (names: readonly string[], why: string): string[] =>
    names.filter(has).map((name) => `--${name}: changes nothing ${why}`);
  return [
    ...(target === "envoy" ? [] : idle(["port", "service-dns"], `for ${target}`)),
    ...(accepts
      ? []
      : idle(["accept-until", "expire-old"], "without EndpointSlices, as no old cookie is honoured then")),
  ];
}

function text(given: Arguments, option: string, form: RegExp, what: string): string | undefined {
  const value = given.value(option);
  if (value === undefined || form.test(value)) return value;
  throw new Unusable(`--${option} ${shown(value)}: not ${what}`);
}

function port(value: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= 65_535) return number;
  throw new Unusable(`--port ${shown(value)}: not a port; give a number from 1 to 65535`);
}

// Labels of letters, digits, hyphens and underscores, or placeholders in their place.
const DNS_NAME =
  /^(?:[A-Za-z0-9_-]|\{service\}|\{namespace\})+(?:\.(?:[A-Za-z0-9_-]|\{service\}|\{namespace\})+)*\.?$/;

function serviceDns(value: string): string {
  if (DNS_NAME.test(value)) return value;
  throw new Unusable(
    `--service-dns ${shown(value)}: not a name of DNS; write one such as ${SERVICE_DNS}, with no other placeholders`,
  );
}

// The same for a whole day, so that a second run writes the same.
function until(value: string | undefined, now: number): string {
  const seconds = now / 1000;
  if (value === undefined) return isoTime(Math.ceil(seconds / DAY + ACCEPT_DAYS) * DAY);
  const time = dateTime(value);
  if (!(time <= MOST_TIME))
    throw new Unusable(
      `--accept-until ${shown(value)}: not a time before 2106; write one of RFC 3339, such as 2027-01-31T08:00:00Z`,
    );
  if (time <= seconds)
    throw new Unusable(
      `--accept-until ${shown(value)}: past, so no old cookie would be honoured; leave --endpoints out if none is to be`,
    );
  return isoTime(time);
}
