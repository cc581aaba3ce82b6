import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { shippedBinding, type ShippedBinding } from "./gateway.ts";
import type { Pod } from "./pods.ts";
import type { Settings } from "./settings.ts";
import { sealToken } from "./token.ts";

const DEADLINE_MS = 30_000;
const RETRY_MS = 50;
const STICKY = { host: "abc.sample.com" };
const PLAIN = { host: "plain.sample.com" };

/**
 * Waits until every pod has answered through the gateway, each asked for by a token that pins to it, and the
 * host without affinity has answered too. Where tokens pin to no pod, the host without affinity is asked for all.
 *
 * @throws Error with one sentence that names who did not answer in time; the signal's reason when it aborts
 */
export async function everyPodAnswers(
  pods: readonly Pod[],
  { port, key, policy }: Settings,
  signal: AbortSignal,
): Promise<void> {
  const binding = shippedBinding(policy);
  const names = new Set(pods.map((pod) => pod.name));
  const isPod = (answer: string): boolean => names.has(answer);
  const questions: Question[] = [{ what: PLAIN.host, headers: PLAIN, isRight: isPod }];
  if (binding.mode === "balanced") questions.push({ what: STICKY.host, headers: STICKY, isRight: isPod });
  for (const { name, address, port } of pods) {
    const headers = binding.mode === "balanced" ? PLAIN : pinnedTo(`${address}:${port}`, key, binding);
    questions.push({ what: name, headers, isRight: (answer) => answer === name });
  }
  await Promise.all(questions.map((question) => answered(port, question, signal)));
}

/** The headers of a request to the host with affinity whose token names this endpoint. */
function pinnedTo(endpoint: string, key: Buffer, binding: ShippedBinding): Record<string, string> {
  const seconds = Math.floor(Date.now() / 1000);
  const session = randomBytes(8).readBigUInt64BE();
  const fields = { issued: seconds, seen: seconds, session, endpoint };
  const token = sealToken(fields, { id: binding.keyId, bytes: key }, binding);
  const { sessionName } = binding;
  const carrier =
    binding.type === "Header" ? { [sessionName]: token } : { cookie: `${sessionName}=${token}` };
  return { ...STICKY, ...carrier };
}

interface Question {
  what: string;
  headers: Record<string, string>;
  isRight(podName: string): boolean;
}

async function answered(
  port: number,
  { what, headers, isRight }: Question,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask(port, headers, signal);
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

/** One request for /healthz. A connection that fails is status 0 and the reason. */
function ask(
  port: number,
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
      path: "/healthz",
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
