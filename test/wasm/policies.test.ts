import assert from "node:assert/strict";
import { test } from "node:test";
import { Vm, type Root, type Stream } from "./host.ts";
import { Random } from "./random.ts";
import { base64, crc32, NOW, opened, POD, sampleKey, sampleRoot, sampleToken, SESSION } from "./sample.ts";
import { HOST_HEADER, hostValue } from "./visit.ts";

const OLD_KEY = sampleKey(7);
const KEYS = [sampleKey(9), OLD_KEY].map((key) => ({ id: key.id, secret: base64(key) }));
const ISSUED = NOW - 1800;

/** One policy: how it is asked, and what becomes of a request and its response that it does not share with others. */
interface Play {
  readonly more: { scope: string } & Record<string, unknown>;
  readonly sessionName?: string;
  check(request: ReturnType<Stream["request"]>, response: ReturnType<Stream["respond"]>): void;
}

const REQUEST = ["x-affinity-key", "x-affinity-cluster", HOST_HEADER];

function steering(headers: ReturnType<Stream["request"]>): (string | null)[] {
  return REQUEST.map((name) => headers.first(name));
}

const plays: Play[] = [
  {
    more: { scope: "persistent" },
    check(request, response) {
      assert.deepEqual(steering(request), [null, null, hostValue(POD)]);
      assert.deepEqual(response.lines, [[":status", "200"]]);
    },
  },
  {
    more: { scope: "balanced", mode: "balanced", cookie: { path: "/b" } },
    check(request, response) {
      assert.deepEqual(steering(request), [SESSION.toString(16).padStart(16, "0"), null, null]);
      assert.deepEqual(response.lines, [[":status", "200"]]);
    },
  },
  {
    more: { scope: "idle", idleTimeout: "1h", preventCaching: true },
    check(request, response) {
      assert.deepEqual(steering(request), [null, null, hostValue(POD)]);
      const token = opened(/^affinity=([^;]*)/.exec(response.first("set-cookie")!)![1]!, { scope: "idle" });
      assert.deepEqual(token, { keyId: 1, issued: ISSUED, seen: NOW, session: SESSION, endpoint: POD });
      assert.deepEqual(response.all("cache-control"), ["private"]);
    },
  },
  {
    more: { scope: "over", absoluteTimeout: "30m" },
    check(request, response) {
      assert.deepEqual(steering(request), [null, null, null]);
      // No pod is named here, and so none is pinned.
      assert.deepEqual(response.lines, [[":status", "200"]]);
    },
  },
  {
    more: { scope: "canary", cluster: { names: ["a", "b"] }, stripFromRequest: true },
    check(request, response) {
      assert.deepEqual(steering(request), [null, "a", hostValue(POD)]);
      assert.deepEqual(request.all("cookie"), ["theme=dark"]);
      assert.deepEqual(response.lines, [[":status", "200"]]);
    },
  },
  {
    more: { scope: "keys", keys: KEYS, onHostChange: "keep" },
    check(request, response) {
      assert.deepEqual(steering(request), [null, null, null]);
      assert.deepEqual(response.lines, [[":status", "200"]]);
    },
  },
  {
    more: {
      scope: "header",
      type: "Header",
      sessionName: "x-session",
      debug: { secret: "sixteen-letters!" },
    },
    sessionName: "x-session",
    check(request, response) {
      assert.deepEqual(steering(request), [null, null, hostValue(POD)]);
      assert.equal(request.first("x-session")!.length, 71);
      assert.deepEqual(response.lines, [[":status", "200"]]);
    },
  },
];

function requestFor({ more, sessionName }: Play): (readonly [string, string])[] {
  const token = sampleToken(POD, {
    scope: more.scope,
    issued: ISSUED,
    ...(sessionName === undefined ? {} : { sessionName }),
  });
  const carrier =
    sessionName === undefined ? ["cookie", `affinity=${token}; theme=dark`] : [sessionName, token];
  return [[":path", "/"], carrier as [string, string]];
}

test("seven policies in one VM, their streams in any order, keep apart", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const vm = new Vm();
  const roots = new Map<Play, Root>(plays.map((play) => [play, sampleRoot(play.more, vm)]));
  for (let round = 0; round < 200; round++) {
    const turns = Array.from({ length: 20 }, () => random.pick(plays)).map((play) => {
      const stream = roots.get(play)!.stream();
      return { play, stream, request: stream.request(requestFor(play)) };
    });
    for (const { play, stream, request } of random.shuffle(turns)) {
      stream.properties["response.code_details"] = "via_upstream";
      stream.properties["upstream.address"] = POD;
      play.check(request, stream.respond([[":status", "200"]]));
      stream.close();
    }
  }
});

test("a token of one policy is worth nothing to another of the same VM", () => {
  const vm = new Vm();
  const roots = plays.map((play) => ({ play, root: sampleRoot(play.more, vm) }));
  for (const { play } of roots) {
    for (const { root } of roots.filter((other) => other.play !== play)) {
      const stream = root.stream();
      const request = stream.request(requestFor(play));
      assert.equal(request.first(HOST_HEADER), null, play.more.scope);
      assert.notEqual(request.first("x-affinity-key"), SESSION.toString(16).padStart(16, "0"));
      assert.equal(request.first("x-affinity-cluster"), null);
      stream.close();
    }
  }
});

test("an update changes the policy of new streams, and of no other root", () => {
  const vm = new Vm();
  const other = sampleRoot({ cluster: { names: ["a"] } }, vm);
  const before = sampleRoot({ scope: "x" }, vm);
  const after = sampleRoot({ scope: "x", mode: "balanced" }, vm);
  before.close();
  const cookie = ["cookie", `affinity=${sampleToken(POD, { scope: "x" })}`] as const;
  const stream = after.stream();
  assert.deepEqual(steering(stream.request([cookie])), [SESSION.toString(16).padStart(16, "0"), null, null]);
  stream.close();
  const further = other.stream();
  further.request([[":path", "/"]]);
  further.properties["xds.cluster_name"] = "a";
  const [line] = further.respond([[HOST_HEADER, hostValue(POD)]]).all("set-cookie");
  assert.equal(opened(/=([^;]*)/.exec(line!)![1]!).cluster, crc32("a"));
});
