import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "./random.ts";
import { OTHER_POD, POD, sampleRoot, sampleToken } from "./sample.ts";
import { cookieRows } from "../support/vectors.ts";
import { HOST_HEADER, visit } from "./visit.ts";

const TOKEN = sampleToken(POD);
const OTHER_TOKEN = sampleToken(OTHER_POD);
const GET_COOKIE = "proxy_get_header_map_value(request, cookie)";
const GET_PAIRS = "proxy_get_header_map_pairs(request)";

for (const { it, header, name, values, ignored } of cookieRows) {
  test(`the Cookie header: ${it}`, () => {
    const root = sampleRoot({ sessionName: name });
    const token = sampleToken(POD, { sessionName: name });
    const askedWith = (value: string): string | null => {
      assert.ok(header.includes(value), `"${value}" is not in the header of this row`);
      return visit(root, { cookie: header.replace(value, token), host: POD }).asked;
    };
    assert.equal(visit(root, { cookie: header, host: POD }).asked, null);
    for (const value of values) assert.equal(askedWith(value), POD, `${value} is tried`);
    for (const value of ignored) assert.equal(askedWith(value), null, `${value} is ignored`);
  });
}

test("of several cookies that open the first counts", () => {
  const cookie = `affinity=bad; affinity=${TOKEN}; affinity=${OTHER_TOKEN}`;
  const seen = visit(sampleRoot(), { cookie, host: POD });
  assert.equal(seen.asked, POD);
  assert.deepEqual(seen.setCookie, []);
});

test("a cookie in a second or third Cookie line is found", () => {
  const root = sampleRoot();
  for (const cookie of [
    ["theme=dark", `affinity=${TOKEN}`],
    ["", `affinity=${TOKEN}`],
    ["theme=dark", "lang=en", `a=b; affinity="${TOKEN}"`],
    ["affinity=bad", `affinity=${TOKEN}`],
  ]) {
    const seen = visit(root, { cookie, host: POD });
    assert.equal(seen.asked, POD, cookie.join(" | "));
    assert.deepEqual(seen.setCookie, []);
    assert.deepEqual(seen.requestHeaders.all("cookie"), cookie);
  }
});

test("a first line that has the cookie is all that is read", () => {
  const seen = visit(sampleRoot(), { cookie: [`affinity=${TOKEN}`, "theme=dark"], host: POD });
  assert.equal(seen.asked, POD);
  assert.equal(seen.calls.includes(GET_PAIRS), false, seen.calls.join(", "));
  assert.equal(seen.calls.filter((call) => call === GET_COOKIE).length, 1);
});

test("a request without cookies costs no pairs call", () => {
  const seen = visit(sampleRoot(), { host: POD });
  assert.equal(seen.calls.includes(GET_PAIRS), false, seen.calls.join(", "));
});

test("no more than four cookies of the name are tried over all lines", () => {
  const root = sampleRoot();
  const bad = "affinity=one; affinity=two; affinity=three";
  assert.equal(visit(root, { cookie: [bad, `affinity=${TOKEN}`] }).asked, POD);
  assert.equal(visit(root, { cookie: [`${bad}; affinity=four`, `affinity=${TOKEN}`] }).asked, null);
  assert.equal(visit(root, { cookie: [bad, "affinity=four", `affinity=${TOKEN}`] }).asked, null);
  assert.equal(visit(root, { cookie: ["a=b", `${bad}; affinity=four; affinity=${TOKEN}`] }).asked, null);
});

test("a header that only looks like a Cookie line is none", () => {
  const root = sampleRoot();
  for (const name of ["cookie2", "x-cookie", "cooki", "set-cookie", "authorization", HOST_HEADER]) {
    const request = [[name, `affinity=${TOKEN}`] as const];
    const seen = visit(root, { request, cookie: "theme=dark", host: POD });
    assert.equal(seen.asked, null, name);
  }
});

test("800 cookies of the name, and values of 40 kB and 1 MB: a new client", () => {
  const root = sampleRoot();
  const many = Array.from({ length: 800 }, (_, index) => `affinity=${index}`).join("; ");
  const copies = Array.from({ length: 800 }, () => `affinity=${TOKEN.slice(1)}`).join("; ");
  const cookies = [many, copies, "affinity", `${";".repeat(100_000)}affinity=`, "=".repeat(100_000)];
  for (const size of [40_000, 1_000_000]) {
    cookies.push(
      `affinity=${"A".repeat(size)}`,
      `affinity=${TOKEN}${"A".repeat(size)}`,
      `${"a".repeat(size)}=x`,
    );
    cookies.push(
      `affinity="${"A".repeat(size)}"`,
      `affinity=${" ".repeat(size)}`,
      `affinity=${"\xff".repeat(size)}`,
    );
  }
  for (const cookie of cookies) {
    const seen = visit(root, { cookie, host: POD });
    assert.equal(seen.asked, null, cookie.slice(0, 60));
    assert.equal(seen.setCookie.length, 1, cookie.slice(0, 60));
    assert.deepEqual(seen.requestHeaders.all("cookie"), [cookie]);
  }
});

test("a valid cookie behind 40 kB of others is found", () => {
  const padding = Array.from({ length: 1000 }, (_, index) => `c${index}=${"v".repeat(32)}`).join("; ");
  assert.equal(visit(sampleRoot(), { cookie: `${padding}; affinity=${TOKEN}`, host: POD }).asked, POD);
});

test("thousands of random Cookie headers do as RFC 6265's algorithm says", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  const whole = [`; affinity=${TOKEN}`, `; affinity="${OTHER_TOKEN}"`, "; affinity=bad"];
  const likely = ["affinity=", TOKEN, OTHER_TOKEN, "; ", ";"];
  const pieces = [...whole, ...likely, "affinity", "=", " ", "\t", '"', "x", ","];
  let pinned = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    const header = Array.from({ length: 1 + random.below(24) }, () => random.pick(pieces)).join("");
    const expected = expectedEndpoint(header);
    if (expected !== null) pinned++;
    assert.equal(visit(root, { cookie: header }).asked, expected, JSON.stringify(header));
  }
  assert.ok(pinned > 500, `only ${pinned} of the headers have a cookie that opens`);
});

/** RFC 6265 section 5.2, steps 1 to 4, for each pair; then what the issue says of quotes and of four tries. */
function expectedEndpoint(header: string): string | null {
  const values: string[] = [];
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0 || trimmed(pair.slice(0, equals)) !== "affinity") continue;
    const value = trimmed(pair.slice(equals + 1));
    values.push(/^"[^]*"$/.test(value) ? value.slice(1, -1) : value);
  }
  const token = values.slice(0, 4).find((value) => value === TOKEN || value === OTHER_TOKEN);
  return token === undefined ? null : token === TOKEN ? POD : OTHER_POD;
}

function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}
