/** Which requests a rule of an HTTPRoute is for, in the order of ingress-nginx. */
import type { Backend, Canary, Route } from "./model.ts";
import { cookieRegex, literal } from "./regex.ts";

export interface PathMatch {
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  readonly value: string;
}

export interface HeaderMatch {
  readonly type: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

// What Gateway API lets an Exact or PathPrefix be; all else is written as an expression.
const PLAIN = /^(?:\/(?:[-A-Za-z0-9._~!$&'()*+,;=:@]|%(?!2[fF])[0-9a-fA-F]{2})*)+$/;
const DOTS = /\/\.{0,2}\/|\/\.{1,2}$/;

/** Envoy Gateway takes an expression for the whole path, and a prefix for whole segments. */
export function pathMatch({ path, match }: Route): PathMatch {
  const plain = PLAIN.test(path) && !DOTS.test(path);
  const regex = (value: string): PathMatch => ({ type: "RegularExpression", value });
  switch (match) {
    case "exact":
      return plain ? { type: "Exact", value: path } : regex(literal(path));
    case "start":
      return path === "/" ? { type: "PathPrefix", value: path } : regex(`${literal(path)}.*`);
    case "regex":
      return regex(`(?i)${path.includes("|") ? `(?:${path})` : path}.*`);
    case "prefix":
      if (path !== "/" && path.endsWith("/")) return regex(`${literal(path)}.*`);
      return plain ? { type: "PathPrefix", value: path } : regex(`${literal(path)}(?:/.*)?`);
  }
}

/** Requests with any one of these headers go to the backend. */
export interface Choice {
  readonly label: string;
  readonly header: HeaderMatch;
  readonly backend: Backend;
}

/** Who asks for a version, by header before cookie. */
export function asked(primary: Backend, { backend: canary, header, cookie }: Canary): Choice[] {
  const choices: Choice[] = [];
  const choose = (label: string, match: HeaderMatch, backend: Backend): void => {
    choices.push({ label, header: match, backend });
  };
  if (header !== undefined) {
    const { name } = header;
    if (header.value !== undefined) choose("header", { type: "Exact", name, value: header.value }, canary);
    else if (header.pattern !== undefined)
      choose("header", { type: "RegularExpression", name, value: `.*(?:${header.pattern}).*` }, canary);
    else {
      choose("header-always", { type: "Exact", name, value: "always" }, canary);
      choose("header-never", { type: "Exact", name, value: "never" }, primary);
    }
  }
  if (cookie !== undefined) {
    // nginx's $cookie_ heeds no case in names.
    const by = (value: string) => inCookie(`(?i:${literal(cookie)})`, value);
    choose("cookie-always", by("always"), canary);
    choose("cookie-never", by("never"), primary);
  }
  return choices;
}

/** A cookie of this name, an expression itself, with this value, or with any. */
export function inCookie(name: string, value?: string): HeaderMatch {
  return { type: "RegularExpression", name: "cookie", value: cookieRegex(name, value) };
}

/** One of these values. */
export function oneOf(name: string, values: readonly string[]): HeaderMatch {
  const [first = "", ...others] = values;
  if (others.length === 0) return { type: "Exact", name, value: first };
  return { type: "RegularExpression", name, value: values.map(literal).join("|") };
}
