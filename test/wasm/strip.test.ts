import assert from "node:assert/strict";
import { test } from "node:test";
import { strippedCookieRows } from "../support/vectors.ts";
import { Random } from "./random.ts";
import { NOW, POD, sampleRoot, sampleToken } from "./sample.ts";
import { visit } from "./visit.ts";

const TOKEN = sampleToken(POD);
const STRIP = { stripFromRequest: true };

for (const { it, header, name, rest } of strippedCookieRows) {
  test(`the pod's Cookie header: ${it}`, () => {
    const root = sampleRoot({ ...STRIP, sessionName: name });
    const seen = visit(root, { cookie: header, host: POD });
    assert.deepEqual(seen.requestHeaders.all("cookie"), rest === "" && header !== "" ? [] : [rest]);
  });
}

const several: [what: string, lines: readonly string[], left: readonly string[]][] = [
  ["ours alone in the first", [`affinity=${TOKEN}`, "theme=dark"], ["theme=dark"]],
  ["ours alone in the last", ["theme=dark", `affinity=${TOKEN}`], ["theme=dark"]],
  ["ours alone between two", ["a=1", `affinity=${TOKEN}`, "b=2"], ["a=1; b=2"]],
  ["ours among others", [`a=1; affinity=${TOKEN}; b=2`, "c=3;d=4", "e=5"], ["a=1; b=2; c=3;d=4; e=5"]],
  ["ours in each", [`affinity=${TOKEN}; a=1`, "b=2; affinity=bad", "affinity=worse"], ["a=1; b=2"]],
  ["ours in all, and nothing else", [`affinity=${TOKEN}`, "affinity=bad", "affinity=worse;"], []],
  ["none of ours", ["theme=dark", "lang=en; x"], ["theme=dark", "lang=en; x"]],
  ["one that is empty", ["", `affinity=${TOKEN}`, "a=1"], ["a=1"]],
];

for (const [what, lines, left] of several) {
  test(`several Cookie lines become one: ${what}`, () => {
    const request = [
      ["cookie2", `affinity=${TOKEN}`],
      ["accept", "*/*"],
    ] as const;
    const seen = visit(sampleRoot(STRIP), { cookie: lines, host: POD, request });
    assert.deepEqual(seen.requestHeaders.all("cookie"), left);
    assert.equal(seen.asked, lines.some((line) => line.includes(TOKEN)) ? POD : null);
    assert.deepEqual(seen.requestHeaders.all("cookie2"), [`affinity=${TOKEN}`]);
    assert.deepEqual(seen.requestHeaders.all("accept"), ["*/*"]);
  });
}

test("a request that has none of ours is not touched, however many Cookie lines it has", () => {
  const root = sampleRoot(STRIP);
  for (const cookie of [[], ["theme=dark"], ["theme=dark", "lang=en"], ["affinity2=x", ";;"]]) {
    const { calls } = visit(root, { cookie, host: POD });
    assert.equal(
      calls.some((call) => /\((request), cookie\)/.test(call)),
      false,
      calls.join(", "),
    );
  }
});

test("a cookie that is bad, over, or the fifth goes as well", () => {
  const root = sampleRoot({ ...STRIP, absoluteTimeout: "1h" });
  const over = sampleToken(POD, { issued: NOW - 3600 });
  for (const value of ["", "bad", over, `"${TOKEN}`, "x".repeat(100_000)]) {
    const seen = visit(root, { cookie: `a=1; affinity=${value}; b=2`, host: POD });
    assert.equal(seen.asked, null);
    assert.deepEqual(seen.requestHeaders.all("cookie"), ["a=1; b=2"]);
  }
  const many = Array.from({ length: 800 }, (_, index) => `affinity=${index}; c${index}=x`);
  const others = Array.from({ length: 800 }, (_, index) => `c${index}=x`);
  for (const cookie of [many.join("; "), many]) {
    assert.deepEqual(visit(root, { cookie, host: POD }).requestHeaders.all("cookie"), [others.join("; ")]);
  }
});

test("every other byte stays, in a header of 1 MB", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  const value = bytes.replace(/[\0\r\n;]/g, "").repeat(4000);
  const seen = visit(sampleRoot(STRIP), { cookie: `a=${value}; affinity=${TOKEN}; b=${value}`, host: POD });
  assert.equal(seen.asked, POD);
  const [left] = seen.requestHeaders.all("cookie");
  assert.ok(left === `a=${value}; b=${value}`, `${left?.length} bytes are left`);
});

test("thousands of random Cookie lines lose ours and nothing else", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot(STRIP);
  const pieces = [
    "affinity=",
    "affinity",
    `affinity=${TOKEN}`,
    "affinity2=x",
    "a=1",
    "=",
    "; ",
    ";",
    ";",
    " ",
    "\t",
    '"',
    "\xe9",
  ];
  for (let turn = 0; turn < 20_000; turn++) {
    const cookie = Array.from({ length: 1 + random.below(3) }, () =>
      Array.from({ length: random.below(12) }, () => random.pick(pieces)).join(""),
    );
    const lines = visit(root, { cookie, host: POD }).requestHeaders.all("cookie");
    const what = JSON.stringify([cookie, lines]);
    assert.deepEqual(pairs(lines).filter(isOurs), [], what);
    assert.deepEqual(
      pairs(lines),
      pairs(cookie).filter((pair) => !isOurs(pair)),
      what,
    );
    if (pairs(cookie).some(isOurs)) assert.ok(lines.length <= 1, what);
    else assert.deepEqual(lines, cookie, what);
  }
});

/** RFC 6265, section 5.2, step by step; a blank pair is none. */
function pairs(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => line.split(";"))
    .map((pair) => pair.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((pair) => pair !== "");
}

function isOurs(pair: string): boolean {
  return /^affinity[ \t]*=/.test(pair);
}
