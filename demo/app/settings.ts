/** What a pod is told by its environment. */
export interface PodSettings {
  /** The address to listen on; all of the machine's unless given. */
  host: string | undefined;
  port: number;
  /** Where and how the pod also serves with its sessions in Redis, if it does. */
  cache: { port: number; redisUrl: string; secret: string } | undefined;
}

/** @throws Error with one sentence about the first variable that is wrong */
export function podSettings(env: NodeJS.ProcessEnv): PodSettings {
  return {
    host: env["HOST"] || undefined,
    port: portOf(env, "PORT", 9080),
    cache: cacheOf(env),
  };
}

function cacheOf(env: NodeJS.ProcessEnv): PodSettings["cache"] {
  const redisUrl = env["REDIS_URL"];
  if (!redisUrl) return undefined;
  // Not shown: it may have a password in it.
  if (!URL.canParse(redisUrl) || !/^rediss?:$/.test(new URL(redisUrl).protocol))
    throw new Error("REDIS_URL: not a URL of Redis; it must be like redis://127.0.0.1:6379");
  const secret = env["SESSION_SECRET"];
  if (!secret)
    throw new Error(
      "SESSION_SECRET: missing; with REDIS_URL all pods must have the same one, to know each other's sessions",
    );
  return { port: portOf(env, "CACHE_PORT", 9081), redisUrl, secret };
}

function portOf(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const port = Number(env[name] || otherwise);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`${name}=${env[name]}: not a port; it must be a whole number from 0 to 65535`);
  return port;
}
