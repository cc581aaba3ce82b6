import { parseArgs } from "node:util";

/** Where the demo's gateway listens. */
export interface Where {
  /** A name or an IP address. */
  host: string;
  port: number;
}

const USAGE = "use --port NUMBER (or PORT in the environment) and --host NAME, or none";

/**
 * Where the demo is: --host (127.0.0.1) and --port of the command line, else PORT of the environment (32209).
 *
 * @throws Error with one sentence that names the option or variable, its value and what would be right
 */
export function readWhere(env: NodeJS.ProcessEnv, args: string[]): Where {
  const options = { port: { type: "string" }, host: { type: "string" } } as const;
  let values: { port?: string | undefined; host?: string | undefined };
  try {
    ({ values } = parseArgs({ args, options }));
  } catch {
    throw new Error(`${args.join(" ")}: not options of the tutorial; ${USAGE}`);
  }
  const { host = "127.0.0.1" } = values;
  // Into a URL it goes; a port, a path or a user has no place in it.
  if (!/^[A-Za-z0-9._-]+$|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(host))
    throw new Error(`--host ${host}: not a host's name or IP address, such as 127.0.0.1 or ::1`);
  const port =
    values.port === undefined ? portOf("PORT=", env["PORT"] || "32209") : portOf("--port ", values.port);
  return { host, port };
}

function portOf(what: string, text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (port >= 1 && port <= 65535) return port;
  throw new Error(`${what}${text}: not a whole number from 1 to 65535`);
}

/** The address as a person types it. */
export function urlOf({ host, port }: Where): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
}
