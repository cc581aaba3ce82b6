import { isAlphanumeric } from "./characters";
import { JsonValue, stringValue } from "./json";
import { text, words } from "./literals";
import { scratch } from "./region";
import { Text } from "./text";
import { indexOfWord, startsWithWord } from "./wordlist";

/** What may stand in a cookie or a header. All of it is ASCII. */

// rfc6265bis, section 5.6: browsers drop a cookie whose name and value have more than 4096 bytes, and an attribute of
// more than 1024.
const MAX_NAME: u32 = 256;
const MAX_PATH: u32 = 1024;
const MAX_DOMAIN: u32 = 253;
const MAX_LABEL: i32 = 63;

/** Characters of a scope, and of the name of a cluster. */
export const MAX_SCOPE: u32 = 255;

const TOKEN_SIGNS = text("!#$%&'*+-.^_`|~");

/** RFC 9110, section 5.6.2: token = 1*tchar. Also the cookie-name of RFC 6265, section 4.1.1. */
export function isToken(value: JsonValue): bool {
  return value.length <= MAX_NAME && consistsOf(value, TOKEN_SIGNS);
}

/** Whether a text is one or more letters, digits and `signs`. */
export function consistsOf(value: JsonValue, signs: Text): bool {
  for (let i: u32 = 0; i < value.length; i++) {
    const byte = load<u8>(value.text + i);
    if (!isAlphanumeric(byte) && !holds(signs.start, signs.length, byte)) return false;
  }
  return value.length > 0;
}

function holds(at: usize, length: u32, byte: u8): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(at + i) == byte) return true;
  }
  return false;
}

/** RFC 6265, section 4.1.1: path-value = <any CHAR except CTLs or ";">; and a browser wants the "/" in front. */
export function isCookiePath(value: JsonValue): bool {
  return isVisible(value, MAX_PATH) && load<u8>(value.text) == 0x2f && !holds(value.text, value.length, 0x3b);
}

/**
 * RFC 1034, section 3.5, as RFC 6265 names it: labels of letters, digits and inner hyphens. A digit may come first
 * (RFC 1123, section 2.1); browsers ignore a dot in front. Of no text: no domain, which is one too.
 */
export function isCookieDomain(value: JsonValue): bool {
  let label = 0;
  let last: u8 = 0x2e;
  for (let i: u32 = 0; i < value.length; i++) {
    const byte = load<u8>(value.text + i);
    if (byte == 0x2e) {
      if (i > 0 && (last == 0x2e || last == 0x2d)) return false;
      label = 0;
    } else if ((!isAlphanumeric(byte) && (byte != 0x2d || last == 0x2e)) || ++label > MAX_LABEL) {
      return false;
    }
    last = byte;
  }
  return value.length == 0 || (last != 0x2e && last != 0x2d && value.length <= MAX_DOMAIN);
}

/** 1 to `most` VCHAR of RFC 5234: neither blanks nor controls nor anything beyond ASCII. */
export function isVisible(value: JsonValue, most: u32): bool {
  for (let i: u32 = 0; i < value.length; i++) {
    const byte = load<u8>(value.text + i);
    if (byte < 0x21 || byte > 0x7e) return false;
  }
  return value.length > 0 && value.length <= most;
}

/** IEEE Std 1003.1, section 8.1: letters, digits and the low line. Base64 always has more. */
export function isEnvironmentName(value: JsonValue): bool {
  return consistsOf(value, text("_"));
}

/** Whether a header, in lower case, is free to be ours: a token that starts with "x-", and none that Envoy gives a meaning. */
export function isOwnHeader(name: JsonValue): bool {
  return startsWithWord(words("x-"), name) && isFreeHeader(name);
}

/** Whether a header, in lower case, is one that neither HTTP nor Envoy gives a meaning to. */
export function isFreeHeader(name: JsonValue): bool {
  return (
    isToken(name) &&
    !startsWithWord(
      words("x-forwarded- x-envoy- content- accept access-control- if- sec- proxy- grpc-"),
      name,
    ) &&
    // RFC 9110, section 18.4, RFC 9111, RFC 9112 and RFC 6265, those that travel with most messages; W3C Trace Context.
    indexOfWord(
      words(
        "x-request-id host cookie set-cookie connection keep-alive te trailer transfer-encoding upgrade authorization www-authenticate location date vary cache-control age etag expires last-modified server user-agent referer origin expect range via forwarded traceparent tracestate",
      ),
      name,
    ) < 0
  );
}

/** The same text with the letters of ASCII in lower case. */
export function lowered(value: JsonValue): JsonValue {
  const at = scratch.take(value.length);
  for (let i: u32 = 0; i < value.length; i++) {
    const byte = load<u8>(value.text + i);
    store<u8>(at + i, byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
  }
  return stringValue(at, value.length);
}
