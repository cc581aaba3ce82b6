/** What is played in streams of the filter: any callbacks in any order, as far as a host can make them. */
import { makeCase, type Case, type Kind, type Lines, type Material } from "../wasm/fuzz-cases.ts";
import type { Random } from "../wasm/random.ts";
import { formerCookie } from "./former.ts";

export interface FuzzMaterial extends Material {
  /** Whether cookies of other systems mean anything. */
  readonly honoursFormer: boolean;
}

/** Streams are numbers of the scenario's own; a policy is an index of POLICIES in streams.ts. */
export type Step =
  | { readonly do: "open"; readonly stream: number; readonly policy: number }
  | { readonly do: "request"; readonly stream: number; readonly headers: Lines }
  | {
      readonly do: "respond";
      readonly stream: number;
      readonly headers: Lines;
      readonly properties: Readonly<Record<string, string>>;
    }
  | { readonly do: "close"; readonly stream: number }
  /** The filter of this policy is replaced by another one of the same configuration. */
  | { readonly do: "update"; readonly policy: number }
  | { readonly do: "tick"; readonly policy: number }
  | { readonly do: "wait"; readonly seconds: number };

/** In a header, `{token N}` stands for the token that stream N was given; for nothing as long as it has none. */
export interface Scenario {
  readonly steps: readonly Step[];
}

const KINDS: readonly Kind[] = [
  "request",
  "request",
  "request",
  "separators",
  "duplicates",
  "hosts",
  "foreign",
];
const MOST_STREAMS = 6;
const MOST_STEPS = 60;
const WAITS = [0, 1, 9, 59, 60, 100, 120, 600, 3600];

export class ScenarioMaker {
  readonly #materials: readonly FuzzMaterial[];

  constructor(materials: readonly FuzzMaterial[]) {
    this.#materials = materials;
  }

  /** Some streams side by side; now and then a callback comes twice, out of turn, or not at all. */
  generate(random: Random): Scenario {
    const policies = Array.from({ length: 1 + random.below(3) }, () => random.below(this.#materials.length));
    const lives = Array.from({ length: 1 + random.below(MOST_STREAMS) }, (_, stream) => {
      const policy = random.pick(policies);
      const material = this.#materials[policy]!;
      const made = makeCase(random.pick(KINDS), random, material);
      if (material.honoursFormer) made.request?.push(["cookie", formerCookie(random)]);
      const steps = stepsOf(stream, made);
      if (random.below(6) === 0) steps.splice(random.below(steps.length), 0, random.pick(steps));
      if (random.below(6) === 0) random.shuffle(steps);
      if (random.below(4) === 0) comeAgain(random, steps, material);
      return steps;
    });
    const steps: Step[] = [];
    while (lives.length > 0) {
      const life = random.pick(lives);
      const step = life.shift();
      if (step === undefined) lives.splice(lives.indexOf(life), 1);
      else steps.push(step);
      if (random.below(12) === 0) steps.push(between(random, random.pick(policies)));
    }
    return { steps };
  }

  mutate(random: Random, { steps }: Scenario, other: Scenario): Scenario {
    const changed = [...steps];
    for (let left = 1 + random.below(3); left > 0; left--) {
      const at = random.below(changed.length + 1);
      const from = random.below(other.steps.length + 1);
      switch (random.below(7)) {
        case 0:
          changed.splice(at, 1 + random.below(3));
          break;
        case 1:
          changed.splice(at, 0, ...other.steps.slice(from, from + 1 + random.below(6)));
          break;
        case 2:
          random.shuffle(changed);
          break;
        case 3:
          changed.splice(at, 0, between(random, random.below(this.#materials.length)));
          break;
        default:
          if (at < changed.length) changed[at] = this.#changedStep(random, changed[at]!);
      }
    }
    return { steps: changed.slice(0, MOST_STEPS) };
  }

  #changedStep(random: Random, step: Step): Step {
    if (random.below(5) === 0 && "stream" in step) return { ...step, stream: random.below(MOST_STREAMS) };
    if (!("headers" in step)) return step;
    const headers: Lines = step.headers.map(([name, value]) => [name, value]);
    const at = random.below(headers.length + 1);
    const line = headers[at];
    switch (random.below(5)) {
      case 0:
        headers.splice(at, 1);
        break;
      case 1:
        for (
          let count = random.below(random.below(4) === 0 ? 60 : 3);
          line !== undefined && count > 0;
          count--
        )
          headers.splice(at, 0, [...line]);
        break;
      case 2: {
        const { request, response } = makeCase(random.pick(KINDS), random, random.pick(this.#materials));
        const lines = (step.do === "request" ? request : response) ?? [];
        headers.splice(at, 0, ...lines.slice(random.below(lines.length + 1)));
        break;
      }
      default:
        if (line !== undefined) headers[at] = [line[0], changedText(random, line[1])];
    }
    return { ...step, headers };
  }
}

/** The steps, and then the lines and the values, with ever smaller parts left out. */
export function* smallerScenarios({ steps }: Scenario): Iterable<Scenario> {
  for (const fewer of withoutParts(steps)) yield { steps: fewer };
  for (const [index, step] of steps.entries()) {
    if (!("headers" in step)) continue;
    const replaced = (next: Step): Scenario => ({ steps: steps.with(index, next) });
    for (const headers of withoutParts(step.headers)) yield replaced({ ...step, headers });
    for (const [line, [name, value]] of step.headers.entries()) {
      for (const shorter of withoutParts([...value]))
        yield replaced({ ...step, headers: step.headers.with(line, [name, shorter.join("")]) });
    }
    if (step.do !== "respond") continue;
    for (const properties of withoutParts(Object.entries(step.properties)))
      yield replaced({ ...step, properties: Object.fromEntries(properties) });
  }
}

export function* withoutParts<Item>(items: readonly Item[]): Iterable<Item[]> {
  for (let size = items.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < items.length; at += size) yield [...items.slice(0, at), ...items.slice(at + size)];
  }
}

function stepsOf(stream: number, { policy, request, response, properties }: Case): Step[] {
  const steps: Step[] = [{ do: "open", stream, policy }];
  if (request !== null) steps.push({ do: "request", stream, headers: request });
  if (response !== null) steps.push({ do: "respond", stream, headers: response, properties });
  steps.push({ do: "close", stream });
  return steps;
}

/** The client of a stream comes again with what it was given. */
function comeAgain(random: Random, steps: Step[], material: Material): void {
  const { policy } = material.model;
  const { stream } = steps[0] as { stream: number };
  const { response, properties } = makeCase("hosts", random, material);
  const value = `{token ${stream}}`;
  const again = stream + MOST_STREAMS;
  const line: Lines[number] = policy.inHeader
    ? [policy.sessionName, value]
    : ["cookie", `${policy.sessionName}=${value}`];
  steps.push({ do: "open", stream: again, policy: material.index });
  steps.push({ do: "request", stream: again, headers: [line] });
  if (response !== null) steps.push({ do: "respond", stream: again, headers: response, properties });
}

function between(random: Random, policy: number): Step {
  switch (random.below(4)) {
    case 0:
      return { do: "update", policy };
    case 1:
      return { do: "tick", policy };
    default:
      return { do: "wait", seconds: random.pick(WAITS) };
  }
}

function changedText(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const part = text.slice(at, at + 1 + random.below(8));
  switch (random.below(4)) {
    case 0:
      return text.slice(0, at) + text.slice(at + part.length);
    case 1:
      return (
        text.slice(0, at) + part.repeat(1 + random.below(random.below(8) === 0 ? 400 : 3)) + text.slice(at)
      );
    case 2:
      return text.slice(0, at) + String.fromCharCode(0x20 + random.below(0xe0)) + text.slice(at + 1);
    default:
      return text.slice(0, at) + random.pick(["=", ";", "; ", '"', ",", "\t", "=="]) + text.slice(at);
  }
}
