import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { answer, answerApi } from "./api.ts";
import type { Controls } from "./controls.ts";
import { Refusal } from "./refusal.ts";
import { staticFile } from "./static-files.ts";

export interface PageOptions {
  /** Where the page's files are. */
  folder: string;
  /** What its buttons act on; without, the page shows none. */
  controls?: Controls;
}

// The browser sends a host's cookies to that host's path alone.
const COOKIES = /^\/(abc|plain|cache)\/cookies$/;

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const HEADERS = {
  // The page needs nothing from elsewhere, and nobody may show it in a frame of theirs, to have its buttons pressed.
  "Content-Security-Policy":
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  "Cache-Control": "no-store",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** The page's files, and below /api/ what it asks. */
export function createPageServer({ folder, controls }: PageOptions): Server {
  // As many bytes of cookies as the pods take.
  const server = createServer({ maxHeaderSize: 80 * 1024 }, (request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    serve(request, response, folder, controls).catch((error: unknown) => refuse(response, error));
  });
  // Longer than Envoy keeps an idle connection, so that it is never closed just as it is used.
  server.keepAliveTimeout = 61 * MINUTE;
  // Who sends a request by drops does not hold us.
  server.requestTimeout = 10 * SECOND;
  return server;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  controls: Controls | undefined,
): Promise<void> {
  const path = request.url?.split("?", 1)[0] ?? "/";
  if (path.startsWith("/api/")) return answerApi(path, request, response, controls);
  if (COOKIES.test(path)) return answerApi("/api/cookies", request, response, controls);
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new Refusal(405, "not allowed; the page's files are there to GET", "GET, HEAD");
  const file = await staticFile(folder, path);
  if (file === undefined) throw new Refusal(404, "not found; the page is at /");
  response.writeHead(200, { "Content-Type": file.type, "Content-Length": file.bytes.length });
  response.end(file.bytes);
}

function refuse(response: ServerResponse, error: unknown): void {
  const sentence = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Refusal)) console.error(`the page's server: ${sentence}`);
  // A restart that fails has been answered; the state tells how things stand.
  if (response.headersSent) return;
  const { status, allow } = error instanceof Refusal ? error : { status: 500, allow: undefined };
  if (allow !== undefined) response.setHeader("Allow", allow);
  // What is left of a body that was refused is not read.
  if (status === 413) response.setHeader("Connection", "close");
  answer(response, status, { error: sentence });
}
