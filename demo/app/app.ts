import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import session, { type Session, type SessionData, type Store } from "express-session";

declare module "express-session" {
  interface SessionData {
    visits?: number;
  }
}

export interface AppOptions {
  podName: string;
  /** Where sessions live. */
  store: Store;
  /** Signs the session cookie; a pod takes only sessions that were signed with its own. */
  secret: string;
}

type Visit = IncomingMessage & { session?: Session & SessionData };
type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * The tutorial's application as a listener for node:http: `/` counts the visits of a session, `/healthz` answers
 * with the pod's name and touches no session.
 */
export function createApp({ podName, store, secret }: AppOptions): RequestListener {
  const withSession = session({
    secret,
    store,
    resave: false,
    saveUninitialized: false,
    // No lifetime: a browser forgets the cookie when it closes, the store forgets the session.
    cookie: { path: "/", httpOnly: true, sameSite: "lax" },
    // Its types ask for Express; the middleware itself uses nothing that node:http does not have.
  }) as unknown as Middleware;

  return (req, res) => {
    const path = req.url?.split("?", 1)[0];
    if (path === "/healthz") return send(res, 200, "text/plain", `${podName}\n`);
    if (path !== "/") return send(res, 404, "text/plain", "not found; the application is at /\n");
    if (req.method !== "GET" && req.method !== "HEAD") {
      res.setHeader("Allow", "GET, HEAD");
      return send(res, 405, "text/plain", "not allowed; a visit is a GET request\n");
    }
    withSession(req, res, (error) => {
      const visitor = (req as Visit).session;
      // The store calls next a second time when it fails after the answer has begun.
      if (res.headersSent) return console.error(`${podName}: session lost: ${error}`);
      if (error || !visitor) {
        console.error(`${podName}: no session: ${error ?? "the store is disconnected"}`);
        return send(res, 503, "text/plain", "sessions are out of reach; try again\n");
      }
      visitor.visits = (visitor.visits ?? 0) + 1;
      // To the letter of the tutorial, which says 1th and 2th.
      send(res, 200, "text/html", `Hostname: ${podName}<br>\n${visitor.visits}th time access.\n`);
    });
  };
}

function send(res: ServerResponse, status: number, type: string, text: string): void {
  res.statusCode = status;
  res.setHeader("Content-Type", `${type}; charset=utf-8`);
  res.setHeader("Content-Length", Buffer.byteLength(text));
  res.end(text);
}
