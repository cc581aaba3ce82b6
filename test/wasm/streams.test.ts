import assert from "node:assert/strict";
import { test } from "node:test";
import { pairsBytes } from "./abi.ts";
import { Vm, type Root, type Stream } from "./host.ts";
import { Random } from "./random.ts";
import { base64, opened, OTHER_POD, POD, sampleKey, sampleRoot, sampleToken, SCOPE } from "./sample.ts";
import { cookieValue, HOST_HEADER, hostValue, visit } from "./visit.ts";

const OPEN_STREAMS = 50_000;

test("several roots of one VM keep their own configuration, in any order of requests", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const vm = new Vm();
  const services = Array.from({ length: 12 }, (_, index) => {
    const key = sampleKey(index);
    const scope = `default/service-${index}:80`;
    const sessionName = `session-${index}`;
    const keys = [{ id: key.id, secret: base64(key) }];
    const root = sampleRoot(
      { scope, sessionName, keys, hostHeader: `x-host-${index}`, cookie: { path: `/${index}` } },
      vm,
    );
    return { key, scope, sessionName, root, hostHeader: `x-host-${index}`, path: `; Path=/${index};` };
  });
  for (let turn = 0; turn < 3000; turn++) {
    const { key, scope, sessionName, root, hostHeader, path } = random.pick(services);
    const foreign = random.pick(services);
    const host = random.ipv4();
    const first = visit(root, { response: [[hostHeader, hostValue(host)]] });
    assert.ok(first.setCookie[0]!.startsWith(`${sessionName}=`) && first.setCookie[0]!.includes(path));
    const value = cookieValue(first.setCookie[0]);
    assert.equal(opened(value, { keys: [key], scope, sessionName }).endpoint, host);
    const theirs = visit(foreign.root, {
      cookie: `${foreign.sessionName}=${value}; ${sessionName}=${value}`,
    });
    const expected = foreign.root === root ? [hostValue(host)] : [];
    assert.deepEqual(theirs.requestHeaders.all(foreign.hostHeader), expected);
  }
});

test("an update replaces a root while requests of the old one are under way", () => {
  const vm = new Vm();
  const old = sampleRoot({ cookie: { path: "/old" } }, vm);
  const before = old.stream();
  before.request([["cookie", `affinity=${sampleToken(POD)}`]]);
  const updated = sampleRoot({ cookie: { path: "/new" } }, vm);
  const answer = before.respond([[HOST_HEADER, hostValue(OTHER_POD)]]);
  assert.match(answer.first("set-cookie")!, /; Path=\/old;/);
  before.close();
  old.close();
  const after = visit(updated, { cookie: `affinity=${sampleToken(POD)}`, host: OTHER_POD });
  assert.equal(after.asked, POD);
  assert.match(after.setCookie[0]!, /; Path=\/new;/);
});

test("a stream that outlives its root neither traps nor disturbs another root", () => {
  const vm = new Vm();
  const old = sampleRoot({}, vm);
  const orphan = old.stream();
  orphan.request([["cookie", `affinity=${sampleToken(POD)}`]]);
  old.close();
  const next = sampleRoot({ scope: "other" }, vm);
  orphan.respond([[HOST_HEADER, hostValue(OTHER_POD)]]);
  orphan.close();
  assert.equal(visit(next, { host: POD }).setCookie.length, 1);
});

test("a root that was refused leaves the ones before it as they were", () => {
  const vm = new Vm();
  const root = sampleRoot({}, vm);
  vm.root({ configuration: "{" }).close();
  assert.equal(visit(root, { cookie: `affinity=${sampleToken(POD)}` }).asked, POD);
});

test("50,000 open streams answer and end in random order, each with its own session", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  const other = sampleRoot({ scope: "shop" }, root.vm);
  const open = Array.from({ length: OPEN_STREAMS }, () =>
    random.below(8) === 0 ? openStream(random, other, "shop") : openStream(random, root, SCOPE),
  );
  random.shuffle(open);
  let answered = 0;
  for (const { stream, scope, token, endpoint } of open) {
    const kind = random.below(4);
    if (kind > 0) {
      const host = random.ipv4();
      const headers = stream.respond(kind === 1 ? [] : [[HOST_HEADER, hostValue(host)]]);
      const line = headers.first("set-cookie");
      if (kind === 1) assert.equal(line, null);
      else {
        answered++;
        const after = opened(cookieValue(line!), { scope });
        assert.equal(after.endpoint, host);
        if (token !== null)
          assert.deepEqual([after.session, after.issued], [token.session, token.issued], endpoint);
      }
    }
    stream.close();
  }
  assert.ok(answered > OPEN_STREAMS / 4);
});

test("streams whose ids share their low bits stay apart, however they come and go", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  const open = new Map<number, OpenStream>();
  for (let turn = 0; turn < 20_000; turn++) {
    // Seven places in any table of up to 65,536, for 300 streams.
    root.vm.nextContextId =
      65_536 * (1 + random.below(60_000)) + random.pick([0, 1, 2, 3, 1022, 1023, 65_535]);
    const id = root.vm.nextContextId;
    if (!open.has(id)) open.set(id, openStream(random, root, SCOPE));
    while (open.size > 300) {
      const [ending, { stream, token }] = random.pick([...open.entries()]);
      const line = stream.respond([[HOST_HEADER, hostValue(OTHER_POD)]]).first("set-cookie");
      const after = opened(cookieValue(line!));
      if (token !== null) assert.deepEqual([after.session, after.issued], [token.session, token.issued]);
      else assert.equal(after.issued, root.vm.now);
      stream.close();
      open.delete(ending);
    }
  }
});

test("streams that end before a request, before a response, or answer twice, do no harm", () => {
  const root = sampleRoot();
  root.stream().close();
  const unanswered = root.stream();
  unanswered.request([]);
  unanswered.close();
  const local = root.stream();
  assert.deepEqual(local.respond([[HOST_HEADER, hostValue(POD)]]).all(HOST_HEADER), []);
  local.close();
  const twice = root.stream();
  twice.request([["cookie", `affinity=${sampleToken(POD)}`]]);
  for (let turn = 0; turn < 2; turn++) {
    const headers = twice.respond([[HOST_HEADER, hostValue(OTHER_POD)]]);
    assert.equal(headers.all("set-cookie").length, 1);
    assert.deepEqual(headers.all(HOST_HEADER), []);
  }
  twice.close();
  assert.equal(visit(root, { host: POD }).setCookie.length, 1);
});

test("what one stream knows never reaches the next", () => {
  const root = sampleRoot();
  const pinned = `affinity=${sampleToken(POD, { issued: 1000 })}`;
  for (let turn = 0; turn < 200; turn++) {
    const stream = root.stream();
    stream.request([["cookie", pinned]]);
    stream.close();
    const fresh = opened(cookieValue(visit(root, { host: OTHER_POD }).setCookie[0]));
    assert.equal(fresh.issued, root.vm.now);
    assert.notEqual(fresh.session, opened(pinned.slice("affinity=".length)).session);
  }
});

test("context ids up to the last of 32 bits work", () => {
  const vm = new Vm();
  const root = sampleRoot({}, vm);
  for (const id of [65_535, 65_536, 2 ** 24 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 3]) {
    vm.nextContextId = id;
    const [first, second] = [root.stream(), root.stream()];
    first.request([["cookie", `affinity=${sampleToken(POD)}`]]);
    second.request([]);
    assert.equal(second.respond([[HOST_HEADER, hostValue(OTHER_POD)]]).all("set-cookie").length, 1);
    assert.equal(first.respond([]).all("set-cookie").length, 0);
    first.close();
    second.close();
  }
});

test("broken header maps never trap", (context) => {
  const random = new Random();
  context.diagnostic(`seed ${random.seed}`);
  const root = sampleRoot();
  const token = sampleToken(POD);
  const lines = [
    ["cookie", "theme=dark"],
    ["accept", "*/*"],
    ["cookie", `affinity=${token}`],
  ] as const;
  const whole = pairsBytes(lines);
  assert.equal(askedWith(root, whole), hostValue(POD));
  for (let end = 0; end < whole.length; end++) askedWith(root, whole.subarray(0, end));
  for (let turn = 0; turn < 5000; turn++) {
    const spoilt = Buffer.from(whole);
    for (let count = 1 + random.below(3); count > 0; count--) {
      // Counts and sizes stand in the first 28 bytes.
      const at = random.below(random.below(2) === 0 ? 28 : spoilt.length);
      spoilt[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
    }
    const asked = askedWith(root, spoilt);
    assert.ok(asked === null || asked === hostValue(POD), `${asked}`);
  }
  for (const count of [0xffffffff, 0x80000000, 0x20000000, 0x1fffffff, 4]) {
    const spoilt = Buffer.from(whole);
    spoilt.writeUInt32LE(count, 0);
    askedWith(root, spoilt);
  }
});

/** The pinning header of a request whose first Cookie line has no cookie of ours, and whose pairs are these. */
function askedWith(root: Root, pairs: Buffer): string | null {
  const stream = root.stream();
  stream.rawPairs = pairs;
  const headers = stream.request([["cookie", "theme=dark"]]);
  stream.close();
  return headers.first(HOST_HEADER);
}

interface OpenStream {
  readonly stream: Stream;
  readonly scope: string;
  readonly endpoint: string;
  /** What its cookie said; null when it had none that opens. */
  readonly token: { readonly session: bigint; readonly issued: number } | null;
}

function openStream(random: Random, root: Root, scope: string): OpenStream {
  const stream = root.stream();
  const endpoint = random.ipv4();
  if (random.below(3) === 0) {
    stream.request([["cookie", "affinity=bad"]]);
    return { stream, scope, endpoint, token: null };
  }
  const value = sampleToken(endpoint, { scope, issued: random.u32() });
  assert.equal(stream.request([["cookie", `affinity=${value}`]]).first(HOST_HEADER), hostValue(endpoint));
  return { stream, scope, endpoint, token: opened(value, { scope }) };
}
