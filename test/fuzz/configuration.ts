/** Fuzzes how the filter reads its configuration: it serves, or it is refused with a reason; never a trap. */
import assert from "node:assert/strict";
import { configurations } from "../wasm/fuzz-policies.ts";
import { readPolicy } from "../wasm/fuzz-policy.ts";
import { Vm } from "../wasm/host.ts";
import type { Random } from "../wasm/random.ts";
import { POD, sampleConfiguration } from "../wasm/sample.ts";
import { visit } from "../wasm/visit.ts";
import type { Coverage, Target } from "./engine.ts";
import { withoutParts } from "./scenario.ts";

const PLUGIN_NAME = "affinity";
const PIECES = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|./gs;
const WORDS = [
  "null",
  "-1",
  "1e400",
  "4294967296",
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\"',
  "{}",
  "[]",
  "\xff",
];
// What a VM keeps for each scope that it ever had is the operator's to choose: a new VM before it counts.
const RUNS_PER_VM = 1000;
const MOST_MEMORY = 16 * 1024 * 1024;

/** Configurations with all fields that those of requests do not have. */
const MORE = [
  sampleConfiguration({
    accept: {
      until: "2027-01-31T00:00:00Z",
      expireOld: true,
      formats: [
        {
          type: "ingress-nginx",
          backend: "a-b-80",
          mode: "persistent",
          endpoints: [POD],
          paths: ["/", "/a"],
        },
        {
          type: "ingress-nginx",
          backend: "c",
          endpoints: [{ address: POD, weight: 2 }],
          domain: "a.example",
        },
        { type: "envoy", sessionName: "old", endpoints: ["[fd00::1]:80"] },
      ],
    },
  }),
  {
    services: [
      { clusters: ["a", "b"], ...sampleConfiguration() },
      { clusters: ["c"], ...sampleConfiguration({ sessionName: "c" }) },
    ],
  },
  sampleConfiguration({ keys: [{ id: 7, env: "AFFINITY_KEY" }] }),
];

export class ConfigurationTarget implements Target<string> {
  readonly name = "configuration";
  readonly #module: WebAssembly.Module;
  readonly #coverage: Coverage;
  readonly #texts = [...configurations, ...MORE].map((configuration) => JSON.stringify(configuration));
  #vm: Vm;
  #runs = 0;

  constructor(module: WebAssembly.Module, coverage: Coverage) {
    this.#module = module;
    this.#coverage = coverage;
    this.#vm = this.#start();
  }

  generate(random: Random): string {
    return random.pick(this.#texts);
  }

  mutate(random: Random, text: string, other: string): string {
    const pieces: string[] = text.match(PIECES) ?? [];
    const others: string[] = other.match(PIECES) ?? [];
    for (let left = 1 + random.below(4); left > 0; left--) {
      const at = random.below(pieces.length + 1);
      const from = random.below(others.length + 1);
      switch (random.below(6)) {
        case 0:
          pieces.splice(at, 1 + random.below(4));
          break;
        case 1:
          pieces.splice(at, 0, ...others.slice(from, from + 1 + random.below(8)));
          break;
        case 2:
          pieces.splice(at, 1, ...others.slice(from, from + 1));
          break;
        case 3:
          pieces.splice(at, 1, random.pick(WORDS));
          break;
        default: {
          const piece = pieces[at] ?? "";
          const within = random.below(piece.length + 1);
          pieces[at] =
            piece.slice(0, within) +
            String.fromCharCode(random.below(256)) +
            piece.slice(within + random.below(2));
        }
      }
    }
    return pieces.join("").slice(0, 8192);
  }

  *smaller(text: string): Iterable<string> {
    for (const pieces of withoutParts(text.match(PIECES) ?? [])) yield pieces.join("");
    for (const characters of withoutParts([...text])) yield characters.join("");
  }

  reset(): void {
    this.#vm = this.#start();
  }

  run(text: string): void {
    if (this.#runs++ % RUNS_PER_VM === 0) this.reset();
    const root = this.#vm.root({ configuration: Buffer.from(text, "latin1"), name: PLUGIN_NAME });
    if (root.accepted) this.#expectSound(text);
    else expectReason(root.logs.map((line) => line.text));
    // Whatever it is like, requests are answered under it.
    if (root.accepted) visit(root, { host: POD, cookie: "affinity=x; b=c", cluster: "a" });
    root.close();
    const { byteLength } = this.#vm.memory;
    assert.ok(byteLength <= MOST_MEMORY, `the VM has ${byteLength} bytes`);
    this.#vm.logs.length = 0;
  }

  #start(): Vm {
    const env = { AFFINITY_KEY: Buffer.alloc(32, 7).toString("base64") };
    return new Vm({ module: this.#module, imports: this.#coverage.imports, env });
  }

  /** What was accepted is in order as the README has it. */
  #expectSound(text: string): void {
    const configuration: unknown = JSON.parse(Buffer.from(text, "latin1").toString("utf8"));
    if (typeof configuration !== "object" || configuration === null) assert.fail("no object was accepted");
    // The other reading knows one policy, without the cookies of other systems.
    if ("services" in configuration || "accept" in configuration) return;
    readPolicy(configuration, PLUGIN_NAME, this.#vm.env);
  }
}

function expectReason(lines: readonly string[]): void {
  assert.ok(lines.length > 0, "refused without a word");
  for (const line of lines) assert.match(line, /^affinity: configuration refused: /);
}
