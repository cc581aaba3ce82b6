import assert from "node:assert/strict";
import { LogLevel } from "./abi.ts";
import { makeCase, type Case, type Kind, type Lines, type Material } from "./fuzz-cases.ts";
import { Model, NO_SESSION, type RequestPlan, type ResponsePlan, type Session } from "./fuzz-model.ts";
import { readPolicy } from "./fuzz-policy.ts";
import { Tokens } from "./fuzz-tokens.ts";
import type { HeaderMap } from "./headers.ts";
import { Vm, type Root, type Stream } from "./host.ts";
import type { Random } from "./random.ts";

/** One case under way. */
interface Life {
  readonly played: Case;
  readonly stream: Stream;
  stage: "begun" | "asked" | "answered";
  session: Session;
}

const PLUGIN_NAME = "affinity";
const MOST_OPEN = 200;
// Characters: those of the largest cookie of fuzz-cases.ts with a token beside it.
const LARGEST = 101_000;
const CASES_PER_POOL = 25_000;
// The first is where times no longer fit a signed number, the last is near the end of 32 bits.
const CLOCKS = [0x7fffffc0, 1_800_000_000, 1_700_000_000, 200_000, 0xffffff00];

/** Plays cases under many policies in one VM, with hundreds of streams open, and compares each with the model. */
export class Player {
  readonly vm = new Vm();
  readonly #random: Random;
  readonly #configurations: readonly object[];
  readonly #materials: Material[];
  readonly #roots: Root[];
  /** How often each event has happened, by scope. */
  readonly #events = new Map<string, Map<string, number>>();
  /** The counters before the first case. */
  readonly #warm = new Map<string, number>();
  readonly #open: Life[] = [];
  #wantedOpen = 0;
  #begun = 0;
  /** Cases that have ended, and how many of them got a token. */
  played = 0;
  tokensSet = 0;

  constructor(random: Random, configurations: readonly object[]) {
    this.#random = random;
    this.#configurations = configurations;
    // Envoy counts context ids up from 1; here they come across the sign of 32 bits.
    this.vm.nextContextId = 0x7fff0000;
    this.#roots = configurations.map((configuration) => this.#start(configuration));
    this.#materials = configurations.map((configuration, index) => {
      const model = new Model(readPolicy(configuration, PLUGIN_NAME));
      return { index, model, tokens: new Tokens(random, model) };
    });
  }

  /** Has the VM take the memory that the largest cases need, whose time is left to chance. */
  warmUp(): void {
    const large = "x".repeat(LARGEST);
    for (const [index, root] of this.#roots.entries()) {
      const { sessionName } = this.#materials[index]!.model.policy;
      for (const cookies of [[large], ["x=y", large]]) {
        const stream = root.stream();
        stream.request([[sessionName, large], ...cookies.map((line) => ["cookie", line] as const)]);
        stream.close();
      }
    }
    // A token that is none is an event, which no case has.
    for (const root of this.#roots) root.tick();
    const { metrics } = this.vm;
    for (const name of metrics.names) this.#warm.set(name, metrics.value(name) ?? 0);
  }

  /** Plays so many cases of a kind to their end. */
  play(kind: Kind, cases: number): void {
    const random = this.#random;
    for (let left = cases; left > 0; left--) {
      if (this.#begun++ % CASES_PER_POOL === 0) this.#turnClock();
      const chance = random.below(4000);
      if (chance === 0) this.#restart(random.below(this.#roots.length));
      if (chance < 8) random.pick(this.#roots).tick();
      if (chance < 100) this.#wantedOpen = random.below(random.below(3) === 0 ? MOST_OPEN : 8);
      if (chance < 1000) this.vm.now = Math.min(Math.max(this.vm.now + random.below(7) - 2, 0), 0xffffffff);
      this.#begin(makeCase(kind, random, random.pick(this.#materials)));
      while (this.#open.length > this.#wantedOpen) this.#goOn(random.below(this.#open.length));
    }
    while (this.#open.length > 0) this.#goOn(random.below(this.#open.length));
  }

  /** Compares the counters of each scope with what was played. */
  checkCounters(): void {
    for (const root of this.#roots) root.tick();
    const expected: Record<string, number> = {};
    for (const [scope, events] of this.#events) {
      const prefix = `affinity.${scope.replace(/[^A-Za-z0-9_-]/g, "_")}`;
      for (const [event, count] of events) expected[`${prefix}.${event}`] = count;
    }
    const { metrics } = this.vm;
    const counted = Object.fromEntries(
      metrics.names
        .map((name) => [name, (metrics.value(name) ?? 0) - (this.#warm.get(name) ?? 0)] as const)
        .filter(([, value]) => value !== 0),
    );
    assert.deepEqual(counted, expected);
  }

  #start(configuration: object): Root {
    const root = this.vm.root({ configuration, name: PLUGIN_NAME });
    assert.ok(root.accepted, `refused: ${root.logs.map(({ text }) => text).join("\n")}`);
    return root;
  }

  /** An update: the old root goes while it has streams, which the filter then leaves alone. */
  #restart(index: number): void {
    this.#roots[index]!.close();
    this.#roots[index] = this.#start(this.#configurations[index]!);
  }

  #turnClock(): void {
    this.vm.now = CLOCKS[(this.#begun / CASES_PER_POOL) | 0 ? this.#random.below(CLOCKS.length) : 1]!;
    const models = this.#materials.map(({ model }) => model);
    for (const { tokens } of this.#materials) tokens.fill(this.vm.now, models);
  }

  #begin(played: Case): void {
    const stream = this.#roots[played.policy]!.stream();
    this.#open.push({ played, stream, stage: "begun", session: { ...NO_SESSION } });
  }

  /** The next that happens to an open stream. */
  #goOn(index: number): void {
    const life = this.#open[index]!;
    const { played, stream, stage } = life;
    try {
      if (stage === "begun" && played.request !== null) {
        this.#request(life, played.request);
        life.stage = "asked";
      } else if (stage !== "answered" && played.response !== null) {
        this.#respond(life, played.response);
        life.stage = "answered";
      } else {
        this.#open[index] = this.#open.at(-1)!;
        this.#open.pop();
        this.#expectLogs(0, () => stream.close());
        this.played++;
      }
    } catch (cause) {
      throw new Error(`${reasonOf(cause)}\n${this.#describe(life)}`, { cause });
    }
  }

  #request(life: Life, lines: Lines): void {
    const { played, stream } = life;
    const { model } = this.#materials[played.policy]!;
    stream.rawPairs = played.rawPairs;
    if (!this.#isOpen(life)) {
      assert.deepEqual(stream.request(lines).lines, lines);
      return;
    }
    const plan = model.request(lines, this.vm.now);
    const logs = plan.session.explained ? 1 : 0;
    const headers = this.#expectLogs(logs, () => stream.request(lines));
    if (played.rawPairs !== null) {
      this.#expectSome(model, lines, headers);
      return;
    }
    life.session = plan.session;
    expectHeaders(lines, headers, plan);
    if (life.session.opened === null && model.policy.balanced) {
      const number = headers.first(model.policy.keyHeader)!;
      life.session.drawn = BigInt(`0x${number}`);
    }
    assert.equal(stream.routeCacheClears, model.policy.cluster === null ? 0 : 1, "route cache");
    if (plan.event !== null) this.#count(model, plan.event);
  }

  /** Of headers that the host spoilt no more can be said than that no pod is asked for but by a token that names it. */
  #expectSome(model: Model, lines: Lines, headers: HeaderMap): void {
    const asked = headers.all(model.policy.hostHeader);
    assert.ok(asked.length <= 1);
    if (asked.length === 0) return;
    const endpoint = Buffer.from(asked[0]!, "base64").toString("latin1");
    const text = lines.map(([, value]) => value).join(";");
    const tokens = text.split(/[^A-Za-z0-9_-]+/).map((value) => model.open(value));
    assert.ok(
      tokens.some((token) => token?.endpoint === endpoint && !model.isOver(token, this.vm.now)),
      `asked for ${endpoint}`,
    );
  }

  #respond(life: Life, lines: Lines): void {
    const { played, stream, session } = life;
    const { model, tokens } = this.#materials[played.policy]!;
    Object.assign(stream.properties, played.properties);
    if (!this.#isOpen(life)) {
      assert.deepEqual(stream.respond(lines).lines, lines);
      return;
    }
    // Which session the filter has seen in headers that the host spoilt is not known.
    if (played.rawPairs !== null) {
      stream.respond(lines);
      this.vm.logs.length = 0;
      return;
    }
    const plan = model.response(session, lines, played.properties, this.vm.now);
    const headers = this.#expectLogs(session.explained ? 1 : 0, () => stream.respond(lines));
    const token = expectToken(model, lines, headers, plan, this.vm.now);
    if (plan === null) return;
    this.#count(model, plan.event);
    this.tokensSet++;
    tokens.give(token!);
  }

  #isOpen({ played, stream }: Life): boolean {
    return this.#roots[played.policy] === stream.root;
  }

  #count({ policy }: Model, event: string): void {
    const events = this.#events.get(policy.scope) ?? new Map<string, number>();
    this.#events.set(policy.scope, events.set(event, (events.get(event) ?? 0) + 1));
  }

  /** The filter logs nothing on a request but what who has the debug secret asked for, and no secret there. */
  #expectLogs<Result>(count: number, act: () => Result): Result {
    const { logs } = this.vm;
    const result = act();
    assert.equal(logs.length, count, logs.map(({ text }) => text).join("\n"));
    for (const { level, text } of logs) {
      assert.equal(level, LogLevel.warn);
      assert.match(text, /^affinity: debug: (request|response): /);
      assert.ok(!text.includes("let-me-see"), text);
    }
    logs.length = 0;
    return result;
  }

  #describe({ played, session, stage }: Life): string {
    const configuration = this.#configurations[played.policy];
    const rawPairs = played.rawPairs?.toString("base64");
    const known = { stage, now: this.vm.now, ...played, rawPairs, session, configuration };
    const text = (_: string, value: unknown): unknown =>
      typeof value === "bigint" ? value.toString() : value;
    return `FUZZ_SEED=${this.#random.seed}, case ${this.played}: ${JSON.stringify(known, text)}`;
  }
}

/** Each header that the filter owns as planned, and every other line as it was, in its order. */
export function expectHeaders(lines: Lines, headers: HeaderMap, { headers: owned }: RequestPlan): void {
  for (const [name, expected] of owned) {
    const found = headers.all(name);
    if (expected !== null) {
      if (found.length !== expected.length || found.some((value, index) => value !== expected[index]))
        assert.deepEqual(found, expected, name);
    } else {
      assert.equal(found.length, 1, name);
      assert.match(found[0]!, /^[0-9a-f]{16}$/, name);
    }
  }
  expectSame(
    headers.lines.filter(([name]) => !owned.has(name)),
    lines.filter(([name]) => !owned.has(name)),
  );
}

function expectSame(found: HeaderMap["lines"], expected: HeaderMap["lines"]): void {
  const same = (index: number): boolean =>
    found[index]![0] === expected[index]![0] && found[index]![1] === expected[index]![1];
  if (found.length !== expected.length || !found.every((_, index) => same(index)))
    assert.deepEqual(found, expected);
}

/** The response carries the planned token and nothing else is new; returns the token. */
export function expectToken(
  model: Model,
  lines: Lines,
  headers: HeaderMap,
  plan: ResponsePlan | null,
  now: number,
): string | null {
  const { policy } = model;
  const expected = lines.filter(([name]) => name !== policy.hostHeader || policy.balanced);
  if (plan === null) {
    expectSame(headers.lines, expected);
    return null;
  }
  const name = policy.inHeader ? policy.sessionName : "set-cookie";
  const line = headers.all(name).at(-1);
  assert.ok(line !== undefined, `no token is set; ${plan.event} is due`);
  const start = policy.inHeader ? "" : `${policy.sessionName}=`;
  const end = policy.inHeader ? "" : plan.attributes;
  assert.ok(line.startsWith(start), line);
  const value = policy.inHeader ? line : line.slice(start.length).split(";", 1)[0]!;
  assert.equal(line, start + value + end);
  const token = model.open(value);
  assert.ok(token !== null, `${value} does not open`);
  assert.equal(token.keyId, policy.keys[0]!.id);
  assert.equal(token.endpoint, plan.endpoint);
  assert.equal(token.issued, plan.issued);
  assert.equal(token.seen, now);
  assert.equal(token.cluster, plan.cluster);
  assert.equal(token.secure ?? false, plan.secure);
  if (plan.session !== null) assert.equal(token.session, plan.session);
  assert.notEqual(token.session, 0n);

  const kept = policy.inHeader ? expected.filter(([other]) => other !== name) : expected;
  const added: Lines = [[name, line]];
  if (policy.preventCaching) added.push(["cache-control", "private"]);
  expectSame(headers.lines, [...kept, ...added]);
  return value;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
