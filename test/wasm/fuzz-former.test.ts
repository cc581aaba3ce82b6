import assert from "node:assert/strict";
import { test } from "node:test";
import { openToken } from "../../cli/token.ts";
import { balancedCookie, NginxRing, persistentCookie } from "../support/nginx.ts";
import { FORMER_CASES } from "./fuzz-counts.ts";
import { fuzzRandom, HEADER_BYTES, RandomText } from "./fuzz-random.ts";
import { Vm, type Root } from "./host.ts";
import type { Random } from "./random.ts";
import { KEY, NOW, sampleConfiguration, sampleToken } from "./sample.ts";
import { visit } from "./visit.ts";

const BACKEND = "default-session-svc-9080";
const CANARY = "default-session-svc-canary-9080";
const PODS = Array.from({ length: 5 }, (_, index) => `10.244.${index}.7:9080`);
const CANARY_PODS = ["10.245.0.7:9080", "[fd00::1]:9080"];
const RINGS = [PODS, CANARY_PODS].map((pods) => new NginxRing(pods));
const SECRET = "let-me-see-what-happens";
const UNTIL = new Date((NOW + 3600) * 1000).toISOString();
const ANY = new RandomText(HEADER_BYTES);
// Somewhat more than Envoy takes by default (max_request_headers_kb).
const MOST_BYTES = 64 * 1024;
const MOST_LINES = 8;
const SEPARATORS = ["; ", "; ", ";", " ", ";;", "\t", " ; "];

const nginx = { type: "ingress-nginx", backend: BACKEND, endpoints: PODS };
const envoy = { type: "envoy", sessionName: "route" };
const canary = { ...nginx, backend: CANARY, endpoints: CANARY_PODS };
const cluster = { names: ["session-svc", "session-svc-canary"] };
const accept = (formats: object[], expireOld = false): object => ({ until: UNTIL, expireOld, formats });

interface Setting {
  readonly more: Readonly<Record<string, unknown>>;
  /** The pods that old cookies may name; null: whichever is an address. */
  readonly pods: readonly string[] | null;
}

const settings: readonly Setting[] = [
  { more: { accept: accept([nginx], true), debug: { secret: SECRET } }, pods: PODS },
  { more: { accept: accept([{ ...nginx, mode: "persistent" }]), stripFromRequest: true }, pods: PODS },
  {
    more: { cluster, accept: accept([nginx, { ...canary, cluster: cluster.names[1] }], true) },
    pods: [...PODS, ...CANARY_PODS],
  },
  { more: { accept: accept([envoy]), onHostChange: "keep" }, pods: null },
  {
    more: { accept: accept([{ ...envoy, endpoints: CANARY_PODS }, nginx]), idleTimeout: "1m" },
    pods: [...PODS, ...CANARY_PODS],
  },
  { more: { type: "Header", sessionName: "x-session", accept: accept([nginx, envoy], true) }, pods: null },
  // Over: nobody is pinned by an old cookie any more.
  { more: { accept: { ...accept([nginx, envoy]), until: new Date(NOW * 1000).toISOString() } }, pods: [] },
];

/** An old cookie's value as the other system writes it. */
function oldValue(random: Random): [name: string, value: string] {
  const [backend, pods] = random.pick([
    [BACKEND, PODS],
    [BACKEND, PODS],
    [CANARY, CANARY_PODS],
    ["default-other-80", PODS],
  ] as const);
  const pod = random.pick(pods);
  const message = Buffer.concat([Buffer.from([0x0a, pod.length]), Buffer.from(pod), Buffer.from([0x10, 1])]);
  return random.pick([
    ["INGRESSCOOKIE", balancedCookie(backend, random.below(100_000))],
    ["INGRESSCOOKIE", persistentCookie(backend, pod)],
    ["route", message.toString("base64")],
    ["route", Buffer.from(pod).toString("base64")],
  ]);
}

function mutated(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at) + ANY.of(random, 1 + random.below(3)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at);
    case 2:
      return text.slice(at);
    case 3:
      return text.slice(0, at) + random.pick(["|", "||", "=", '"', " ", ";"]) + text.slice(at);
    case 4:
      return text.repeat(1 + random.below(20));
    case 5:
      return ANY.of(random, random.below(random.below(50) === 0 ? 70_000 : 400));
    default:
      return text;
  }
}

function cookieLines(random: Random): string[] {
  let room = MOST_BYTES;
  return Array.from({ length: 1 + random.below(random.below(10) === 0 ? MOST_LINES : 2) }, () => {
    let line = "";
    for (let left = 1 + random.below(4); left > 0; left--) {
      const [name, value] = oldValue(random);
      const own = random.below(8) === 0;
      const text = own
        ? `affinity=${sampleToken(random.pick(PODS), { issued: NOW - random.below(100) })}`
        : `${name}=${value}`;
      line += random.below(3) === 0 ? mutated(random, text) : text;
      if (left > 1) line += random.pick(SEPARATORS);
    }
    line = line.slice(0, room);
    room -= line.length;
    return line;
  });
}

/** Has the module take what memory the largest request needs, in whichever way its cookies come. */
function warmUp(root: Root): void {
  for (const lines of [1, 2, MOST_LINES])
    visit(root, {
      cookie: Array.from({ length: lines }, () => "x".repeat(MOST_BYTES / lines)),
      host: PODS[0]!,
    });
}

function start(vm: Vm, { more }: Setting): Root {
  const root = vm.root({ configuration: sampleConfiguration(more) });
  assert.ok(root.accepted, root.logs.map(({ text }) => text).join("\n"));
  return root;
}

/** One request: no pod is asked for that nothing may name, a token that is set opens, and the cookies go on as they are. */
function play(root: Root, { more, pods }: Setting, random: Random): boolean {
  const cookie = cookieLines(random);
  const explained = random.below(10) === 0;
  const seen = visit(root, {
    cookie,
    request: explained ? [["x-affinity-debug", SECRET]] : [],
    ...(random.below(10) === 0 ? { details: "no_healthy_upstream" } : { host: random.pick(PODS) }),
    cluster: random.pick(["session-svc", "session-svc-canary", "gone"]),
  });
  const inHeader = more.type === "Header";
  const binding = { sessionName: inHeader ? "x-session" : "affinity", scope: "default/session-svc:9080" };
  if (seen.asked !== null) {
    const sealed = cookie.join(";").match(/[\w-]{64,}/g) ?? [];
    const byToken = sealed.some((value) => openToken(value, [KEY], binding)?.endpoint === seen.asked);
    const byOld = pods?.includes(seen.asked) ?? /^[\d.]+:\d+$|^\[[\da-f:.]+\]:\d+$/.test(seen.asked);
    assert.ok(byToken || byOld, `asked for ${seen.asked}`);
  }
  if (!("stripFromRequest" in more)) assert.deepEqual(seen.requestHeaders.all("cookie"), cookie);
  const tokens = inHeader
    ? seen.responseHeaders.all("x-session")
    : seen.setCookie.filter((line) => line.startsWith("affinity="));
  assert.ok(tokens.length <= 1);
  for (const text of tokens) {
    const value = inHeader ? text : /^affinity=([^;]*)/.exec(text)![1]!;
    assert.notEqual(openToken(value, [KEY], binding), null, `${text} does not open`);
  }
  for (const line of seen.setCookie)
    assert.match(line, /^affinity=[\w-]+; Path=\/|^(?:INGRESSCOOKIE|route)=; (?:.*; )?Max-Age=0(?:;|$)/);
  assert.ok("debug" in more && explained ? seen.logs.length >= 2 : seen.logs.length === 0);
  for (const { text } of seen.logs) assert.match(text, /^affinity: debug: (?:request|response): /);
  root.vm.logs.length = 0;
  return seen.asked !== null;
}

test("cookies of other systems, sound and spoilt, pin to no pod but theirs, and leave no memory behind", (context) => {
  const random = fuzzRandom(context);
  const vm = new Vm();
  const roots = settings.map((setting) => start(vm, setting));
  roots.forEach(warmUp);
  const asked = settings.map(() => 0);
  const playHalf = (): void => {
    for (let turn = 0; turn < FORMER_CASES / 2; turn++) {
      const index = random.below(settings.length);
      try {
        if (play(roots[index]!, settings[index]!, random)) asked[index]!++;
      } catch (cause) {
        throw new Error(`FUZZ_SEED=${random.seed}, turn ${turn}: ${String(cause)}`, { cause });
      }
    }
  };
  playHalf();
  const warm = vm.memory.byteLength;
  playHalf();
  assert.equal(vm.memory.byteLength, warm);
  context.diagnostic(`asked for a pod, by setting: ${asked.join(", ")}`);
  // Of those that honour old cookies each did, and not by chance.
  for (const [index, { pods }] of settings.entries())
    if (pods?.length !== 0)
      assert.ok(asked[index]! > FORMER_CASES / settings.length / 10, `setting ${index}`);
});

test("a sound cookie of mode balanced that stands alone asks for the pod of its ring, in whatever cluster", (context) => {
  const random = fuzzRandom(context);
  const root = start(new Vm(), settings[2]!);
  for (let turn = 0; turn < 2000; turn++) {
    const own = random.below(2);
    const value = balancedCookie([BACKEND, CANARY][own]!, random.below(1_000_000));
    const seen = visit(root, { cookie: `INGRESSCOOKIE=${value}`, host: PODS[0]!, cluster: "session-svc" });
    assert.equal(seen.asked, RINGS[own]!.nodeOf(value), value);
  }
});
