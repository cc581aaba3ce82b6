import assert from "node:assert/strict";
import type { OpenedToken } from "../../cli/token.ts";
import { test } from "../support/check.ts";
import { http1, http2, http2Session, type Answer, type Ask } from "../support/client.ts";
import { Curl } from "../support/curl.ts";
import { assertNoTrap, binding, newCookie, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { cookieOf, newToken } from "../support/session.ts";
import { startTwoSchemes, type TwoSchemes } from "../support/tls.ts";

type Client = (ask: Ask) => Promise<Answer>;

const KEYS = [{ id: 1, env: "AFFINITY_KEY" }];
const IDLE = 3600;

interface Gateway extends TwoSchemes {
  /** What follows the value in the cookie of a new client, of one that moves and of one that is renewed. */
  attributes(client: Client, ask?: Ask): Promise<string[]>;
}

/** A gateway for both schemes, whose first pod is gone, with these fields configured. */
async function startWith(filter: { sessionName?: string; cookie: object }): Promise<Gateway> {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), alive = assert.fail()] = pods;
  const at = { scope: binding.scope, sessionName: filter.sessionName ?? binding.sessionName };
  const gateway = await startTwoSchemes(pods, {
    filter: { scope: binding.scope, keys: KEYS, idleTimeout: `${IDLE}s`, ...filter },
  });
  await gone.stop();
  const attributes: Gateway["attributes"] = async (client, ask = {}) => {
    const received: string[] = [];
    const visit = async (cookie: Ask = {}): Promise<OpenedToken> => {
      const answer = await client({ ...ask, ...cookie });
      const token = newToken(answer, undefined, at);
      assert.deepEqual([answer.status, token.endpoint], [200, alive.endpoint]);
      received.push(
        (answer.setCookie[0] ?? "").replace(`${at.sessionName}=${newCookie(answer, at.sessionName)}; `, ""),
      );
      return token;
    };
    const { secure = false } = await visit();
    // A cookie that moves stays Secure or not; one that is renewed is as its client came.
    await visit({ cookie: cookieOf({ endpoint: gone.endpoint, secure, at }) });
    await visit({ cookie: cookieOf({ endpoint: alive.endpoint, unseen: IDLE / 2, at }) });
    return received;
  };
  return { ...gateway, attributes };
}

const rows: [what: string, cookie: object, https: string, http: string][] = [
  ["none of its own", {}, "Path=/; Secure; HttpOnly; SameSite=Lax", "Path=/; HttpOnly; SameSite=Lax"],
  [
    "a domain",
    { domain: "sample.com" },
    "Domain=sample.com; Path=/; Secure; HttpOnly; SameSite=Lax",
    "Domain=sample.com; Path=/; HttpOnly; SameSite=Lax",
  ],
  [
    "a path",
    { path: "/shop/a=b,c" },
    "Path=/shop/a=b,c; Secure; HttpOnly; SameSite=Lax",
    "Path=/shop/a=b,c; HttpOnly; SameSite=Lax",
  ],
  ["httpOnly false", { httpOnly: false }, "Path=/; Secure; SameSite=Lax", "Path=/; SameSite=Lax"],
  [
    "sameSite Strict",
    { sameSite: "Strict" },
    "Path=/; Secure; HttpOnly; SameSite=Strict",
    "Path=/; HttpOnly; SameSite=Strict",
  ],
  ["sameSite empty", { sameSite: "" }, "Path=/; Secure; HttpOnly", "Path=/; HttpOnly"],
  [
    "sameSite None: only beside Secure",
    { sameSite: "None" },
    "Path=/; Secure; HttpOnly; SameSite=None",
    "Path=/; HttpOnly",
  ],
  [
    "secure true",
    { secure: true },
    "Path=/; Secure; HttpOnly; SameSite=Lax",
    "Path=/; Secure; HttpOnly; SameSite=Lax",
  ],
  ["secure false", { secure: false }, "Path=/; HttpOnly; SameSite=Lax", "Path=/; HttpOnly; SameSite=Lax"],
  [
    "partitioned: only beside Secure",
    { partitioned: true, sameSite: "Strict" },
    "Path=/; Secure; HttpOnly; SameSite=Strict; Partitioned",
    "Path=/; HttpOnly; SameSite=Strict",
  ],
  [
    "all of them, in their order",
    {
      partitioned: true,
      sameSite: "None",
      httpOnly: true,
      secure: true,
      path: "/shop",
      domain: "sample.com",
    },
    "Domain=sample.com; Path=/shop; Secure; HttpOnly; SameSite=None; Partitioned",
    "Domain=sample.com; Path=/shop; Secure; HttpOnly; SameSite=None; Partitioned",
  ],
];

for (const [what, cookie, https, http] of rows) {
  test(`a new client, one that moves and one that is renewed get the same attributes: ${what}`, async () => {
    const gateway = await startWith({ cookie });
    assert.deepEqual(await gateway.attributes(gateway.https), [https, https, https]);
    assert.deepEqual(await gateway.attributes(gateway.http), [http, http, http]);
    const session = await http2Session(gateway.envoy.port);
    assert.deepEqual(await gateway.attributes((ask) => http2(session, ask)), [http, http, http]);
    await assertNoTrap(gateway.envoy);
  });
}

test("onHostChange keep: a renewed cookie is Secure on https, and only there", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  const filter = { scope: binding.scope, keys: KEYS, idleTimeout: `${IDLE}s`, onHostChange: "keep" };
  const { http, https } = await startTwoSchemes([pod], { filter });
  const cookie = cookieOf({ endpoint: pod.endpoint, unseen: IDLE / 2 });
  for (let request = 0; request < 3; request++) {
    for (const [client, attributes] of [
      [https, "Path=/; Secure; HttpOnly; SameSite=Lax"],
      [http, "Path=/; HttpOnly; SameSite=Lax"],
    ] as const) {
      const answer = await client({ cookie });
      assert.deepEqual(answer.setCookie, [`affinity=${newCookie(answer)}; ${attributes}`]);
    }
  }
});

test("the policy attributes: its cookie has another name, domain, path and SameSite, on https too", async () => {
  const [pod = assert.fail()] = await Pod.startMany(1);
  const { http, https } = await startTwoSchemes([pod], { policy: "attributes" });
  for (const client of [http, https]) {
    const answer = await client({ path: "/app" });
    const expected = "Domain=sample.com; Path=/app; HttpOnly; SameSite=Strict";
    assert.deepEqual(answer.setCookie, [`route=${newCookie(answer, "route")}; ${expected}`]);
  }
});

test("curl sends the cookie of the policy attributes to its path and all hosts of its domain, and nowhere else", async () => {
  const pods = await Pod.startMany(10);
  const { port } = await startGateway(pods, { policy: "attributes" });
  const curl = new Curl();
  const first = await curl.get(port, { path: "/app/first" });
  const [cookie, ...more] = curl.cookies;
  assert.deepEqual([cookie?.name, more], ["route", []]);
  assert.deepEqual(
    [cookie?.domain, cookie?.subdomains, cookie?.path, cookie?.secure, cookie?.httpOnly, cookie?.expires],
    [".sample.com", true, "/app", false, true, 0],
  );
  const sent = async (
    ask: Parameters<Curl["get"]>[1],
  ): Promise<[pod: string, cookie: string | undefined]> => {
    const name = await curl.get(port, ask);
    const pod = pods.find((one) => one.name === name) ?? assert.fail(name);
    return [name, pod.last.headers.cookie];
  };
  const header = `route=${cookie?.value}`;
  for (const path of ["/app", "/app/", "/app/a/b", "/app?a=b"]) {
    assert.deepEqual(await sent({ path }), [first, header], path);
    assert.deepEqual(curl.cookies, [cookie], path);
  }
  assert.equal((await sent({ path: "/app", host: "plain.sample.com" }))[1], header);
  for (const path of ["/", "/apps", "/ap"]) {
    assert.equal((await sent({ path, host: "plain.sample.com" }))[1], undefined, path);
  }
  assert.equal((await sent({ path: "/app", host: "abc.localhost" }))[1], undefined);
});

const NONE = "Path=/; Secure; HttpOnly; SameSite=None";
const LEFT_OUT = "Path=/; Secure; HttpOnly";
const HTTP = "Path=/; HttpOnly";
const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X";

// ingress-nginx's list, each as the browser calls itself.
const misreading: Record<string, string> = {
  "Chrome 4":
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US) AppleWebKit/532.5 Chrome/4.0.249.0 Safari/532.5",
  "Chrome 6": "Mozilla/5.0 (X11; U; Linux x86_64; en-US) AppleWebKit/534.3 Chrome/6.0.472.63 Safari/534.3",
  "Chrome 40": chrome("40.0.2214.115"),
  "Chrome 55": chrome("55.0.2883.87"),
  "Chrome 69": chrome("69.0.3497.100"),
  "Chrome 66, headless": chrome("66.0.3359.139").replace("Chrome/", "HeadlessChrome/"),
  "Chrome 67 in an Android app": `${chrome("67.0.3396.87").replace(" Safari", " Mobile Safari")} [FB_IAB/FB4A]`,
  "Edge 18, which calls itself Chrome 64": `${chrome("64.0.3282.140")} Edge/18.17763`,
  "Safari on iOS 12": `Mozilla/5.0 (iPhone; CPU iPhone OS 12_5_7 like Mac OS X) ${WEBKIT} Version/12.1.2 Mobile/15E148 Safari/604.1`,
  "Chrome on iOS 12, which is WebKit": `Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) ${WEBKIT} CriOS/92.0.4515.90 Mobile/15E148 Safari/604.1`,
  "Safari on an iPad with iOS 12": `Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) ${WEBKIT} Version/12.1 Mobile/15E148 Safari/604.1`,
  "Safari on macOS 10.14": `${MAC} 10_14_6) ${WEBKIT} Version/12.1.2 Safari/605.1.15`,
};

const understanding: Record<string, string> = {
  "Chrome 3": chrome("3.0.195.38"),
  "Chrome 39": chrome("39.0.2171.95"),
  "Chrome 70": chrome("70.0.3538.77"),
  "Chrome 140": chrome("140.0.0.0"),
  "Chrome 400, when it comes": chrome("400.0.0.0"),
  "Chrome 512": chrome("512.0.0.0"),
  "Chrome 666": chrome("666.0.0.0"),
  "Chrome 4000": chrome("4000.0.0.0"),
  "Edge 140": `${chrome("140.0.0.0")} Edg/140.0.0.0`,
  "Opera 56, which calls itself Chrome 70": `${chrome("70.0.3538.77")} OPR/56.0.3051.52`,
  "Safari on iOS 13": `Mozilla/5.0 (iPhone; CPU iPhone OS 13_7 like Mac OS X) ${WEBKIT} Version/13.1.2 Mobile/15E148 Safari/604.1`,
  "Safari on iOS 120, when it comes": `Mozilla/5.0 (iPhone; CPU iPhone OS 120_0 like Mac OS X) ${WEBKIT} Version/120.0 Mobile/15E148 Safari/604.1`,
  "Safari on an iPad with iOS 120": `Mozilla/5.0 (iPad; CPU OS 120_0 like Mac OS X) ${WEBKIT} Version/120.0 Mobile/15E148 Safari/604.1`,
  "Safari on macOS 10.15": `${MAC} 10_15_7) ${WEBKIT} Version/17.4 Safari/605.1.15`,
  "Safari on macOS 10.140": `${MAC} 10_140) ${WEBKIT} Version/17.4 Safari/605.1.15`,
  "Chrome 120 on macOS 10.14": `${MAC} 10_14_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36`,
  "Firefox 66 on macOS 10.14": `${MAC} 10.14; rv:66.0) Gecko/20100101 Firefox/66.0`,
  curl: "curl/7.88.1",
  "a client with an empty name": "",
};

function chrome(version: string): string {
  return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version} Safari/537.36`;
}

test("conditionalSameSiteNone: None for the browsers that understand it, those of today and of later", async () => {
  const { attributes, http, https, envoy } = await startWith({
    cookie: { sameSite: "None", conditionalSameSiteNone: true },
  });
  for (const [agents, expected] of [
    [misreading, LEFT_OUT],
    [understanding, NONE],
  ] as const) {
    for (const [browser, agent] of Object.entries(agents)) {
      const ask = { headers: { "user-agent": agent } };
      assert.deepEqual(await attributes(https, ask), [expected, expected, expected], browser);
      assert.deepEqual(await attributes(http, ask), [HTTP, HTTP, HTTP], browser);
    }
  }
  await assertNoTrap(envoy);
});

for (const sameSite of ["Lax", "Strict"]) {
  test(`conditionalSameSiteNone leaves ${sameSite} as it is, whatever the browser`, async () => {
    const { attributes, https } = await startWith({ cookie: { sameSite, conditionalSameSiteNone: true } });
    const expected = `Path=/; Secure; HttpOnly; SameSite=${sameSite}`;
    for (const [browser, agent] of Object.entries({ ...misreading, ...understanding })) {
      const received = await attributes(https, { headers: { "user-agent": agent } });
      assert.deepEqual(received, [expected, expected, expected], browser);
    }
  });
}

const prefixed: [sessionName: string, cookie: object, domain: string, path: string][] = [
  ["__Host-affinity", { secure: true }, "abc.sample.com", "/"],
  ["__Secure-affinity", { secure: true, path: "/app", domain: "sample.com" }, ".sample.com", "/app"],
];

for (const [sessionName, cookie, domain, path] of prefixed) {
  test(`curl, which checks the prefix, takes ${sessionName} over https and goes on with it`, async () => {
    const pods = await Pod.startMany(10);
    const filter = { scope: binding.scope, keys: KEYS, sessionName, cookie };
    const { envoy, tlsPort, certificate } = await startTwoSchemes(pods, { filter });
    const curl = new Curl();
    const ask = { path: "/app/page", certificateFile: certificate.file };
    const first = await curl.get(tlsPort, ask);
    const [taken, ...more] = curl.cookies;
    assert.deepEqual(
      [taken?.name, taken?.domain, taken?.path, taken?.secure, more],
      [sessionName, domain, path, true, []],
    );
    for (let request = 0; request < 4; request++) assert.equal(await curl.get(tlsPort, ask), first);
    assert.deepEqual(curl.cookies, [taken]);
    // Over http it takes none: the gateway sets it, as configured, and the client has to refuse it.
    const careful = new Curl();
    assert.match(await careful.get(envoy.port, { path: "/app/page" }), /^pod-\d$/);
    assert.deepEqual(careful.cookies, []);
  });
}

test("a cookie of the __Host- kind opens under its own name alone", async () => {
  const pods = await Pod.startMany(4);
  const sessionName = "__Host-affinity";
  const filter = { scope: binding.scope, keys: KEYS, sessionName, cookie: { secure: true } };
  const { port } = await startGateway(pods, { filter });
  for (const pod of pods) {
    const own = cookieOf({ endpoint: pod.endpoint, at: { scope: binding.scope, sessionName } });
    const answer = await http1(port, { cookie: own });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []]);
    for (const cookie of [
      cookieOf(pod),
      cookieOf(pod).replace(/^affinity/, sessionName),
      own.replace("__Host-", "__host-"),
      own.replace("__Host-", ""),
    ]) {
      newCookie(await http1(port, { cookie }), sessionName);
    }
  }
});
