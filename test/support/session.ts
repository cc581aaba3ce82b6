import { sealToken, type OpenedToken, type TokenFields, type TokenKey } from "../../cli/token.ts";
import type { Answer } from "./client.ts";
import { binding, key, newCookie } from "./gateway.ts";
import { nowSeconds, opened } from "./tokens.ts";

/** A client's session as a token tells it, but for the times: they are said in seconds before now. */
interface Session {
  endpoint: string;
  /** How long ago it began. Default `unseen`. */
  age?: number;
  /** How long ago the client was last seen. Default 0. */
  unseen?: number;
  /** Default 1. */
  session?: bigint;
  /** Whether its cookie is Secure. Default false. */
  secure?: boolean;
  /** What seals the token. Default the key and the binding of envoy/gateway.yaml. */
  under?: TokenKey;
  at?: typeof binding;
}

/** A Cookie header with a token of this session. */
export function cookieOf(session: Session): string {
  const { unseen = 0, age = unseen, endpoint, session: name = 1n, secure = false, under, at } = session;
  const now = nowSeconds();
  return cookieWith({ issued: now - age, seen: now - unseen, session: name, endpoint, secure }, under, at);
}

/** A Cookie header with a token of these fields. */
export function cookieWith(fields: TokenFields, under: TokenKey = key, at = binding): string {
  return `${at.sessionName}=${sealToken(fields, under, at)}`;
}

/** What the token of a Cookie header says that has nothing else; throws unless it opens under this key. */
export function openedCookie(cookie: string, under: TokenKey = key, at = binding): OpenedToken {
  return opened(cookie.slice(at.sessionName.length + 1), at, under);
}

/** What the only cookie of this answer says; throws unless it is ours and opens under this key. */
export function newToken(answer: Answer, under: TokenKey = key, at = binding): OpenedToken {
  return opened(newCookie(answer, at.sessionName), at, under);
}
