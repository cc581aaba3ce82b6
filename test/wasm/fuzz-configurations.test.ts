import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIGURATION_CASES } from "./fuzz-counts.ts";
import { fuzzRandom } from "./fuzz-random.ts";
import { Vm } from "./host.ts";
import type { Random } from "./random.ts";
import { base64, KEY, POD } from "./sample.ts";
import { visit } from "./visit.ts";

const SECRET = base64(KEY);
const DEBUG_SECRET = "let-me-see-what-happens";

/** Configurations that use every field between them. */
const FULL = [
  {
    mode: "persistent",
    type: "Cookie",
    sessionName: "affinity",
    scope: "default/session-svc:9080",
    keys: [
      { id: 2, env: "AFFINITY_KEY" },
      { id: 1, secret: SECRET },
    ],
    absoluteTimeout: "12h",
    idleTimeout: "30m",
    onHostChange: "keep",
    cookie: {
      path: "/",
      domain: "a.example",
      secure: "auto",
      httpOnly: true,
      sameSite: "None",
      conditionalSameSiteNone: true,
      partitioned: true,
      lifetimeType: "Permanent",
    },
    hostHeader: "x-affinity-host",
    keyHeader: "x-affinity-key",
    stripFromRequest: true,
    preventCaching: true,
    cluster: { header: "x-affinity-cluster", names: ["session-svc", "session-svc-canary"] },
    debug: { header: "x-affinity-debug", secret: DEBUG_SECRET },
  },
  {
    mode: "balanced",
    type: "Header",
    sessionName: "x-session",
    scope: "s",
    keys: [{ id: 0, secret: SECRET }],
  },
  {
    scope: "s",
    keys: [{ id: 1, secret: SECRET }],
    cluster: { names: ["session-svc"] },
    accept: {
      until: "2027-01-31T00:00:00Z",
      expireOld: true,
      formats: [
        {
          type: "ingress-nginx",
          sessionName: "route",
          backend: "default-session-svc-9080",
          mode: "persistent",
          endpoints: ["10.0.0.1:9080", { address: "[fd00::1]:9080", weight: 2 }],
          cluster: "session-svc",
          domain: "a.example",
          paths: ["/", "/shop"],
        },
        { type: "envoy", sessionName: "old", endpoints: ["10.0.0.1:9080"] },
      ],
    },
  },
  {
    services: [
      { clusters: ["session-svc", "other-svc"], scope: "s", keys: [{ id: 1, env: "AFFINITY_KEY" }] },
      { clusters: ["shop"], scope: "t", sessionName: "shop", keys: [{ id: 1, secret: SECRET }] },
    ],
  },
];
const TEXTS = FULL.map((configuration) => JSON.stringify(configuration));
const PIECES = [
  ...new Set(TEXTS.join("").match(/"[^"]*"|[{}[\],:]|\w+/g)),
  "null",
  "-1",
  "1e400",
  "1.0",
  "4294967296",
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"é"',
  " ",
  "{}",
  "[]",
];

/** A text of JSON with some of its pieces taken out, doubled, exchanged or replaced, or a byte changed. */
function mutated(random: Random): Buffer {
  const pieces = random.pick(TEXTS).match(/"[^"]*"|[{}[\],:]|\w+|./g)!;
  for (let changes = random.below(5); changes > 0; changes--) {
    const at = random.below(pieces.length);
    const other = random.below(pieces.length);
    const kind = random.below(5);
    if (kind === 0) pieces.splice(at, 1 + random.below(3));
    else if (kind === 1) pieces.splice(at, 0, ...pieces.slice(other, other + 1 + random.below(8)));
    else if (kind === 2) [pieces[at], pieces[other]] = [pieces[other]!, pieces[at]!];
    else pieces[at] = random.pick(PIECES);
    if (pieces.length === 0) pieces.push("{");
  }
  const bytes = Buffer.from(pieces.join(""));
  if (random.below(8) === 0 && bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

/** Known fields with values of any kind, some levels deep. */
function anyTree(random: Random, depth: number): unknown {
  const names = PIECES.filter((piece) => /^"\w+"$/.test(piece)).map((piece) => piece.slice(1, -1));
  const kind = random.below(depth > 3 ? 4 : 7);
  if (kind === 0) return random.pick([null, true, false, 0, 1, 255, 256, -1, 1.5, 1e21]);
  if (kind < 4) return random.pick(names);
  if (kind === 4) return Array.from({ length: random.below(4) }, () => anyTree(random, depth + 1));
  const fields = Array.from({ length: random.below(8) }, () => [
    random.pick(names),
    anyTree(random, depth + 1),
  ]);
  return Object.fromEntries(fields) as unknown;
}

test("each configuration is accepted and serves, or refused with a reason that shows no secret, and leaves no memory behind", (context) => {
  const random = fuzzRandom(context);
  const vm = new Vm({ env: { AFFINITY_KEY: SECRET } });
  let accepted = 0;
  const play = (): void => {
    const text = random.below(4) === 0 ? Buffer.from(JSON.stringify(anyTree(random, 0))) : mutated(random);
    try {
      accepted += tryConfiguration(vm, text) ? 1 : 0;
    } catch (cause) {
      throw new Error(`FUZZ_SEED=${random.seed}: ${text.toString("base64")}`, { cause });
    }
  };
  for (let turn = 0; turn < CONFIGURATION_CASES / 5; turn++) play();
  const warm = vm.memory.byteLength;
  accepted = 0;
  for (let turn = 0; turn < CONFIGURATION_CASES; turn++) play();
  context.diagnostic(`${accepted} of ${CONFIGURATION_CASES} were accepted`);
  assert.ok(
    accepted > CONFIGURATION_CASES / 100 && accepted < CONFIGURATION_CASES / 2,
    `${accepted} accepted`,
  );
  assert.equal(vm.memory.byteLength, warm);
});

function tryConfiguration(vm: Vm, configuration: Buffer): boolean {
  const root = vm.root({ configuration });
  if (root.accepted) {
    const seen = visit(root, { host: POD, cookie: "affinity=x; b=c" });
    assert.ok(seen.setCookie.length + seen.responseHeaders.all("x-session").length <= 2);
  } else {
    assert.ok(root.logs.length > 0, "refused without a word");
  }
  // A mutation may make a secret a part of some other value, which no one could tell.
  const text = configuration.toString("latin1");
  for (const [secret, marker] of [
    [SECRET, `"secret":"${SECRET}"`],
    [DEBUG_SECRET, `"secret":"${DEBUG_SECRET}"`],
  ] as const) {
    const isInPlace = text.split(secret).length === text.split(marker).length;
    for (const { text: line } of isInPlace ? root.logs : []) assert.ok(!line.includes(secret), line);
  }
  root.close();
  return root.accepted;
}
