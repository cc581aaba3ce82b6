import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "./commands/crc32.ts";
import { shippedBinding } from "./gateway.ts";
import type { Pod } from "./pods.ts";
import { policies } from "./policies.ts";
import { sealToken, type TokenKey } from "./token.ts";

const DEADLINE_MS = 30_000;
const RETRY_MS = 50;
const STICKY = { host: "abc.sample.com" };
const PLAIN = { host: "plain.sample.com" };
const CACHE = { host: "cache.sample.com" };
const PAGE = { host: "localhost" };

/** Who has to answer. */
export interface Asked {
  pods: readonly Pod[];
  /** The pods of the second version. */
  canaryPods: readonly Pod[];
  /** Whether sessions live in Redis too. */
  cache: boolean;
}

export interface ProbedGateway {
  /** Where it listens on 127.0.0.1. */
  port: number;
  /** The key that its filter seals with. */
  key: TokenKey;
  /** Which of cli/policies.ts; undefined for the shipped gateway. */
  policy: string | undefined;
}

/**
 * Waits until every pod has answered through the gateway, each asked for by a token that pins to it, and the
 * page, the host without affinity and the one with sessions in Redis have answered too. Where tokens pin to no
 * pod, the host without affinity is asked for all.
 *
 * @throws Error with one sentence that names who did not answer in time; the signal's reason when it aborts
 */
export async function everyPodAnswers(
  asked: Asked,
  gateway: ProbedGateway,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(questions(asked, gateway).map((question) => answered(gateway.port, question, signal)));
}

function questions({ pods, canaryPods, cache }: Asked, gateway: ProbedGateway): Question[] {
  const page = { what: "the page", headers: PAGE, path: "/api/state", isRight: () => true };
  if (pods.length === 0) return [page];
  const isBalanced = shippedBinding(gateway.policy).mode === "balanced";
  const names = new Set(pods.map((pod) => pod.name));
  const isPod = (answer: string): boolean => names.has(answer);
  const list: Question[] = [page, { what: PLAIN.host, headers: PLAIN, isRight: isPod }];
  if (isBalanced) list.push({ what: STICKY.host, headers: STICKY, isRight: isPod });
  const isVisit = (answer: string): boolean => isPod(/^Hostname: (.*)<br>\n1th /.exec(answer)?.[1] ?? "");
  // Any pod answers there: so many visits, so that it is likely that each has reached Redis.
  if (cache)
    for (const _ of pods) list.push({ what: CACHE.host, headers: CACHE, path: "/", isRight: isVisit });
  const [cluster, canaryCluster] = clusters(gateway.policy);
  for (const [pod, version] of [
    ...pods.map((pod) => [pod, cluster] as const),
    ...canaryPods.map((pod) => [pod, canaryCluster] as const),
  ]) {
    const headers = isBalanced ? PLAIN : pinnedTo(pod, version, gateway);
    list.push({ what: pod.name, headers, isRight: (answer) => answer === pod.name });
  }
  return list;
}

/** The clusters that the policy's tokens tell apart: the one of the pods, then that of the second version. */
function clusters(policy: string | undefined): readonly string[] {
  const { cluster } = (policy === undefined ? {} : (policies[policy]?.filter ?? {})) as {
    cluster?: { names: string[] };
  };
  return cluster?.names ?? [];
}

/** The headers of a request to the host with affinity whose token names this pod. */
function pinnedTo(
  { address, port }: Pod,
  cluster: string | undefined,
  { key, policy }: ProbedGateway,
): Record<string, string> {
  const binding = shippedBinding(policy);
  const seconds = Math.floor(Date.now() / 1000);
  const fields = {
    issued: seconds,
    seen: seconds,
    session: randomBytes(8).readBigUInt64BE(),
    endpoint: `${address}:${port}`,
    ...(cluster === undefined ? {} : { cluster: crc32(Buffer.from(cluster)) }),
  };
  const token = sealToken(fields, key, binding);
  const { sessionName } = binding;
  const carrier =
    binding.type === "Header" ? { [sessionName]: token } : { cookie: `${sessionName}=${token}` };
  return { ...STICKY, ...carrier };
}

interface Question {
  what: string;
  headers: Record<string, string>;
  /** /healthz, which answers with the pod's name and touches no session, unless given. */
  path?: string;
  isRight(answer: string): boolean;
}

async function answered(
  port: number,
  { what, headers, path = "/healthz", isRight }: Question,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask(port, path, headers, signal);
    if (answer.status === 200 && isRight(answer.text.trimEnd())) return;
    if (Date.now() > deadline) {
      const last = answer.status ? `${answer.status} ${answer.text.trimEnd()}` : answer.text;
      throw new Error(
        `${what}: no answer through the gateway within ${DEADLINE_MS / 1000} s (last: ${last})`,
      );
    }
    await delay(RETRY_MS, undefined, { signal });
  }
}

/** One GET. A connection that fails is status 0 and the reason. */
function ask(
  port: number,
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      if (signal.aborted) reject(signal.reason);
      else resolve({ status: 0, text: error.message });
    };
    const options = {
      host: "127.0.0.1",
      port,
      path,
      headers,
      agent: false,
      timeout: 2000,
      signal,
    };
    const sent = request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on("error", failed);
    });
    sent.on("timeout", () => sent.destroy(new Error("timed out")));
    sent.on("error", failed);
    sent.end();
  });
}
