import { equal } from "node:assert/strict";
import { foreignToRe2 } from "../../cli/import/regex.ts";
import { test } from "../support/check.ts";

const known = [
  "/",
  "/foo/(bar|baz)/.*",
  "/foo(/|$)(.*)",
  "/[A-Z0-9]{3}/?$",
  "/(?i)x",
  "/(?:a|b)+?",
  "/(?<name>a)",
  "/(?P<name>a)",
  "/a\\.b\\d\\+",
  "/[(?=]+[]a*+]",
  "/\\x{7f}\\x7f",
  "/\\(?=a",
  "/a{2,1000}",
  "/a{,3}+",
  "/{id}",
];
for (const pattern of known)
  test(`RE2 knows all of ${pattern}`, () => {
    equal(foreignToRe2(pattern), undefined);
  });

const foreign: [string, string][] = [
  ["/(?!admin)", "(?!"],
  ["/(?=a)", "(?="],
  ["/(?<!a)b", "(?<"],
  ["/(?<=a)b", "(?<"],
  ["/(?>a)", "(?>"],
  ["/(?#note)", "(?#"],
  ["/(a)\\1", "\\1"],
  ["/(?<n>a)\\k<n>", "\\k"],
  ["/a\\Z", "\\Z"],
  ["/\\h", "\\h"],
  ["/a++", "++"],
  ["/.*+b", "*+"],
  ["/a{2}+", "{2}+"],
  ["/a{1001}", "{1001}"],
  ["/[a\\]](?!b)", "(?!"],
  ["/\\x{100}", "\\x"],
];
for (const [pattern, part] of foreign)
  test(`RE2 does not know ${part} of ${pattern}`, () => {
    equal(foreignToRe2(pattern), part);
  });
