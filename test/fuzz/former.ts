/** Policies that honour the cookies of other systems for a while, and such cookies. */
import { balancedCookie, persistentCookie } from "../support/nginx.ts";
import { HEADER_BYTES } from "../wasm/fuzz-random.ts";
import type { Random } from "../wasm/random.ts";
import { NOW, sampleConfiguration } from "../wasm/sample.ts";

const BACKEND = "default-session-svc-9080";
/** All pods that an old cookie may lead to. */
export const FORMER_PODS = ["10.244.1.7:9080", "10.244.2.9:9080", "[fd00::1]:9080"];

// Mode persistent: the ring of the other one costs too much for each update.
const nginx = { type: "ingress-nginx", mode: "persistent", backend: BACKEND, endpoints: FORMER_PODS };
const envoy = { type: "envoy", sessionName: "old", endpoints: FORMER_PODS };
const until = new Date((NOW + 600) * 1000).toISOString();

export const formerConfigurations: readonly Readonly<Record<string, unknown>>[] = [
  sampleConfiguration({ accept: { until, expireOld: true, formats: [nginx, envoy] } }),
  sampleConfiguration({
    onHostChange: "keep",
    stripFromRequest: true,
    accept: { until, formats: [nginx, envoy] },
  }),
  sampleConfiguration({
    cluster: { names: ["session-svc", "session-svc-canary"] },
    accept: { until, expireOld: true, formats: [{ ...nginx, cluster: "session-svc-canary" }] },
  }),
];

/** A Cookie line as browsers have it of the system before, or nearly so. */
export function formerCookie(random: Random): string {
  const pod = random.pick([...FORMER_PODS, "10.9.9.9:80"]);
  const backend = random.pick([BACKEND, BACKEND, "default-other-80"]);
  const message = Buffer.concat([Buffer.from([0x0a, pod.length]), Buffer.from(pod)]);
  const line = random.pick([
    `INGRESSCOOKIE=${balancedCookie(backend, random.below(1000))}`,
    `INGRESSCOOKIE=${persistentCookie(backend, pod)}`,
    `old=${message.toString("base64")}`,
    `old="${Buffer.from(pod).toString("base64")}"`,
  ]);
  if (random.below(3) > 0) return line;
  const at = random.below(line.length);
  return line.slice(0, at) + random.pick([...HEADER_BYTES]) + line.slice(at + random.below(2));
}
