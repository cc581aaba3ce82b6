import { isAlphanumeric } from "./text";

/** What may stand in a cookie or a header. All of it is ASCII. */

// rfc6265bis, section 5.6: browsers drop a cookie whose name and value have more than 4096 bytes, and an attribute of
// more than 1024.
const MAX_NAME: i32 = 256;
const MAX_PATH: i32 = 1024;

/** Characters of a scope, and of the name of a cluster. */
export const MAX_SCOPE: i32 = 255;

/** RFC 9110, section 5.6.2: token = 1*tchar. Also the cookie-name of RFC 6265, section 4.1.1. */
export function isToken(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isAlphanumeric(code) && !"!#$%&'*+-.^_`|~".includes(text.charAt(i))) return false;
  }
  return text.length > 0 && text.length <= MAX_NAME;
}

/** RFC 6265, section 4.1.1: path-value = <any CHAR except CTLs or ";">; and a browser wants the "/" in front. */
export function isCookiePath(text: string): bool {
  return text.startsWith("/") && text.length <= MAX_PATH && isVisible(text) && !text.includes(";");
}

/**
 * RFC 1034, section 3.5, as RFC 6265 names it: labels of letters, digits and inner hyphens. A digit may come first
 * (RFC 1123, section 2.1); browsers ignore a dot in front.
 */
export function isCookieDomain(text: string): bool {
  let labelLength = 0;
  let last = 0x2e;
  for (let i = text.startsWith(".") ? 1 : 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const hyphen = code == 0x2d;
    if (code == 0x2e) {
      if (last == 0x2e || last == 0x2d) return false;
      labelLength = 0;
    } else if (!isAlphanumeric(code) && !(hyphen && last != 0x2e)) {
      return false;
    } else if (++labelLength > 63) {
      return false;
    }
    last = code;
  }
  return last != 0x2e && last != 0x2d && text.length <= 253;
}

/** VCHAR of RFC 5234: neither blanks nor controls nor anything beyond ASCII. */
export function isVisible(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

/** IEEE Std 1003.1, section 8.1: letters, digits and the low line. Base64 always has more. */
export function isEnvironmentName(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    if (!isAlphanumeric(text.charCodeAt(i)) && text.charCodeAt(i) != 0x5f) return false;
  }
  return text.length > 0;
}

/** Whether a header, in lower case, is free to be ours: a token that starts with "x-", and none that Envoy gives a meaning. */
export function isOwnHeader(name: string): bool {
  return name.startsWith("x-") && isFreeHeader(name);
}

/** Whether a header, in lower case, is one that neither HTTP nor Envoy gives a meaning to. */
export function isFreeHeader(name: string): bool {
  for (let i = 0; i < MEANT_PREFIXES.length; i++) {
    if (name.startsWith(MEANT_PREFIXES[i])) return false;
  }
  return isToken(name) && !hasWord(MEANT, name);
}

const MEANT_PREFIXES = [
  "x-forwarded-",
  "x-envoy-",
  "content-",
  "accept",
  "access-control-",
  "if-",
  "sec-",
  "proxy-",
  "grpc-",
];
// RFC 9110, section 18.4, RFC 9111, RFC 9112 and RFC 6265, those that travel with most messages; W3C Trace Context.
const MEANT =
  "x-request-id host cookie set-cookie connection keep-alive te trailer transfer-encoding upgrade authorization " +
  "www-authenticate location date vary cache-control age etag expires last-modified server user-agent referer origin " +
  "expect range via forwarded traceparent tracestate";

/** Whether a word is one of `words`, which have one blank between them. */
export function hasWord(words: string, word: string): bool {
  return !word.includes(" ") && (" " + words + " ").includes(" " + word + " ");
}

/** Strings of AssemblyScript lower-case by all of Unicode, for which they bring 10 kB of tables. */
export function toLowerAscii(text: string): string {
  const bytes = String.UTF8.encode(text);
  const at = changetype<usize>(bytes);
  for (let i = 0; i < bytes.byteLength; i++) {
    const byte = load<u8>(at + i);
    if (byte >= 0x41 && byte <= 0x5a) store<u8>(at + i, byte | 0x20);
  }
  return String.UTF8.decode(bytes);
}
