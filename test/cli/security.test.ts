import { match, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../cli/root.ts";

const page = readFileSync(join(root, "SECURITY.md"), "utf8");
const LINK = /\[([^\]]+)\]\((test\/[^)]+)\)/g;

/** The titles of a file's tests, as patterns: what a template fills in may be anything. */
function titlesOf(file: string): RegExp[] {
  const source = readFileSync(join(root, file), "utf8");
  const titles = [...source.matchAll(/\btest\(\s*(["`])((?:\\.|(?!\1).)*)\1/g)];
  return titles.map(([, quote, title = ""]) => {
    const parts = quote === "`" ? title.split(/\$\{[^}]*\}/) : [title];
    return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".+")}$`);
  });
}

test("each test that SECURITY.md names is there, under that title", () => {
  const links = [...page.replaceAll("\n", " ").matchAll(LINK)];
  ok(links.length > 30, `${links.length} tests`);
  for (const [, title = "", file = ""] of links) {
    ok(existsSync(join(root, file)), `${file}: not there`);
    const plain = title.replace(/\\(.)/g, "$1");
    ok(
      titlesOf(file).some((pattern) => pattern.test(plain)),
      `${file}: has no test "${plain}"`,
    );
  }
});

test("each attempt in SECURITY.md names a test, or says that nothing stops it", () => {
  const table = page.slice(page.indexOf("| attempt "), page.indexOf("## Odds"));
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:attempt|---)/.test(line));
  ok(rows.length >= 14, `${rows.length} rows`);
  for (const row of rows) {
    const [, , stops = "", shown = "", left = ""] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    ok(left !== "", row);
    if (!/^nothing does/.test(stops)) match(shown, /\]\(test\//, row);
  }
});

test("the odds of two equal nonces in SECURITY.md are v squared by 2^65", () => {
  const table = page.slice(page.indexOf("| starts under one key"), page.indexOf("Rotate the key before"));
  const rows = [...table.matchAll(/\| ([0-9,]+) +\| 2\^-([0-9]+)/g)];
  ok(rows.length === 3, table);
  for (const [row, starts = "", power = ""] of rows) {
    const bits = 2 * Math.log2(Number(starts.replaceAll(",", ""))) - 65;
    ok(bits < -Number(power) && bits > -Number(power) - 1, `${row}: 2^${bits.toFixed(1)}`);
  }
});

test("the odds of a forgery in SECURITY.md: blocks of the longest token and binding, a year of guesses", () => {
  // 1 to 255 characters of scope, up to 256 of the name; what is sealed: times, session, 257 bytes of a path, a sum.
  const binding = 2 + "affinity/1\0".length + 255 + 1 + 256;
  const sealed = 4 + 4 + 8 + 257 + 4;
  const blocks = Math.ceil(binding / 16) + Math.ceil(sealed / 16) + 1;
  ok(page.includes(`have ${blocks} blocks`), `${blocks} blocks`);
  ok(blocks < 2 ** 6);
  const guesses = Math.log2(1e6 * 365 * 24 * 3600);
  ok(guesses < 45 && guesses > 44, String(guesses));
});
