import assert from "node:assert/strict";
import { test } from "node:test";
import { NOW, POD, sampleRoot, sampleToken } from "./sample.ts";
import { HOST_HEADER, visit } from "./visit.ts";

const get = (name: string, map = "request"): string => `proxy_get_header_map_value(${map}, ${name})`;
const replace = (name: string): string => `proxy_replace_header_map_value(request, ${name})`;
const remove = (name: string): string => `proxy_remove_header_map_value(request, ${name})`;

const GET_COOKIE = get("cookie");
const ALL_HEADERS = "proxy_get_header_map_pairs(request)";
const CLOCK = "proxy_get_current_time_nanoseconds";
const PROPERTY = "proxy_get_property";
const CHOOSE_ROUTE = "proxy_call_foreign_function";
const NAME_POD = replace(HOST_HEADER);
const LOOK_FOR_POD = get(HOST_HEADER, "response");
const PINNED = [GET_COOKIE, NAME_POD, LOOK_FOR_POD];

const SECURE = { cookie: { secure: true } };
const CLUSTER = { cluster: { names: ["session-svc", "session-svc-canary"] } };
const DEBUG = { debug: { secret: "only-operators-know" } };

const modes: [what: string, more: object, calls: readonly string[]][] = [
  ["persistent", {}, PINNED],
  ["absoluteTimeout", { absoluteTimeout: "12h" }, [...PINNED, CLOCK]],
  ["idleTimeout", { idleTimeout: "1h" }, [...PINNED, CLOCK]],
  ["both timeouts", { absoluteTimeout: "12h", idleTimeout: "1h" }, [...PINNED, CLOCK]],
  [
    "Permanent",
    { absoluteTimeout: "12h", cookie: { secure: true, lifetimeType: "Permanent" } },
    [...PINNED, CLOCK],
  ],
  ["keyHeader", { keyHeader: "x-affinity-key" }, [...PINNED, replace("x-affinity-key")]],
  ["preventCaching", { preventCaching: true }, PINNED],
  ["stripFromRequest", { stripFromRequest: true }, [ALL_HEADERS, remove("cookie"), NAME_POD, LOOK_FOR_POD]],
  ["cluster", CLUSTER, [...PINNED, replace("x-affinity-cluster"), CHOOSE_ROUTE, PROPERTY]],
  [
    "cluster and keep",
    { ...CLUSTER, onHostChange: "keep" },
    [...PINNED, replace("x-affinity-cluster"), CHOOSE_ROUTE],
  ],
  ["debug, not asked for", DEBUG, [...PINNED, get("x-affinity-debug")]],
  ["balanced", { mode: "balanced" }, [GET_COOKIE, remove(HOST_HEADER), replace("x-affinity-key")]],
  [
    "balanced with a timeout",
    { mode: "balanced", idleTimeout: "1h" },
    [GET_COOKIE, CLOCK, remove(HOST_HEADER), replace("x-affinity-key")],
  ],
];

for (const [what, more, calls] of modes) {
  test(`what a pinned request costs in host calls: ${what}`, () => {
    const root = sampleRoot({ ...SECURE, ...more });
    const cookie = `affinity=${sampleToken(POD, { cluster: "session-svc" })}`;
    for (let turn = 0; turn < 3; turn++) {
      const unpinned = "mode" in more;
      const seen = visit(root, { cookie, host: POD, cluster: "session-svc", unpinned });
      assert.deepEqual([...seen.calls].sort(), [...calls].sort());
      assert.deepEqual(seen.setCookie, []);
    }
  });
}

test("secure auto: the scheme is asked for a new client, and for one whose cookie is renewed and not Secure", () => {
  const root = sampleRoot({ idleTimeout: "1h" });
  const asks = (cookie: string | undefined): boolean =>
    visit(root, { cookie: cookie === undefined ? [] : `affinity=${cookie}`, host: POD }).calls.includes(
      get("x-forwarded-proto"),
    );
  assert.equal(asks(undefined), true);
  for (const secure of [true, false]) {
    assert.equal(asks(sampleToken(POD, { issued: NOW, secure })), false);
    assert.equal(asks(sampleToken(POD, { issued: NOW - 1800, secure })), !secure);
  }
});

test("what a pinned request costs in host calls: type Header", () => {
  const root = sampleRoot({ type: "Header", sessionName: "x-session" });
  const token = sampleToken(POD, { sessionName: "x-session" });
  const seen = visit(root, { request: [["x-session", token]], host: POD });
  assert.deepEqual([...seen.calls].sort(), [get("x-session"), NAME_POD, LOOK_FOR_POD].sort());
});

test("several cookies of the name ask for the time once", () => {
  const root = sampleRoot({ ...SECURE, absoluteTimeout: "1h" });
  const over = sampleToken(POD, { issued: 1 });
  const cookie = `affinity=${over}; affinity=${over}; affinity=${over}; affinity=${sampleToken(POD)}`;
  const seen = visit(root, { cookie, host: POD });
  assert.equal(seen.asked, POD);
  assert.equal(seen.calls.filter((call) => call === CLOCK).length, 1, seen.calls.join(", "));
});

test("a request whose cookie opens nowhere asks for no time before its response", () => {
  const stream = sampleRoot({ idleTimeout: "1h" }).stream();
  stream.request([["cookie", "affinity=bad; affinity=worse"]]);
  assert.equal(stream.calls.includes(CLOCK), false, stream.calls.join(", "));
});
