/**
 * Values of annotations, as ingress-nginx's validators take them (internal/ingress/annotations/parser/validators.go), but
 * anchored at both ends. What ingress-nginx takes by accident is wrong here, with what it made of it.
 */
import type { Outcome } from "./emit.ts";

export type Parsed<T> = Valid<T> | Wrong;

export interface Valid<T> {
  readonly value: T;
  /** Where this value has another outcome than its annotation, and then why. */
  readonly outcome?: Outcome;
  readonly text?: string;
}

export interface Wrong {
  /** Why, what ingress-nginx makes of it where that is not nothing, and what would be right. */
  readonly wrong: string;
  /** Whether ingress-nginx took it by accident, for something else than nothing. */
  readonly accident?: true;
}

// Go's strconv.ParseBool, which trims nothing.
const TRUE = /^(?:1|t|T|TRUE|true|True)$/;
const FALSE = /^(?:0|f|F|FALSE|false|False)$/;

export function flag(value: string): Parsed<boolean> {
  if (TRUE.test(value)) return { value: true };
  if (FALSE.test(value)) return { value: false };
  return { wrong: `neither "true" nor "false"` };
}

/** One of these words, in this spelling; blanks around it do no harm. */
export function oneOf<T extends string>(...words: readonly T[]): (value: string) => Parsed<T> {
  return (value) => {
    const word = words.find((each) => each === value.trim());
    if (word !== undefined) return { value: word };
    const allowed = words.map((each) => `"${each}"`).join(" nor ");
    return { wrong: words.length === 1 ? `not ${allowed}` : `neither ${allowed}` };
  };
}

/** Text of these characters; `chars` is for the inside of a class. Blanks pass ingress-nginx's check, line ends do not. */
export function charsOf(chars: string, named: string): (value: string) => Parsed<string> {
  const allowed = new RegExp(`^[${chars} ]+$`);
  return (value) => {
    const text = value.trim();
    if (text === "") return { wrong: "empty" };
    return allowed.test(value) ? { value: text } : { wrong: `only ${named} may stand in it` };
  };
}

/** BasicCharsRegex. */
export const BASIC = "\\/\\-._~a-zA-Z0-9:";
/** URLIsValidRegex. */
export const URL_CHARS = `${BASIC},?&=`;
/** IsValidRegex. */
export const REGEX_CHARS = `${BASIC}^$[\\](){}*+?|&=\\\\`;

// (^0|-?[1-9]\d*$) of sessionaffinity/main.go: each alternative is anchored at one end alone.
const SECONDS = /^(?:0|-?[1-9]\d*)$/;
const SECONDS_BY_ACCIDENT = /^0|-?[1-9]\d*$/;

/**
 * A whole number of seconds; it may be 0 or negative. Numbers beyond what a double holds are the largest that it does.
 * @param accident what ingress-nginx does with what its check lets through by accident
 */
export function seconds(accident: string): (value: string) => Parsed<number> {
  return (value) => {
    const text = value.trim();
    if (SECONDS.test(text)) return { value: Math.min(Number(text), Number.MAX_SAFE_INTEGER) };
    const right = `write a whole number of seconds, such as "3600"`;
    if (!SECONDS_BY_ACCIDENT.test(text)) return { wrong: `not a number; ${right}` };
    return {
      wrong: `not a whole number, which ingress-nginx's check lets through by accident: ${accident}; ${right}`,
      accident: true,
    };
  };
}

/** Go's strconv.Atoi: a 64-bit integer in decimal digits. */
export function integer(value: string): Parsed<number> {
  if (!/^[+-]?\d+$/.test(value)) return { wrong: "not a whole number" };
  const number = Number(value);
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) return { wrong: "not a number that can be counted to" };
  if (/^(?:0|-?[1-9]\d*)$/.test(value)) return { value: number };
  return { value: number, text: `it is read as ${number}, as ingress-nginx does; write it so` };
}

/** Only these three spellings reach the cookie, though the check of ingress-nginx heeds no case. */
export function sameSite(value: string): Parsed<"Strict" | "Lax" | "None"> {
  const text = value.trim();
  const word = (["Strict", "Lax", "None"] as const).find((each) => each === text);
  if (word !== undefined) return { value: word };
  const meant = (["Strict", "Lax", "None"] as const).find(
    (each) => each.toLowerCase() === text.toLowerCase(),
  );
  if (meant === undefined) return { wrong: `none of "Strict", "Lax", "None"` };
  return {
    wrong: `ingress-nginx's check takes it, but its cookie then has no SameSite, and none is written now; if it is meant, write "${meant}"`,
  };
}

/** Names between commas; those that begin with `~` are regular expressions. */
export function serverNames(value: string): Parsed<readonly string[]> {
  const names = value.split(",").map((name) => name.trim());
  const given = [...new Set(names.filter((name) => name !== ""))];
  if (given.length === 0) return { wrong: "names no host" };
  const allowed = new RegExp(`^[${REGEX_CHARS}]+$`);
  const bad = given.find((name) => !allowed.test(name));
  if (bad !== undefined) return { wrong: "a name among them has characters that no host has" };
  return { value: given };
}

/** Of an annotation whose value decides nothing here. */
export function anything(value: string): Parsed<string> {
  return { value };
}

// NGX_CONF_BUFFER of nginx: a parameter that is longer is none.
const MOST_REGEX = 4096;

/** Whether a regular expression of PCRE can be read at all, such as one without its closing bracket cannot. */
export function isRegex(pattern: string): boolean {
  if (pattern.length > MOST_REGEX) return false;
  // JavaScript reads the same groups, classes and repetitions; what it lacks is replaced by what it has.
  const known = pattern.replace(
    /\\[\s\S]|\(\?P?([^)>:=!<]*)([:>]|(?=[)=!<]))|([*+?}])\+/g,
    (whole, ...groups) => {
      if (whole.startsWith("\\")) return /^\\[A-Za-z0-9]/.test(whole) ? "a" : whole;
      const [, , repeated] = groups as (string | undefined)[];
      if (repeated !== undefined) return repeated;
      return /^\(\?P?$/.test(whole) ? "(?" : "(?:";
    },
  );
  try {
    new RegExp(known);
    return true;
  } catch {
    return false;
  }
}
