import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderLines, HeaderMap } from "./headers.ts";
import { base64, KEY, opened, OTHER_POD, POD, sampleKey, sampleRoot, sampleToken } from "./sample.ts";
import { cookieValue, HOST_HEADER, hostValue, visit } from "./visit.ts";

const OLD_KEY = sampleKey(2);

const UNMARKED_UA =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

/** The attributes of the cookie that a new client gets, and that the same client gets when its pod has changed. */
function attributes(cookie: object, scheme: string | null, request: HeaderLines = []): string {
  const proto = scheme === null ? [] : ([["x-forwarded-proto", scheme]] as const);
  const root = sampleRoot({ cookie });
  const visitOf = (host: string, cookies: HeaderLines): HeaderMap => {
    const stream = root.stream();
    stream.request([[":path", "/"], ...proto, ...request, ...cookies]);
    const response = stream.respond([[HOST_HEADER, hostValue(host)]]);
    stream.close();
    return response;
  };
  const first = visitOf(POD, []);
  const [pair] = first.all("set-cookie")[0]!.split(";");
  assert.equal(attributesOf(visitOf(OTHER_POD, [["cookie", pair!]])), attributesOf(first));
  return attributesOf(first);
}

/** The attributes of the only cookie of a response. */
function attributesOf(response: HeaderMap): string {
  const lines = response.all("set-cookie");
  assert.equal(lines.length, 1);
  return lines[0]!.slice(lines[0]!.indexOf(";") + 2);
}

test("attributes stand in their order: Domain, Path, Secure, HttpOnly, SameSite, Partitioned", () => {
  const all = {
    partitioned: true,
    sameSite: "Strict",
    httpOnly: true,
    secure: true,
    path: "/shop",
    domain: "example.com",
  };
  const expected = "Domain=example.com; Path=/shop; Secure; HttpOnly; SameSite=Strict; Partitioned";
  assert.equal(attributes(all, "http"), expected);
});

test("secure auto: Secure when the request came over https, and only then", () => {
  assert.equal(attributes({}, "https"), "Path=/; Secure; HttpOnly; SameSite=Lax");
  for (const scheme of ["http", "", "ws", "httpsx", "xhttps", "http,https", null]) {
    assert.equal(attributes({}, scheme), "Path=/; HttpOnly; SameSite=Lax", String(scheme));
  }
});

test("secure auto: a cookie stays Secure or not when its client moves, and is as its client came when it is renewed", () => {
  const keys = [KEY, OLD_KEY].map((key) => ({ id: key.id, secret: base64(key) }));
  const root = sampleRoot({ keys, cookie: { partitioned: true } });
  const set = (
    scheme: "http" | "https",
    cookie: string | undefined,
  ): { secure: boolean; attributes: string } => {
    const { setCookie } = visit(root, {
      cookie: cookie === undefined ? [] : `affinity=${cookie}`,
      host: OTHER_POD,
      scheme,
    });
    const [line = assert.fail("no cookie")] = setCookie;
    const secure = opened(cookieValue(line)).secure ?? false;
    return { secure, attributes: line.slice(line.indexOf(";") + 2) };
  };
  const ofHttps = { secure: true, attributes: "Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned" };
  const ofHttp = { secure: false, attributes: "Path=/; HttpOnly; SameSite=Lax" };
  assert.deepEqual(set("https", undefined), ofHttps);
  assert.deepEqual(set("http", undefined), ofHttp);
  for (const scheme of ["https", "http"] as const) {
    assert.deepEqual(set(scheme, sampleToken(POD)), ofHttp);
    assert.deepEqual(set(scheme, sampleToken(POD, { secure: true })), ofHttps);
  }
  // Under another key than the first it is due.
  assert.deepEqual(set("https", sampleToken(POD, { key: OLD_KEY })), ofHttps);
  assert.deepEqual(set("http", sampleToken(POD, { key: OLD_KEY })), ofHttp);
  assert.deepEqual(set("http", sampleToken(POD, { key: OLD_KEY, secure: true })), ofHttps);
  // Of a session that is over nothing counts.
  const timed = sampleRoot({ absoluteTimeout: "1h" });
  const over = `affinity=${sampleToken(POD, { issued: 1, secure: true })}`;
  const anew = visit(timed, { cookie: over, host: POD });
  assert.doesNotMatch(anew.setCookie[0]!, /Secure/);
});

test("secure true and false do not ask for the scheme", () => {
  for (const scheme of ["http", "https", null]) {
    assert.equal(attributes({ secure: true }, scheme), "Path=/; Secure; HttpOnly; SameSite=Lax");
    assert.equal(attributes({ secure: false }, scheme), "Path=/; HttpOnly; SameSite=Lax");
  }
});

test("httpOnly false and each sameSite", () => {
  assert.equal(attributes({ httpOnly: false }, "http"), "Path=/; SameSite=Lax");
  assert.equal(attributes({ sameSite: "Strict" }, "http"), "Path=/; HttpOnly; SameSite=Strict");
  assert.equal(attributes({ sameSite: "None" }, "https"), "Path=/; Secure; HttpOnly; SameSite=None");
  assert.equal(
    attributes({ sameSite: "None", secure: true }, "http"),
    "Path=/; Secure; HttpOnly; SameSite=None",
  );
});

test("sameSite None and Partitioned need Secure: on http they are left out", () => {
  assert.equal(attributes({ sameSite: "None" }, "http"), "Path=/; HttpOnly");
  assert.equal(attributes({ sameSite: "None", partitioned: true }, "http"), "Path=/; HttpOnly");
  assert.equal(attributes({ partitioned: true }, "http"), "Path=/; HttpOnly; SameSite=Lax");
  const onHttps = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned";
  assert.equal(attributes({ sameSite: "None", partitioned: true }, "https"), onHttps);
});

const MISREADING_AGENTS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/51.0.2704.103 Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/66.0.3359.181 Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/49.0.2623.112 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Safari/605.1.15",
];

const UNDERSTANDING_AGENTS = [
  "",
  "curl/8.5.0",
  UNMARKED_UA,
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.93 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6; rv:68.0) Gecko/20100101 Firefox/68.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 13_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0.3 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (iPad; CPU OS 13_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Mobile/15E148 Safari/604.1",
];

test("conditionalSameSiteNone leaves None out for the browsers that misread it, and for no other", () => {
  const conditional = { sameSite: "None", conditionalSameSiteNone: true };
  for (const agent of MISREADING_AGENTS) {
    assert.equal(
      attributes(conditional, "https", [["user-agent", agent]]),
      "Path=/; Secure; HttpOnly",
      agent,
    );
    const always = attributes({ sameSite: "None" }, "https", [["user-agent", agent]]);
    assert.equal(always, "Path=/; Secure; HttpOnly; SameSite=None", agent);
  }
  for (const agent of UNDERSTANDING_AGENTS) {
    const line = attributes(conditional, "https", [["user-agent", agent]]);
    assert.equal(line, "Path=/; Secure; HttpOnly; SameSite=None", agent);
  }
  assert.equal(attributes(conditional, "https"), "Path=/; Secure; HttpOnly; SameSite=None");
});

test("conditionalSameSiteNone does nothing to Lax and Strict", () => {
  for (const sameSite of ["Lax", "Strict"]) {
    for (const agent of MISREADING_AGENTS) {
      const line = attributes({ sameSite, conditionalSameSiteNone: true }, "https", [["user-agent", agent]]);
      assert.equal(line, `Path=/; Secure; HttpOnly; SameSite=${sameSite}`);
    }
  }
});

test("a cookie for a pod that changed has the same attributes as the first", () => {
  const root = sampleRoot({ cookie: { path: "/x", domain: "example.com", sameSite: "Strict" } });
  const ends = [
    visit(root, { host: POD }),
    visit(root, { cookie: `affinity=${sampleToken(POD)}`, host: OTHER_POD }),
  ].map(({ setCookie: [line] }) => line!.slice(line!.indexOf(";")));
  const expected = "; Domain=example.com; Path=/x; HttpOnly; SameSite=Strict";
  assert.deepEqual(ends, [expected, expected]);
});

test("requests under way at once each get the attributes of their own scheme and browser", () => {
  const root = sampleRoot({ cookie: { sameSite: "None", conditionalSameSiteNone: true } });
  const requests = [UNMARKED_UA, MISREADING_AGENTS[0]!].flatMap((agent) =>
    ["http", "https"].flatMap((scheme) =>
      [[], [`affinity=${sampleToken(POD, { secure: scheme === "https" })}`]].map((cookie) => ({
        agent,
        scheme,
        cookie,
      })),
    ),
  );
  const open = requests.map(({ agent, scheme, cookie }) => {
    const stream = root.stream();
    const cookies = cookie.map((line) => ["cookie", line] as const);
    stream.request([["x-forwarded-proto", scheme], ["user-agent", agent], ...cookies]);
    const none = agent === UNMARKED_UA ? "; SameSite=None" : "";
    return { stream, expected: scheme === "https" ? `Path=/; Secure; HttpOnly${none}` : "Path=/; HttpOnly" };
  });
  for (const { stream, expected } of open.reverse()) {
    assert.equal(attributesOf(stream.respond([[HOST_HEADER, hostValue(OTHER_POD)]])), expected);
    stream.close();
  }
});
