// Runs the program in its arguments and sees to it that it does not outlive who asked for it: a forked process
// loses its channel when its parent ends, even by SIGKILL, and ends the program then. Envoy itself does not watch
// its parent. Sends `{ pid }` once the program runs; ends with its exit code.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const GRACE_MS = 2000;

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error("watchdog: no program to run; it must be the first argument");
// False when the parent went before this line.
if (process.connected === false) process.exit(1);

const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
child.once("error", (error) => {
  console.error(`${command}: cannot be run: ${error.message}`);
  process.exit(127);
});
child.once("spawn", () => process.send?.({ pid: child.pid }, undefined, undefined, () => {}));
child.once("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal!]));

let ending = false;

function end(): void {
  if (ending) return;
  ending = true;
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
}

// Not `once`: a second signal would end the watchdog by its default action and leave the program.
process.on("disconnect", end);
process.on("SIGTERM", end);
process.on("SIGINT", end);
