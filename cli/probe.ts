import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { shippedBinding } from "./gateway.ts";
import type { Pod } from "./pods.ts";
import type { Settings } from "./settings.ts";
import { sealToken } from "./token.ts";

const DEADLINE_MS = 30_000;
const RETRY_MS = 50;

/**
 * Waits until every pod has answered through the gateway, each asked for by a cookie that pins to it, and the
 * host without affinity has answered too.
 *
 * @throws Error with one sentence that names who did not answer in time; the signal's reason when it aborts
 */
export async function everyPodAnswers(
  pods: readonly Pod[],
  { port, key }: Settings,
  signal: AbortSignal,
): Promise<void> {
  const names = new Set(pods.map((pod) => pod.name));
  const seconds = Math.floor(Date.now() / 1000);
  const times = { issued: seconds, seen: seconds };
  const { keyId, ...binding } = shippedBinding();
  const asked = pods.map((pod) => {
    const session = randomBytes(8).readBigUInt64BE();
    const endpoint = `${pod.address}:${pod.port}`;
    const token = sealToken({ ...times, session, endpoint }, { id: keyId, bytes: key }, binding);
    const headers = { host: "abc.sample.com", cookie: `${binding.sessionName}=${token}` };
    return { what: pod.name, headers, isRight: (name: string) => name === pod.name };
  });
  const plain = {
    what: "plain.sample.com",
    headers: { host: "plain.sample.com" },
    isRight: (name: string) => names.has(name),
  };
  await Promise.all([...asked, plain].map((question) => answered(port, question, signal)));
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
