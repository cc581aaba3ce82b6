// Is told the pids of the bench's Envoys when they start (and, negative, when they end), and ends them when the bench is
// gone, even by SIGKILL: one that is stopped could not notice that by itself. The folder of their files goes with them.
import { rmSync } from "node:fs";
import { killLeftBehind } from "../../../cli/processes.ts";

const [folder] = process.argv.slice(2);
const pids = new Set<number>();
process.on("message", (pid: number) => {
  if (pid > 0) pids.add(pid);
  else pids.delete(-pid);
});
process.on("disconnect", () => {
  pids.forEach(killLeftBehind);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
