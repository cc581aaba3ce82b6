#!/usr/bin/env node
// The program `envoy-cookie-affinity`. Plain JavaScript, as in a fresh checkout the rest is not compiled yet.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const compiled = new URL("../build/ts/cli/commands/process.js", import.meta.url);

if (existsSync(compiled)) {
  const { runProcess } = await import(compiled.href);
  await runProcess(fileURLToPath(new URL("..", import.meta.url)));
} else {
  process.stderr.write(
    "envoy-cookie-affinity: not built yet; in its folder run: npm install && npm run build\n",
  );
  process.exitCode = 2;
}
