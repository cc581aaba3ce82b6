import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeLater, test, until } from "../support/check.ts";
import { http1, http2, http2Session, STICKY_HOST, type Answer, type Ask } from "../support/client.ts";
import { assertNoTrap, binding, cookieFor, newCookie, pinOf } from "../support/gateway.ts";
import { Hold, Pod } from "../support/pod.ts";
import { cookieWith, newToken, openedCookie } from "../support/session.ts";
import { connectionManager } from "../support/shape.ts";
import { startTwoSchemes, type TwoSchemes } from "../support/tls.ts";

type Client = (ask?: Ask) => Promise<Answer>;

interface Gateway extends TwoSchemes {
  alive: Pod;
  /** What follows the value in the cookie of a new client, and of one whose pod is gone. */
  attributes(client: Client, headers?: Ask["headers"]): Promise<[fresh: string, repinned: string]>;
}

/** A gateway for both schemes, whose first pod is gone, with these attributes configured. */
async function startWith(cookie: object, trustedHops = 0): Promise<Gateway> {
  const pods = await Pod.startMany(2);
  const [gone = assert.fail(), alive = assert.fail()] = pods;
  const filter = { scope: binding.scope, keys: [{ id: 1, env: "AFFINITY_KEY" }], cookie };
  const gateway = await startTwoSchemes(pods, {
    filter,
    change: (config) => (connectionManager(config).xff_num_trusted_hops = trustedHops),
  });
  await gone.stop();
  const attributes: Gateway["attributes"] = async (client, headers = {}) => {
    const answer = await client({ headers });
    // What the same client had brought if its pod had been the one that is gone.
    const { endpoint } = gone;
    const cookie = cookieWith({ ...newToken(answer), endpoint });
    return [attributesOf(answer, alive), attributesOf(await client({ headers, cookie }), alive)];
  };
  return { ...gateway, alive, attributes };
}

/** What follows the value in the only cookie of an answer of this pod, which has to name it. */
function attributesOf(answer: Answer, pod: Pod): string {
  assert.deepEqual([answer.status, answer.body], [200, pod.name]);
  const value = newCookie(answer);
  assert.equal(pinOf(value), pod.endpoint);
  return (answer.setCookie[0] ?? "").replace(`affinity=${value}; `, "");
}

const rows: [what: string, cookie: object, https: string, http: string][] = [
  [
    "the attributes as shipped: Secure on https, and only there",
    {},
    "Path=/; Secure; HttpOnly; SameSite=Lax",
    "Path=/; HttpOnly; SameSite=Lax",
  ],
  [
    "sameSite None: neither None nor Secure on http",
    { sameSite: "None" },
    "Path=/; Secure; HttpOnly; SameSite=None",
    "Path=/; HttpOnly",
  ],
  [
    "partitioned: neither Partitioned nor Secure on http",
    { partitioned: true },
    "Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned",
    "Path=/; HttpOnly; SameSite=Lax",
  ],
  [
    "sameSite None and partitioned: none of the three on http",
    { sameSite: "None", partitioned: true },
    "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    "Path=/; HttpOnly",
  ],
  [
    "secure true: Secure, None and Partitioned whatever the scheme",
    { secure: true, sameSite: "None", partitioned: true },
    "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
  ],
  [
    "secure false: no Secure whatever the scheme",
    { secure: false },
    "Path=/; HttpOnly; SameSite=Lax",
    "Path=/; HttpOnly; SameSite=Lax",
  ],
];

for (const [what, cookie, https, http] of rows) {
  test(`a new client and one that moves get ${what}`, async () => {
    const gateway = await startWith(cookie);
    assert.deepEqual(await gateway.attributes(gateway.https), [https, https]);
    assert.deepEqual(await gateway.attributes(gateway.http), [http, http]);
    await assertNoTrap(gateway.envoy);
  });
}

const SECURE = "Path=/; Secure; HttpOnly; SameSite=Lax";
const NOT_SECURE = "Path=/; HttpOnly; SameSite=Lax";

test("on HTTP/2 the cookie is Secure over TLS, and not without", async () => {
  const { attributes, envoy, tlsPort, certificate } = await startWith({});
  const overTls = await http2Session(tlsPort, certificate.pem);
  const plain = await http2Session(envoy.port);
  const secure = await attributes((ask) => http2(overTls, { ...ask, certificate: certificate.pem }));
  assert.deepEqual(secure, [SECURE, SECURE]);
  assert.deepEqual(await attributes((ask) => http2(plain, ask)), [NOT_SECURE, NOT_SECURE]);
});

test("a client on http cannot make its cookie Secure by what it says of its scheme", async () => {
  const { attributes, envoy, http } = await startWith({});
  const forgeries: Ask["headers"][] = [
    { "x-forwarded-proto": "https" },
    { "X-Forwarded-Proto": ["https", "https"] },
    { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7" },
    { "x-forwarded-ssl": "on", "x-forwarded-scheme": "https", forwarded: "proto=https", "x-scheme": "https" },
  ];
  for (const headers of forgeries) {
    assert.deepEqual(await attributes(http, headers), [NOT_SECURE, NOT_SECURE], JSON.stringify(headers));
  }
  const session = await http2Session(envoy.port);
  const forged = { ":scheme": "https", "x-forwarded-proto": "https" };
  assert.deepEqual(await attributes((ask) => http2(session, ask), forged), [NOT_SECURE, NOT_SECURE]);
});

test("a client on https cannot take Secure off its cookie", async () => {
  const { attributes, https } = await startWith({});
  for (const said of ["http", "", ["http", "http"]]) {
    assert.deepEqual(await attributes(https, { "x-forwarded-proto": said }), [SECURE, SECURE]);
  }
});

test("behind a load balancer that Envoy trusts, what that says of the client's scheme decides", async () => {
  const { attributes, http } = await startWith({}, 1);
  const client = { "x-forwarded-for": "203.0.113.7" };
  const said = (scheme: string) => attributes(http, { ...client, "x-forwarded-proto": scheme });
  assert.deepEqual(await said("https"), [SECURE, SECURE]);
  assert.deepEqual(await said("http"), [NOT_SECURE, NOT_SECURE]);
  assert.deepEqual(await attributes(http, client), [NOT_SECURE, NOT_SECURE]);
});

test("a token says whether its cookie is Secure, and stays what it is when its client moves", async () => {
  const pods = await Pod.startMany(3);
  const { https, http } = await startTwoSchemes(pods);
  const clients = [https, http].map(async (client) => {
    const first = await client();
    const cookie = `affinity=${newCookie(first)}`;
    return { client, first, cookie };
  });
  for (const { client, first, cookie } of await Promise.all(clients)) {
    const isSecure = client === https;
    assert.equal(openedCookie(cookie).secure ?? false, isSecure);
    assert.match(first.setCookie[0]!, isSecure ? /; Secure;/ : /^[^;]+; Path=\/; HttpOnly;/);
    const pod = pods.find(({ name }) => name === first.body) ?? assert.fail(first.body);
    await pod.stop();
    const moved = await client({ cookie });
    assert.equal(newToken(moved).secure ?? false, isSecure);
    assert.equal(newToken(moved).session, openedCookie(cookie).session);
    assert.match(moved.setCookie[0]!, isSecure ? /; Secure;/ : /^[^;]+; Path=\/; HttpOnly;/);
    await pod.start();
  }
});

const NONE = "Path=/; Secure; HttpOnly; SameSite=None";
const agents: [browser: string, agent: string | undefined, https: string][] = [
  ["Chrome 66", chrome("66.0.3359.181"), "Path=/; Secure; HttpOnly"],
  ["Chrome 51", chrome("51.0.2704.103"), "Path=/; Secure; HttpOnly"],
  ["Chrome 128", chrome("128.0.0.0"), NONE],
  ["a client that does not name itself", undefined, NONE],
];

function chrome(version: string): string {
  return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version} Safari/537.36`;
}

test("conditionalSameSiteNone leaves None out for the browsers that misread it, and for no other", async () => {
  const { attributes, http, https } = await startWith({ sameSite: "None", conditionalSameSiteNone: true });
  for (const [browser, agent, expected] of agents) {
    const headers = agent === undefined ? {} : { "user-agent": agent };
    assert.deepEqual(await attributes(https, headers), [expected, expected], browser);
    assert.deepEqual(await attributes(http, headers), ["Path=/; HttpOnly", "Path=/; HttpOnly"], browser);
  }
});

test("without conditionalSameSiteNone every browser gets None", async () => {
  const { attributes, https } = await startWith({ sameSite: "None" });
  for (const [browser, agent] of agents) {
    const headers = agent === undefined ? {} : { "user-agent": agent };
    assert.deepEqual(await attributes(https, headers), [NONE, NONE], browser);
  }
});

test("requests of both schemes under way at once each get the attributes of their own", async () => {
  const { alive, http, https } = await startWith({});
  const hold = new Hold();
  alive.behaviour = hold.behaviour;
  const expected = [SECURE, NOT_SECURE, NOT_SECURE, SECURE, SECURE, NOT_SECURE];
  const answers = expected.map((attributes) => (attributes === SECURE ? https : http)());
  await until("all requests wait at the pod", () => hold.waiting.length === expected.length);
  for (const { release } of hold.waiting.reverse()) release();
  const received = (await Promise.all(answers)).map((answer) => attributesOf(answer, alive));
  assert.deepEqual(received, expected);
});

test("curl takes the Secure cookie, sends it back over https to its pod, and keeps it off http", async () => {
  const pods = await Pod.startMany(10);
  const { envoy, tlsPort, certificate } = await startTwoSchemes(pods);
  const folder = mkdtempSync(join(tmpdir(), "affinity-curl-"));
  closeLater({ close: () => rmSync(folder, { recursive: true }) });
  const jar = join(folder, "cookie.dat");
  const curl = async (scheme: string, port: number, flag: string): Promise<string> => {
    const address = ["--cacert", certificate.file, "--resolve", `${STICKY_HOST}:${port}:127.0.0.1`];
    const args = ["--silent", "--show-error", "--fail", "--noproxy", "*", ...address, flag, jar];
    return (await promisify(execFile)("curl", [...args, `${scheme}://${STICKY_HOST}:${port}/`])).stdout;
  };
  const first = await curl("https", tlsPort, "-c");
  // Netscape's format: domain, subdomains too, path, Secure, expiry, name, value.
  const fields = readFileSync(jar, "utf8").trim().split("\n").at(-1)?.split("\t") ?? [];
  assert.deepEqual(fields.slice(0, 6), [`#HttpOnly_${STICKY_HOST}`, "FALSE", "/", "TRUE", "0", "affinity"]);
  for (let request = 0; request < 4; request++) assert.equal(await curl("https", tlsPort, "-b"), first);
  const other = await curl("http", envoy.port, "-b");
  const pod = pods.find(({ name }) => name === other) ?? assert.fail(other);
  assert.equal(pod.last.headers.cookie, undefined);
});

test("a pinned client on https meets its pod and gets no cookie", async () => {
  const pods = await Pod.startMany(4);
  const { tlsPort, certificate } = await startTwoSchemes(pods);
  for (const pod of pods) {
    const answer = await http1(tlsPort, { cookie: cookieFor(pod), certificate: certificate.pem });
    assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []]);
  }
});
