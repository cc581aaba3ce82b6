import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectTcp } from "node:net";
import { closeLater } from "./check.ts";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Every Set-Cookie of the response. */
  setCookie: string[];
  body: string;
}

export interface Ask {
  host?: string;
  path?: string;
  method?: string;
  /** The Cookie header as it is. */
  cookie?: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
  agent?: Agent;
  /** Milliseconds without a byte after which there is no answer. Default 20 000. */
  patience?: number;
  /** Over TLS, from a server that has this certificate (PEM). */
  certificate?: string;
}

/** The virtual hosts of envoy/gateway.yaml: with affinity and without. */
export const STICKY_HOST = "abc.sample.com";
export const PLAIN_HOST = "plain.sample.com";

const PATIENCE_MILLISECONDS = 20_000;

/**
 * One request on HTTP/1.1, on a connection of its own unless `agent` says otherwise.
 *
 * @throws Error with `reused`, whether the connection that broke had served a request before
 */
export function http1(port: number, ask: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const tls = { ca: ask.certificate, servername: ask.host ?? STICKY_HOST };
    const request = (ask.certificate === undefined ? httpRequest : httpsRequest)({
      ...tls,
      port,
      host: "127.0.0.1",
      path: ask.path ?? "/",
      method: ask.method ?? "GET",
      agent: ask.agent ?? false,
      headers: headersOf(ask, { host: ask.host ?? STICKY_HOST }),
      timeout: ask.patience ?? PATIENCE_MILLISECONDS,
    });
    const fail = (error: Error): void => reject(Object.assign(error, { reused: request.reusedSocket }));
    request.once("error", fail);
    request.once("timeout", () => request.destroy(new Error("no answer within the test's patience")));
    request.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("error", fail);
      response.once("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          setCookie: response.headers["set-cookie"] ?? [],
          body,
        });
      });
    });
    request.end(ask.body);
  });
}

/** An agent that keeps at most this many connections open between requests. */
export function keepAlive(maxSockets: number): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets });
  closeLater({ close: () => agent.destroy() });
  return agent;
}

/** An HTTP/2 connection: without TLS known to be HTTP/2 beforehand, over TLS to a server with this certificate (PEM). */
export async function http2Session(port: number, certificate?: string): Promise<ClientHttp2Session> {
  const session =
    certificate === undefined
      ? connectHttp2(`http://127.0.0.1:${port}`, { maxSessionMemory: 256 })
      : connectHttp2(`https://127.0.0.1:${port}`, { ca: certificate, servername: STICKY_HOST });
  session.on("error", () => session.destroy());
  closeLater({ close: () => session.destroy() });
  await new Promise((resolve, reject) => {
    session.once("remoteSettings", resolve);
    session.once("error", reject);
  });
  return session;
}

/** One request on an HTTP/2 connection. */
export function http2(session: ClientHttp2Session, ask: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(http2Headers(ask), { endStream: ask.body === undefined });
    stream.once("error", reject);
    stream.setTimeout(PATIENCE_MILLISECONDS, () =>
      stream.destroy(new Error("no answer within the test's patience")),
    );
    let headers: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
    stream.once("response", (received) => (headers = received));
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    // Not at "end", which a stream that is reset in the middle of its body reaches as well.
    stream.once("close", () => {
      const body = Buffer.concat(chunks);
      const status = headers?.[":status"];
      if (stream.rstCode !== 0) reject(new Error(`HTTP/2: reset with code ${stream.rstCode}`));
      else if (headers === undefined || status === undefined) reject(new Error("HTTP/2: no response"));
      else if (isTruncated(ask.method, status, headers["content-length"], body.length))
        reject(new Error(`HTTP/2: ${body.length} bytes of ${headers["content-length"]} came`));
      else resolve({ status, headers, setCookie: headers["set-cookie"] ?? [], body: body.toString("utf8") });
    });
    if (ask.body !== undefined) stream.end(ask.body);
  });
}

/** The answers to HEAD and with 304 say the length of a body that does not come (RFC 9110, section 8.6). */
function isTruncated(
  method: string | undefined,
  status: number,
  contentLength: string | undefined,
  received: number,
): boolean {
  if (contentLength === undefined || method === "HEAD" || status === 304) return false;
  return Number(contentLength) !== received;
}

/** The headers of such a request on HTTP/2. */
export function http2Headers(ask: Ask): OutgoingHttpHeaders {
  return headersOf(ask, {
    ":method": ask.method ?? "GET",
    ":path": ask.path ?? "/",
    ":scheme": ask.certificate === undefined ? "http" : "https",
    ":authority": ask.host ?? STICKY_HOST,
  });
}

/** Writes these bytes on a connection of their own and returns all that comes back until it is closed. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    let received = "";
    socket.setEncoding("latin1").on("data", (text: string) => (received += text));
    socket.setTimeout(PATIENCE_MILLISECONDS, () =>
      socket.destroy(new Error("no answer within the patience")),
    );
    socket.once("error", reject);
    socket.once("close", () => resolve(received));
  });
}

/** Asks `count` times, at most `width` at once. */
export async function many<T>(
  count: number,
  width: number,
  ask: (index: number) => Promise<T>,
): Promise<T[]> {
  const answers: T[] = new Array<T>(count);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) answers[index] = await ask(index);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  return answers;
}

function headersOf(ask: Ask, first: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return { ...first, ...(ask.cookie === undefined ? {} : { cookie: ask.cookie }), ...ask.headers };
}
