import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";

/** A Cookie header and the values of cookies of that name that are tried, in order; `ignored` are none of them. */
export interface CookieRow {
  readonly it: string;
  readonly header: string;
  readonly name: string;
  readonly values: readonly string[];
  readonly ignored: readonly string[];
}

/** A Cookie header, and what is left of it without the cookies of that name. */
export interface StrippedCookieRow {
  readonly it: string;
  readonly header: string;
  readonly name: string;
  readonly rest: string;
}

/** A key and what a token under it is bound to. */
export interface TokenRow {
  readonly it: string;
  /** base64 of 32 bytes. */
  readonly key: string;
  readonly keyId: number;
  readonly scope: string;
  readonly sessionName: string;
  readonly token: string;
}

export interface OpeningTokenRow extends TokenRow {
  /** Hexadecimal, as session. */
  readonly nonce: string;
  readonly issued: number;
  readonly seen: number;
  readonly session: string;
  readonly endpoint: string;
  /** CRC-32 of the cluster's name; in rows that say `hasCluster` alone. */
  readonly cluster?: number;
  readonly hasCluster?: boolean;
  readonly secure?: boolean;
}

export interface RefusedTokenRow extends TokenRow {
  readonly why: string;
}

/** A configuration that is refused, and what a line of the log names. */
export interface ConfigurationRow {
  readonly it: string;
  readonly configuration: string;
  readonly path: string;
  /** As the log shows it, or the start of it; empty where there is none, or where it may be a secret. */
  readonly value: string;
}

export const configurationRows: readonly ConfigurationRow[] = vectors("configurations.json");

export const cookieRows: readonly CookieRow[] = vectors("cookies.json");

export const strippedCookieRows: readonly StrippedCookieRow[] = vectors("stripped-cookies.json");

export const tokenRows: {
  readonly opens: readonly OpeningTokenRow[];
  readonly refused: readonly RefusedTokenRow[];
} = vectors("tokens.json");

export function vectors<T>(file: string): T {
  return JSON.parse(readFileSync(join(root, "test/vectors", file), "utf8")) as T;
}
