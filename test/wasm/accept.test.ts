import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backendKey,
  balancedCookie,
  formerVectors,
  NginxRing,
  persistentCookie,
  weighted,
  type NginxMode,
} from "../support/nginx.ts";
import type { Root } from "./host.ts";
import { crc32, NOW, opened, OTHER_POD, POD, sampleRoot, sampleToken } from "./sample.ts";
import { cookieValue, visit, type Visit } from "./visit.ts";

const BACKEND = "default-session-svc-9080";
const PODS = Array.from({ length: 10 }, (_, index) => `10.244.${index}.7:9080`);
const UNTIL = new Date((NOW + 3600) * 1000).toISOString();

interface FormatOptions {
  readonly [field: string]: unknown;
}

function nginxFormat(more: FormatOptions = {}): object {
  return { type: "ingress-nginx", backend: BACKEND, endpoints: PODS, ...more };
}

function acceptingRoot(formats: readonly object[], accept: object = {}, more: object = {}): Root {
  return sampleRoot({ accept: { until: UNTIL, formats, ...accept }, ...more });
}

/** A visit with this cookie that the asked pod answers. */
function visitWith(root: Root, cookie: string | readonly string[], host: string): Visit {
  return visit(root, { cookie, host });
}

function assertAccepted(seen: Visit, pod: string, it: string): void {
  assert.equal(seen.asked, pod, it);
  assert.equal(seen.setCookie.length, 1, it);
  const { endpoint, issued, session } = opened(cookieValue(seen.setCookie[0]));
  assert.deepEqual({ endpoint, issued }, { endpoint: pod, issued: NOW }, it);
  assert.notEqual(session, 0n, it);
}

function assertNewcomer(seen: Visit, it: string): void {
  assert.equal(seen.asked, null, it);
  assert.equal(seen.setCookie.length, 1, it);
}

test("the pods that resty.chash finds, with weights too", () => {
  for (const { nodes, key, node } of formerVectors.balanced) {
    const text = Buffer.from(key, "hex").toString("latin1");
    // No cookie can hold these, or it means something else to hold them.
    if (/[|;\s]/.test(text) || text === "") continue;
    const root = acceptingRoot([nginxFormat({ endpoints: nodes.map(weighted) })]);
    assertAccepted(visitWith(root, `INGRESSCOOKIE=${text}`, node), node, `${text} in ${nodes.join(" ")}`);
  }
});

test("the cookies of ingress-nginx's own functions, in both modes", () => {
  for (const { backend, endpoint, cookie } of formerVectors.persistent) {
    const endpoints = [...new Set([endpoint, ...PODS])];
    const root = acceptingRoot([nginxFormat({ mode: "persistent", backend, endpoints })]);
    assertAccepted(visitWith(root, `INGRESSCOOKIE=${cookie}`, endpoint), endpoint, cookie);
  }
  for (const { backend, endpoints, cookie, node } of formerVectors.balancedCookies) {
    const root = acceptingRoot([nginxFormat({ mode: "balanced", backend, endpoints })]);
    assertAccepted(visitWith(root, `INGRESSCOOKIE=${cookie}`, node), node, cookie);
  }
});

test("Cookie headers as lua-resty-cookie reads them", () => {
  const ring = new NginxRing(PODS);
  for (const { it, header, name, found, value } of formerVectors.headers) {
    const root = acceptingRoot([nginxFormat({ sessionName: name })]);
    const pod = ring.find(Buffer.from(value));
    const seen = visitWith(root, header, pod);
    if (found && value !== "") assertAccepted(seen, pod, it);
    else assertNewcomer(seen, it);
  }
});

for (const mode of ["balanced", "persistent"] as const satisfies readonly NginxMode[]) {
  test(`1,000 cookies of mode ${mode}: each meets its pod, once by the old cookie, afterwards by ours`, () => {
    const root = acceptingRoot([nginxFormat({ mode })]);
    const ring = new NginxRing(PODS);
    const met = new Set<string>();
    for (let seed = 0; seed < 1000; seed++) {
      const old =
        mode === "balanced"
          ? balancedCookie(BACKEND, seed)
          : persistentCookie(BACKEND, PODS[(seed * 7) % PODS.length]!);
      const pod = mode === "balanced" ? ring.nodeOf(old) : PODS[(seed * 7) % PODS.length]!;
      met.add(pod);
      const first = visitWith(root, `INGRESSCOOKIE=${old}`, pod);
      assertAccepted(first, pod, old);
      // A pod of ours that the old cookie does not name: ours counts.
      const token = sampleToken(OTHER_POD);
      const later = visitWith(root, [`INGRESSCOOKIE=${old}; affinity=${token}`], OTHER_POD);
      assert.equal(later.asked, OTHER_POD);
      assert.deepEqual(later.setCookie, []);
      const next = visitWith(root, `affinity=${cookieValue(first.setCookie[0])}`, pod);
      assert.equal(next.asked, pod);
      assert.deepEqual(next.setCookie, []);
    }
    assert.equal(met.size, PODS.length);
  });
}

test("several Cookie lines count as one, and the last cookie of the name", () => {
  const root = acceptingRoot([nginxFormat({ mode: "persistent" })]);
  const [one, other] = PODS as [string, string];
  const cookieOf = (pod: string): string => `INGRESSCOOKIE=${persistentCookie(BACKEND, pod)}`;
  assertAccepted(visitWith(root, ["a=1", cookieOf(one), "b=2"], one), one, "in the second line");
  assertAccepted(visitWith(root, [cookieOf(one), cookieOf(other)], other), other, "the last line");
  // A piece without "=" swallows the next name, across the lines too.
  assertNewcomer(visitWith(root, ["foo", cookieOf(one)], one), "swallowed");
});

test("mode persistent knows no other pods than its list, and no other keys", () => {
  const root = acceptingRoot([nginxFormat({ mode: "persistent" })]);
  const key = persistentCookie(BACKEND, PODS[0]!).split("|")[0]!;
  for (const value of [
    persistentCookie(BACKEND, "10.244.200.7:9080"),
    persistentCookie("default-other-80", PODS[0]!),
    balancedCookie(BACKEND, 1),
    key.toUpperCase(),
    key.slice(1),
    `${key}0`,
    "|",
    "",
    "garbage",
  ]) {
    assertNewcomer(visitWith(root, `INGRESSCOOKIE=${value}`, POD), value);
  }
  for (const value of [key, `|${key}`, `${key}|wrong|more`, `${key}|${backendKey("other")}`])
    assertAccepted(visitWith(root, `INGRESSCOOKIE=${value}`, PODS[0]!), PODS[0]!, value);
});

test("after the date an old cookie is worth nothing", () => {
  const root = acceptingRoot([nginxFormat()]);
  const old = `INGRESSCOOKIE=${balancedCookie(BACKEND, 5)}`;
  const pod = new NginxRing(PODS).nodeOf(balancedCookie(BACKEND, 5));
  root.vm.now = NOW + 3599;
  assert.equal(visitWith(root, old, pod).asked, pod);
  root.vm.now = NOW + 3600;
  assertNewcomer(visitWith(root, old, pod), "at the date");
  root.vm.now = NOW;
});

test("a client whose old pod is gone gets the pod that answers, as any newcomer", () => {
  const root = acceptingRoot([nginxFormat({ mode: "persistent" })]);
  const seen = visitWith(root, `INGRESSCOOKIE=${persistentCookie(BACKEND, PODS[3]!)}`, POD);
  assert.equal(seen.asked, PODS[3]);
  assert.equal(opened(cookieValue(seen.setCookie[0])).endpoint, POD);
  const refused = visit(root, {
    cookie: `INGRESSCOOKIE=${persistentCookie(BACKEND, PODS[3]!)}`,
    host: PODS[3]!,
    details: "upstream_reset",
  });
  assert.deepEqual(refused.setCookie, []);
});

test("with onHostChange keep the token names the old pod while another stands in", () => {
  const root = acceptingRoot([nginxFormat({ mode: "persistent" })], {}, { onHostChange: "keep" });
  const seen = visitWith(root, `INGRESSCOOKIE=${persistentCookie(BACKEND, PODS[3]!)}`, POD);
  assert.equal(opened(cookieValue(seen.setCookie[0])).endpoint, PODS[3]);
});

test("expireOld expires the old cookie where it was set, once, and only for who has it", () => {
  const formats = [nginxFormat({ paths: ["/", "/shop"], domain: "example.com" })];
  const root = acceptingRoot(formats, { expireOld: true });
  const old = `INGRESSCOOKIE=${balancedCookie(BACKEND, 9)}`;
  const pod = new NginxRing(PODS).nodeOf(balancedCookie(BACKEND, 9));
  const seen = visitWith(root, old, pod);
  assert.match(seen.setCookie[0]!, /^affinity=/);
  assert.deepEqual(seen.setCookie.slice(1), [
    "INGRESSCOOKIE=; Domain=example.com; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
    "INGRESSCOOKIE=; Domain=example.com; Path=/shop; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
  ]);
  assert.equal(visitWith(root, "theme=dark", pod).setCookie.length, 1);
  // One of no use is expired as well.
  assert.equal(visitWith(root, "INGRESSCOOKIE=|", pod).setCookie.length, 3);
  const token = cookieValue(seen.setCookie[0]);
  assert.deepEqual(visitWith(root, `${old}; affinity=${token}`, pod).setCookie, []);
  assert.deepEqual(visit(root, { cookie: old, details: "no_healthy_upstream" }).setCookie, []);
});

test("expireOld never expires our own cookie of the same name and path", () => {
  const format = nginxFormat({ sessionName: "route" });
  const same = acceptingRoot([format], { expireOld: true }, { sessionName: "route" });
  const pod = new NginxRing(PODS).nodeOf(balancedCookie(BACKEND, 2));
  const first = visitWith(same, `route=${balancedCookie(BACKEND, 2)}`, pod);
  assert.equal(first.asked, pod);
  assert.equal(first.setCookie.length, 1);
  const moved = acceptingRoot(
    [format],
    { expireOld: true },
    { sessionName: "route", cookie: { path: "/shop" } },
  );
  assert.match(
    visitWith(moved, `route=${balancedCookie(BACKEND, 2)}`, pod).setCookie[1]!,
    /^route=; Path=\/;/,
  );
  const secure = acceptingRoot([nginxFormat({ sessionName: "__Secure-old" })], { expireOld: true });
  assert.match(visitWith(secure, "__Secure-old=1", POD).setCookie[1]!, /^__Secure-old=; Path=\/;.*; Secure$/);
});

test("Envoy's own cookie in both forms, with and without a list", () => {
  for (const { it, value, address } of formerVectors.envoyCookies) {
    const any = acceptingRoot([{ type: "envoy", sessionName: "route" }]);
    const quoted = visitWith(any, `route="${value}"`, address || POD);
    if (address === "") assertNewcomer(quoted, it);
    else assertAccepted(quoted, address, it);
    if (address === "") continue;
    const listed = acceptingRoot([{ type: "envoy", sessionName: "route", endpoints: [address, POD] }]);
    assertAccepted(visitWith(listed, `route=${value}; route=x`, address), address, `${it}, listed`);
    const unlisted = acceptingRoot([{ type: "envoy", sessionName: "route", endpoints: [POD] }]);
    assertNewcomer(visitWith(unlisted, `route=${value}`, POD), `${it}, not listed`);
  }
  const any = acceptingRoot([{ type: "envoy", sessionName: "route" }]);
  const socket = Buffer.from("/run/app.sock").toString("base64");
  assertNewcomer(visitWith(any, `route=${socket}`, POD), "a path of a socket");
});

test("whose backend key it has decides between a canary and the version before it", () => {
  const canaryPods = PODS.slice(0, 3).map((pod) => pod.replace("10.244", "10.245"));
  const canary = "default-session-svc-canary-9080";
  const root = acceptingRoot(
    [
      nginxFormat({ cluster: "session-svc" }),
      nginxFormat({ backend: canary, endpoints: canaryPods, cluster: "session-svc-canary" }),
    ],
    {},
    { cluster: { names: ["session-svc", "session-svc-canary"] } },
  );
  for (const [backend, pods, cluster] of [
    [BACKEND, PODS, "session-svc"],
    [canary, canaryPods, "session-svc-canary"],
    ["default-other-80", PODS, "session-svc"],
  ] as const) {
    const old = balancedCookie(backend, 77);
    const pod = new NginxRing(pods).nodeOf(old);
    const seen = visit(root, { cookie: `INGRESSCOOKIE=${old}`, host: pod, cluster });
    assert.equal(seen.asked, pod);
    assert.deepEqual(seen.requestHeaders.all("x-affinity-cluster"), [cluster]);
    assert.equal(opened(cookieValue(seen.setCookie[0])).cluster, crc32(cluster));
  }
});

test("an accepted cookie is counted as such, and not as rejected where it has our name", () => {
  const root = acceptingRoot([nginxFormat({ sessionName: "affinity" })]);
  const old = balancedCookie(BACKEND, 3);
  visitWith(root, `affinity=${old}`, new NginxRing(PODS).nodeOf(old));
  root.tick();
  const counts = Object.fromEntries(
    root.vm.metrics.names.map((name) => [name.replace(/.*\./, ""), root.vm.metrics.value(name)]),
  );
  assert.deepEqual(counts, {
    created: 0,
    resumed: 0,
    repinned: 0,
    renewed: 0,
    expired: 0,
    rejected: 0,
    accepted: 1,
  });
});

test("more cookies than nginx takes are none", () => {
  const root = acceptingRoot([nginxFormat()]);
  const old = `INGRESSCOOKIE=${balancedCookie(BACKEND, 3)}`;
  const pod = new NginxRing(PODS).nodeOf(balancedCookie(BACKEND, 3));
  assert.equal(visitWith(root, `a=${"x".repeat(30_000)}; ${old}`, pod).asked, pod);
  assertNewcomer(visitWith(root, `a=${"x".repeat(40_000)}; ${old}`, pod), "40 kB");
});

test("a pinned client costs no further host call for what is accepted", () => {
  const plain = visitWith(sampleRoot(), `affinity=${sampleToken(POD)}`, POD);
  const accepting = visitWith(acceptingRoot([nginxFormat()]), `affinity=${sampleToken(POD)}`, POD);
  assert.deepEqual(accepting.calls, plain.calls);
});
