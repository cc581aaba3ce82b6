/** The command line of `npm run bench`. */
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Compared } from "./chains.ts";
import { allRows, type Row } from "./rows.ts";

/** Parts of a run beside the rows of the table, each of which may be left out. */
export const PARTS = ["idle", "latency", "starts", "module"] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  /** How long the comparison by CPU takes. */
  seconds: number;
  /** How long the comparison before streams are open takes, and how long that while they are. */
  idleSeconds: number;
  /** How many streams that is. */
  idleStreams: number;
  /** How long each variant of the latency part is measured. */
  latencySeconds: number;
  /** Requests a second there. */
  rate: number;
  /** How often each kind of Envoy is started in the starts part. */
  starts: number;
  /** Envoys of each chain. */
  replicas: number;
  quick: boolean;
  /** Names of rows and parts; all when undefined. */
  only: readonly string[] | undefined;
  compared: Compared[];
  json: string;
  /** Other builds for the module part. */
  modules: string[];
}

export const USAGE = `npm run bench -- [options] [OTHER.wasm ...]
  --quick                a run of about a minute: wider intervals, and no module part unless --only names it
  --seconds N            how long the comparison by CPU takes (150)
  --only NAMES           rows and parts (${PARTS.join(", ")}) to measure, with commas between them
  --compare NAME=FILE.wasm[@CONFIG]
                         another filter in front of stateful_session; it finds its token in the cookie "affinity"
  --rate N               requests a second in the latency part (2000)
  --replicas N           Envoys of each chain (3)
  --streams N            open streams in the idle part (10000)
  --json FILE            where the figures go (build/bench.json)
OTHER.wasm: another build of the filter, beside ours in the module part`;

/** @throws Error with one sentence about what is wrong */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      seconds: { type: "string" },
      only: { type: "string" },
      compare: { type: "string", multiple: true, default: [] },
      rate: { type: "string", default: "2000" },
      replicas: { type: "string" },
      streams: { type: "string", default: "10000" },
      json: { type: "string", default: "build/bench.json" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const compared = values.compare.map(comparedOf);
  const names: string[] = [...allRows(compared).map(({ name }) => name), ...PARTS];
  const only = values.only?.split(",");
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`--only ${unknown}: no row or part; these are: ${names.join(", ")}`);
  const seconds = number("seconds", values.seconds ?? (values.quick ? "20" : "150"));
  // A run of a few seconds shows that the bench works, and no more.
  const tenth = seconds < 10 ? seconds / 10 : Math.round(seconds / 10);
  return {
    seconds,
    idleSeconds: seconds / 5,
    idleStreams: number("streams", values.streams),
    latencySeconds: Math.min(10, tenth),
    rate: number("rate", values.rate),
    starts: Math.min(5, Math.ceil(tenth / 3)),
    replicas: number("replicas", values.replicas ?? (values.quick ? "2" : "3")),
    quick: values.quick,
    only,
    compared,
    json: values.json,
    modules: positionals.map((file) => resolve(file)),
  };
}

/** The rows of the table, but for those of parts. */
export function rowsOf({ only, compared }: Options): Row[] {
  return allRows(compared).filter(({ name }) => only === undefined || only.includes(name));
}

export function wants({ only, quick }: Options, part: Part): boolean {
  // The module's own bench has no short form.
  return only === undefined ? !(quick && part === "module") : only.includes(part);
}

/** Whether anything is to be measured that takes an Envoy. */
export function wantsEnvoy(options: Options): boolean {
  return rowsOf(options).length > 0 || PARTS.some((part) => part !== "module" && wants(options, part));
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text}: not a number above 0`);
  return value;
}

function comparedOf(text: string): Compared {
  const match = /^([\w-]+)=([^@]+)(?:@(.+))?$/.exec(text);
  if (match === null) throw new Error(`--compare ${text}: not NAME=FILE.wasm or NAME=FILE.wasm@CONFIG`);
  const [, name = "", file = "", configuration] = match;
  if (!file.endsWith(".wasm")) throw new Error(`--compare ${text}: ${basename(file)} is no .wasm`);
  return {
    name,
    file: resolve(file),
    configuration: configuration === undefined ? "" : readFileSync(configuration, "utf8"),
  };
}
