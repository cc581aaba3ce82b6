/** Fuzzes what the filter makes of streams: their callbacks in any order, each compared with the model. */
import assert from "node:assert/strict";
import { configurations } from "../wasm/fuzz-policies.ts";
import { expectHeaders, expectToken } from "../wasm/fuzz-player.ts";
import { Model, NO_SESSION, type RequestPlan, type Session } from "../wasm/fuzz-model.ts";
import { readPolicy } from "../wasm/fuzz-policy.ts";
import { Tokens } from "../wasm/fuzz-tokens.ts";
import type { Lines } from "../wasm/fuzz-cases.ts";
import type { HeaderMap } from "../wasm/headers.ts";
import { Vm, type Root, type Stream } from "../wasm/host.ts";
import type { Random } from "../wasm/random.ts";
import { NOW } from "../wasm/sample.ts";
import { FORMER_PODS, formerConfigurations } from "./former.ts";
import { ScenarioMaker, smallerScenarios, type FuzzMaterial, type Scenario, type Step } from "./scenario.ts";
import type { Coverage, Target } from "./engine.ts";

const PLUGIN_NAME = "affinity";
/** What the policies of a scenario are numbers of. */
const POLICIES = [...configurations, ...formerConfigurations];
// Some hundred kilobytes of headers in lists of the arena, and a table of a thousand streams.
const MOST_MEMORY = 8 * 1024 * 1024;

/** One stream of a scenario. */
interface Life {
  readonly stream: Stream;
  readonly material: FuzzMaterial;
  stage: "open" | "asked" | "answered" | "closed";
  /** Whether its callbacks came as Envoy makes them; of others only what must never happen is known. */
  regular: boolean;
  session: Session;
  /** Pods that the tokens of its requests name. */
  readonly pods: Set<string>;
  token: string;
}

export class StreamsTarget implements Target<Scenario> {
  readonly name = "streams";
  readonly #module: WebAssembly.Module;
  readonly #coverage: Coverage;
  readonly #materials: readonly FuzzMaterial[];
  readonly #maker: ScenarioMaker;
  #vm: Vm;
  /** By policy; each starts when it is first needed. */
  readonly #roots = new Map<number, Root>();

  constructor(module: WebAssembly.Module, coverage: Coverage, random: Random) {
    this.#module = module;
    this.#coverage = coverage;
    this.#materials = POLICIES.map(({ accept, ...configuration }, index) => {
      // The model knows no cookies of other systems: see #expectFormer.
      const model = new Model(readPolicy(configuration, PLUGIN_NAME));
      return { index, model, tokens: new Tokens(random, model), honoursFormer: accept !== undefined };
    });
    const models = this.#materials.map(({ model }) => model);
    for (const { tokens } of this.#materials) tokens.fill(NOW, models);
    this.#maker = new ScenarioMaker(this.#materials);
    this.#vm = this.#start();
  }

  get memory(): number {
    return this.#vm.memory.byteLength;
  }

  generate(random: Random): Scenario {
    return this.#maker.generate(random);
  }

  mutate(random: Random, scenario: Scenario, other: Scenario): Scenario {
    return this.#maker.mutate(random, scenario, other);
  }

  smaller(scenario: Scenario): Iterable<Scenario> {
    return smallerScenarios(scenario);
  }

  reset(): void {
    this.#vm = this.#start();
  }

  run({ steps }: Scenario): void {
    const lives = new Map<number, Life>();
    this.#vm.now = NOW;
    this.#vm.logs.length = 0;
    for (const step of steps) this.#play(step, lives);
    for (const life of lives.values()) if (life.stage !== "closed") this.#close(life);
    assert.ok(this.memory <= MOST_MEMORY, `the VM has ${this.memory} bytes`);
  }

  #start(): Vm {
    this.#roots.clear();
    return new Vm({ module: this.#module, imports: this.#coverage.imports });
  }

  #root(policy: number): Root {
    let root = this.#roots.get(policy);
    if (root === undefined) {
      root = this.#vm.root({ configuration: POLICIES[policy]!, name: PLUGIN_NAME });
      this.#roots.set(policy, root);
    }
    return root;
  }

  #play(step: Step, lives: Map<number, Life>): void {
    switch (step.do) {
      case "open":
        this.#open(step.stream, step.policy, lives);
        break;
      case "update":
        this.#root(step.policy).close();
        this.#roots.delete(step.policy);
        break;
      case "tick":
        this.#root(step.policy).tick();
        break;
      case "wait":
        this.#vm.now += step.seconds;
        break;
      default: {
        const life = lives.get(step.stream);
        if (life === undefined) return;
        if (step.do === "request") this.#request(life, withTokens(step.headers, lives));
        else if (step.do === "respond") this.#respond(life, withTokens(step.headers, lives), step.properties);
        else if (life.stage !== "closed") this.#close(life);
      }
    }
  }

  #open(number: number, policy: number, lives: Map<number, Life>): void {
    const before = lives.get(number);
    if (before !== undefined && before.stage !== "closed") this.#close(before);
    lives.set(number, {
      stream: this.#root(policy).stream(),
      material: this.#materials[policy]!,
      stage: "open",
      regular: true,
      session: { ...NO_SESSION },
      pods: new Set(),
      token: before?.token ?? "",
    });
  }

  #request(life: Life, lines: Lines): void {
    const { stream, stage } = life;
    const { model } = life.material;
    if (!this.#isKnown(life)) {
      assert.deepEqual(stream.request(lines).lines, lines, "a stream that is over");
      return;
    }
    if (stage !== "open") life.regular = false;
    const plan = model.request(lines, this.#vm.now);
    const clears = stream.routeCacheClears;
    const headers = stream.request(lines);
    // Out of turn, the session's number may be that of an earlier callback of the stream.
    if (!life.regular && plan.headers.has(model.policy.keyHeader))
      plan.headers.set(model.policy.keyHeader, headers.all(model.policy.keyHeader));
    if (life.material.honoursFormer && plan.session.opened === null) expectFormer(life, headers, plan);
    expectHeaders(lines, headers, plan);
    assert.equal(stream.routeCacheClears - clears, model.policy.cluster === null ? 0 : 1, "route cache");
    if (plan.session.opened !== null) life.pods.add(plan.session.opened.endpoint);
    life.session = plan.session;
    if (life.regular && plan.session.opened === null && model.policy.balanced)
      life.session.drawn = BigInt(`0x${headers.first(model.policy.keyHeader)}`);
    life.stage = "asked";
  }

  #respond(life: Life, lines: Lines, properties: Readonly<Record<string, string>>): void {
    const { stream, stage, session } = life;
    const { model } = life.material;
    Object.assign(stream.properties, properties);
    if (!this.#isKnown(life)) {
      assert.deepEqual(stream.respond(lines).lines, lines, "a stream that is over");
      return;
    }
    if (stage === "answered") life.regular = false;
    life.stage = "answered";
    // Properties are the stream's: what an earlier response had is there still.
    const plan = life.regular ? model.response(session, lines, stream.properties, this.#vm.now) : null;
    const headers = stream.respond(lines);
    if (life.regular) life.token = expectToken(model, lines, headers, plan, this.#vm.now) ?? life.token;
    else this.#expectNoFalsePin(life, lines, headers);
  }

  /** Whatever came before: the pod in a token is one that answered, or one of the stream's own tokens. */
  #expectNoFalsePin({ material, pods, stream }: Life, lines: Lines, headers: HeaderMap): void {
    const { model } = material;
    const { inHeader, sessionName, hostHeader, balanced } = model.policy;
    if (!balanced) assert.deepEqual(headers.all(hostHeader), []);
    const name = inHeader ? sessionName : "set-cookie";
    const old = new Set(lines.filter(([other]) => other === name).map(([, value]) => value));
    const named = lines.find(([other]) => other === hostHeader)?.[1];
    const answered = Buffer.from(stream.properties["upstream.address"] ?? "").toString("latin1");
    const possible = [...pods, answered, "", Buffer.from(named ?? "", "base64").toString("latin1")];
    const start = inHeader ? "" : `${sessionName}=`;
    for (const line of headers.all(name).filter((value) => value.startsWith(start) && !old.has(value))) {
      const value = inHeader ? line : line.slice(line.indexOf("=") + 1).split(";", 1)[0]!;
      const token = model.open(value);
      assert.ok(token !== null, `${line}: does not open`);
      assert.ok(
        possible.includes(token.endpoint),
        `${token.endpoint} is pinned; possible: ${possible.join()}`,
      );
    }
  }

  #close(life: Life): void {
    life.stage = "closed";
    life.stream.close();
  }

  #isKnown({ stream, stage, material }: Life): boolean {
    return stage !== "closed" && this.#roots.get(material.index) === stream.root;
  }
}

/** Without a token of ours an old cookie may lead to one of the pods that are listed. */
function expectFormer(life: Life, headers: HeaderMap, plan: RequestPlan): void {
  const { hostHeader, cluster } = life.material.model.policy;
  const asked = headers.all(hostHeader);
  life.regular = false;
  if (asked.length === 0) return;
  const pod = Buffer.from(asked[0]!, "base64").toString("latin1");
  assert.ok(asked.length === 1 && FORMER_PODS.includes(pod), `asked for ${asked.join()}`);
  life.pods.add(pod);
  plan.headers.set(hostHeader, asked);
  if (cluster !== null) plan.headers.set(cluster.header, [cluster.names[1]!]);
}

/** NUL, CR and LF cannot be in a header, and Envoy takes no names in capitals. */
function withTokens(lines: Lines, lives: ReadonlyMap<number, Life>): Lines {
  return lines.map(([name, value]) => [
    name,
    value
      .replace(/\{token ([0-9]+)\}/g, (_, stream) => lives.get(Number(stream))?.token ?? "")
      .replace(/[\0\r\n]/g, ""),
  ]);
}
