import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

const OWN_HOST = /^(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$/i;
const MOST_BODY_BYTES = 1024;

/**
 * A browser may be made to believe that another site's name is our address (DNS rebinding); it then says that name.
 *
 * @throws Refusal unless the request is for a name of this machine itself
 */
export function requireOwnHost({ headers: { host } }: IncomingMessage): void {
  if (!OWN_HOST.test(host ?? ""))
    throw new Refusal(403, "the controls answer at localhost and 127.0.0.1 only");
}

/**
 * Other sites may send requests here, but not without a browser's word that they are others. Programs like curl
 * send neither of the two headers.
 *
 * @throws Refusal when a browser sends this on behalf of another site
 */
export function requireSameOrigin({ headers }: IncomingMessage): void {
  const site = headers["sec-fetch-site"];
  const { origin, host } = headers;
  const isOther = site !== undefined && site !== "same-origin";
  if (isOther || (origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase()))
    throw new Refusal(403, "the controls take no orders from other sites");
}

/**
 * The body as a JSON object; an empty one without a body.
 *
 * @throws Refusal when it is larger than 1 kB, or not said to be JSON, or no JSON object
 */
export async function jsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BODY_BYTES)
      throw new Refusal(413, `the body is larger than ${MOST_BODY_BYTES} bytes, the most that there can be`);
    chunks.push(chunk);
  }
  if (length === 0) return {};
  const type = request.headers["content-type"];
  if (!/^application\/json *(?:;|$)/i.test(type ?? ""))
    throw new Refusal(415, `content-type is ${JSON.stringify(type ?? "")}; a body must be application/json`);
  const value = parsed(Buffer.concat(chunks).toString("utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal(400, "the body is not a JSON object");
  return value as Record<string, unknown>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * A whole number of a body that may hold nothing else.
 *
 * @param fallback what it is when the body has none
 * @throws Refusal when it is none from 1 to `largest`, or the body has other fields
 */
export function wholeNumber(
  body: Record<string, unknown>,
  field: string,
  largest: number,
  fallback?: number,
): number {
  requireFields(body, [field]);
  const value = Object.hasOwn(body, field) ? body[field] : fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > largest)
    throw new Refusal(400, `${field}: ${shown(value)}; it must be a whole number from 1 to ${largest}`);
  return value;
}

/** @throws Refusal when the body has other fields than these */
export function requireFields(body: Record<string, unknown>, fields: readonly string[]): void {
  const other = Object.keys(body).find((field) => !fields.includes(field));
  if (other === undefined) return;
  const right = fields.length === 0 ? "this takes none" : `this takes ${fields.join(", ")}`;
  throw new Refusal(400, `${shown(other)}: not a field here; ${right}`);
}

function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
