// The page without its controls, for gateways whose pods this machine did not start (docker-compose). PORT (8080) and
// HOST (all addresses) in the environment move it; the folder of the page may be given as argument.
import { join } from "node:path";
import { createPageServer } from "./server.ts";

const port = Number(process.env["PORT"] || 8080);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`PORT=${process.env["PORT"]}: not a port; it must be a whole number from 0 to 65535`);
  process.exit(1);
}

const folder = process.argv[2] ?? join(import.meta.dirname, "../../../../demo/page");
const server = createPageServer({ folder });
server.on("error", (error) => {
  console.error(`the page: cannot listen: ${error.message}`);
  process.exit(1);
});
server.listen(port, process.env["HOST"] || undefined, () => {
  const address = server.address();
  console.log(`the page listens on port ${typeof address === "object" ? address?.port : port}`);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
