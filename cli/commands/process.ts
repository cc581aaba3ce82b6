import { commands } from "./table.ts";
import type { ExitCode } from "./types.ts";
import { runCommand } from "../command.ts";

/**
 * The program: the arguments, environment and streams of this process.
 * @param home the folder of the package
 */
export async function runProcess(home: string): Promise<void> {
  // Who reads our output may stop reading (`| head -1`): not an error, and the answer stays what it is.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write(`envoy-cookie-affinity: standard output cannot be written (${error.code})\n`);
    process.exitCode = 2 satisfies ExitCode;
  });
  process.stderr.on("error", () => {});
  const { stdout, stderr, code } = await runCommand(commands, process.argv.slice(2), {
    env: process.env,
    stdin: standardInput(),
    now: Date.now(),
    home,
  });
  process.exitCode = code;
  process.stderr.write(stderr);
  process.stdout.write(stdout);
}

/** Opened by those only who read it: a pipe that is open would keep the process from ending. */
async function* standardInput(): AsyncGenerator<Uint8Array> {
  if (process.stdin.isTTY) {
    process.stderr.write("envoy-cookie-affinity: reading standard input; Ctrl-D ends it\n");
  }
  yield* process.stdin;
}
