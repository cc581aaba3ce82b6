/** Regular expressions of ingress-nginx (PCRE) that Envoy (RE2) reads in the same way. */
import { createHash } from "node:crypto";
import type { Backend } from "./model.ts";

// Behind `(?`: what RE2 has of it. Flags, a group without a number, a named one.
const GROUP = /^\?(?:[imsU]*(?:-[imsU]+)?[:)]|P?<[A-Za-z_]\w*>)/;
// Behind a backslash; before what is no letter or digit it stands for that character. Envoy's texts are bytes: no \x{100}.
const ESCAPE =
  /^(?:[pP](?:\{[^}]*\})?|x(?:\{[0-9A-Fa-f]{1,2}\}|[0-9A-Fa-f]{2})|[aftnrvdDsSwWbBAzCQE]|[^A-Za-z0-9])/;
// RE2 repeats up to 1000 times.
const MOST_REPEATED = 1000;

/**
 * What of the expression RE2 does not know, such as `(?!`; undefined when it knows all. It may still be refused for
 * being unbalanced, as by PCRE.
 */
export function foreignToRe2(pattern: string): string | undefined {
  let inClass = false;
  for (let index = 0; index < pattern.length; index++) {
    const rest = pattern.slice(index + 1);
    const char = pattern[index];
    if (char === "\\") {
      const [escape] = ESCAPE.exec(rest) ?? [];
      if (escape === undefined) return pattern.slice(index, index + 2);
      index += escape.length;
    } else if (inClass) {
      inClass = char !== "]";
    } else if (char === "[") {
      inClass = true;
      // A bracket that comes first stands for itself.
      index += /^\^?\]?/.exec(rest)?.[0].length ?? 0;
    } else if (char === "(" && rest.startsWith("?") && !GROUP.test(rest)) {
      return pattern.slice(index, index + 3);
    } else {
      const [quantifier] = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(pattern.slice(index)) ?? [];
      if (quantifier === undefined) continue;
      if (pattern[index + quantifier.length] === "+") return `${quantifier}+`;
      const counts = quantifier.match(/\d+/g) ?? [];
      if (counts.some((count) => Number(count) > MOST_REPEATED)) return quantifier;
      index += quantifier.length - 1;
    }
  }
  return undefined;
}

/** RE2, for the whole Cookie header: a cookie of this name stands in it, with this value. */
export function cookieRegex(name: string, value = "[^;]*"): string {
  return `(?:.*;\\s*)?${name}=${value}(?:\\s*;.*)?`;
}

/** As a regular expression that stands for the text itself. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** The value of ingress-nginx's cookie names its backend by md5hex(md5hex(name) + name) behind the first bar. */
export function formerValue({ name }: Backend): string {
  return `[^|;]+\\|${md5(md5(name) + name)}`;
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
