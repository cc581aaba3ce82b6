import { createHash } from "node:crypto";

/** The characters of Kubernetes' generated names: no vowels, nor what is easily misread (apimachinery, util/rand). */
export const SAFE_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789";

/** The tutorial's Deployment and the hash of its pod template. */
export const REPLICA_SET = "session-deployment-55b4fb777f";

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const SAFE = `[${SAFE_CHARACTERS}]`;
// A Deployment's pod: the Deployment's name, the hash of the pod template, five characters.
const DEPLOYMENT_POD = new RegExp(`^${LABEL}-${SAFE}{1,10}-${SAFE}{5}$`);

/** A name like those that Kubernetes gives the tutorial's pods, the same one for the same seed. */
export function nameFrom(seed: string): string {
  const digest = createHash("sha256").update(seed).digest().subarray(0, 5);
  const suffix = Array.from(digest, (byte) => SAFE_CHARACTERS[byte % SAFE_CHARACTERS.length]).join("");
  return `${REPLICA_SET}-${suffix}`;
}

/**
 * The name that this pod answers with.
 *
 * @param given the downward API's metadata.name, or whatever the operator says; it wins unless empty
 * @param hostname the machine's own name: in Kubernetes the pod's name, in Docker the container's id
 */
export function podName(given: string | undefined, hostname: string): string {
  if (given) return given;
  return DEPLOYMENT_POD.test(hostname) ? hostname : nameFrom(hostname);
}
