/**
 * `npm run soak`: 20 million requests of all kinds through the built module, whose memory has to stay flat to the byte;
 * `-- --requests N` for another number. `-- --envoy [--minutes 60]`: steady traffic through real Envoys instead. The
 * exit code is 1 if an answer was wrong or the memory grew.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../cli/root.ts";
import { soakModule } from "./module.ts";

const REQUESTS = 20_000_000;
const OPEN = 4000;
const MINUTES = 60;

const { values } = parseArgs({
  options: {
    envoy: { type: "boolean", default: false },
    minutes: { type: "string", default: String(MINUTES) },
    requests: { type: "string", default: String(REQUESTS) },
    seed: { type: "string" },
  },
});

function positive(name: "minutes" | "requests"): number {
  const number = Number(values[name]);
  if (!(number > 0)) throw new Error(`--${name}: ${values[name]} is no number above 0`);
  return number;
}

function soakTheModule(): boolean {
  const file = process.env.AFFINITY_WASM ?? join(root, "build/affinity.wasm");
  const requests = Math.ceil(positive("requests"));
  const started = process.hrtime.bigint();
  const report = soakModule(new WebAssembly.Module(readFileSync(file)), {
    requests,
    open: OPEN,
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
    progress: (served, bytes) => {
      if (served % 1_000_000 === 0)
        process.stderr.write(`${served / 1_000_000} million requests, ${bytes} bytes\n`);
    },
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  for (const [kind, count] of Object.entries(report.byKind))
    console.log(`${String(count).padStart(10)}  ${kind}`);
  console.log(
    `${report.requests} requests in ${seconds.toFixed(0)} s (seed ${report.seed}), ${OPEN} streams open, ` +
      `${report.updates} configurations; ${report.tokensSet} tokens were set, of which ${report.tokensOpened} were opened`,
  );
  console.log(`memory: ${report.warmBytes} bytes after the warm-up, ${report.endBytes} at the end`);
  if (report.grownAfter !== null) console.log(`grown after ${report.grownAfter} requests`);
  return report.grownAfter === null;
}

/** The test of the same name, for longer: it starts the Envoys and the pods, and says what grew. */
async function soakEnvoys(): Promise<boolean> {
  const test = join(root, "build/ts/test/envoy/soak.test.js");
  const env = { ...process.env, SOAK_MINUTES: String(positive("minutes")) };
  const child = spawn(process.execPath, ["--enable-source-maps", test], { env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}

try {
  const passed = values.envoy ? await soakEnvoys() : soakTheModule();
  console.log(passed ? "passed" : "failed");
  process.exitCode = passed ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
