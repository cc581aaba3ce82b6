/**
 * `npm run bench`: what a request costs in Envoy, beside other ways to do the same job (./envoy), and inside the VM alone
 * (./request.ts). The figures go to standard output as one report and to build/bench.json.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findEnvoy } from "../../cli/envoy.ts";
import { root } from "../../cli/root.ts";
import { run } from "../../cli/run.ts";
import { readOptions, USAGE, wants, wantsEnvoy, type Options } from "./envoy/options.ts";
import { cpuText, latencyText, machineText, startsText } from "./envoy/report.ts";
import { measureEnvoys, type EnvoyReport } from "./envoy/run.ts";

const MODULE = join(root, "build/ts/test/bench/request.js");

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") {
    console.log(USAGE);
    return;
  }
  const envoy = wantsEnvoy(options) ? await measureEnvoys(options, await findEnvoy(say), say) : undefined;
  if (envoy !== undefined) console.log(`${envoyText(envoy, options)}\n`);
  const module = wants(options, "module") ? await measureModule(options.modules) : undefined;
  if (module !== undefined) console.log(`The module alone, under Node\n\n${module.join("\n")}\n`);
  const file = resolve(root, options.json);
  writeFileSync(file, `${JSON.stringify({ options, ...envoy, module }, null, 2)}\n`);
  say(`all figures: ${file}`);
}

function envoyText({ machine, cpu, latency, starts }: EnvoyReport, { rate }: Options): string {
  const parts = [machineText(machine)];
  if (cpu.rows.length > 0) parts.push(cpuText(cpu));
  if (latency.length > 0) parts.push(latencyText(latency, rate));
  if (starts.length > 0) parts.push(startsText(starts));
  return parts.join("\n\n");
}

/** The lines that the bench of the module prints. */
async function measureModule(others: readonly string[]): Promise<string[]> {
  say("the module alone");
  const { code, output } = await run(process.execPath, [MODULE, ...others]);
  if (code !== 0) throw new Error(`${MODULE}: ended with ${code}\n${output}`);
  return output.trimEnd().split("\n");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
