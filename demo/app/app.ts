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
  /** What a visitor is told when the store fails, in one line. */
  outOfReach?: string;
  /** Takes a line when the store fails; the standard error unless given. */
  report?: (line: string) => void;
}

type Visit = IncomingMessage & { session?: (Session & SessionData) | undefined };
type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * The tutorial's application as a listener for node:http: `/` counts the visits of a session, `/healthz` answers
 * with the pod's name and touches no session. Behind a gateway that says `x-forwarded-prefix: /abc` the same is at
 * `/abc/` and `/abc/healthz`, and the session's cookie is for that path only.
 */
export function createApp({
  podName,
  store,
  secret,
  outOfReach = "sessions are out of reach; try again",
  report = console.error,
}: AppOptions): RequestListener {
  const withSession = session({
    secret,
    store,
    resave: false,
    saveUninitialized: false,
    // No lifetime: a browser forgets the cookie when it closes, the store forgets the session.
    cookie: (req) => ({ path: prefixOf(req) || "/", httpOnly: true, sameSite: "lax" }),
    // Its types ask for Express; the middleware itself uses nothing that node:http does not have.
  }) as unknown as Middleware;

  return (req, res) => {
    const prefix = prefixOf(req);
    const path = req.url?.split("?", 1)[0];
    if (path === `${prefix}/healthz`) return send(res, 200, "text/plain", `${podName}\n`);
    if (path !== `${prefix}/`)
      return send(res, 404, "text/plain", `not found; the application is at ${prefix}/\n`);
    if (req.method !== "GET" && req.method !== "HEAD") {
      res.setHeader("Allow", "GET, HEAD");
      return send(res, 405, "text/plain", "not allowed; a visit is a GET request\n");
    }
    const fail = (visit: Visit, reason: unknown): void => {
      // The store may fail a second time, after the answer has begun.
      if (res.headersSent) return report(`${podName}: session lost: ${reason}`);
      report(`${podName}: no session: ${reason}`);
      // Or a new visitor would get a cookie for a session that is nowhere.
      visit.session = undefined;
      send(res, 503, "text/plain", `${outOfReach}\n`);
    };
    withSession(req, res, (error) => {
      const visit = req as Visit;
      const visitor = visit.session;
      if (error || !visitor) return fail(visit, error ?? "the store is disconnected");
      visitor.visits = (visitor.visits ?? 0) + 1;
      const { visits } = visitor;
      // Before the answer: the middleware would tell only the log when it cannot save.
      visitor.save((lost) => {
        if (lost) return fail(visit, lost);
        // To the letter of the tutorial, which says 1th and 2th.
        send(res, 200, "text/html", `Hostname: ${podName}<br>\n${visits}th time access.\n`);
      });
    });
  };
}

/** The path below which the gateway serves this application: `/abc`, or "" when it says none that can be one. */
function prefixOf({ headers }: IncomingMessage): string {
  const said = headers["x-forwarded-prefix"];
  return typeof said === "string" && /^\/[a-z0-9-]+$/.test(said) ? said : "";
}

function send(res: ServerResponse, status: number, type: string, text: string): void {
  res.statusCode = status;
  res.setHeader("Content-Type", `${type}; charset=utf-8`);
  res.setHeader("Content-Length", Buffer.byteLength(text));
  res.end(text);
}
