/** Why a request failed. Only the last of these is a fault of the gateway or its filter. */
export const failures = [
  /** No answer, and its gateway was being killed, was down, or was starting. The client goes to another. */
  "gateway",
  /** No answer on a kept connection that Envoy closed as it was used, while it reloaded. The client sends it again. */
  "closed",
  /** 503 to a POST or PATCH while a pod was ending or held, which may have seen it: it must not be sent twice. */
  "once",
  /** 503 while the filter's VM, which had trapped, was being started again. */
  "trap",
  /** Anything else: a retry was allowed, by the gateway or by the client at another gateway, and did not help. */
  "retryable",
] as const;

export type Failure = (typeof failures)[number];

/** Why a response set the affinity cookie, as the client can tell that knows the keys. */
export const causes = [
  /** The client had none. */
  "created",
  /** The same session at another pod. */
  "repinned",
  /** The same session at the same pod. */
  "renewed",
  /** Another session than the client had: the gateway took it for a new client. */
  "lost",
] as const;

export type Cause = (typeof causes)[number];

/** What clients saw of one gateway, or of all of them. */
export interface Tally {
  /** Requests sent, and of these answered by a pod. */
  sent: number;
  answered: number;
  failed: Record<Failure, number>;
  /** Of the answered or refused with 503, those that carried an affinity cookie that opens. */
  resumed: number;
  cookies: Record<Cause, number>;
}

export function newTally(): Tally {
  return {
    sent: 0,
    answered: 0,
    failed: { gateway: 0, closed: 0, once: 0, trap: 0, retryable: 0 },
    resumed: 0,
    cookies: { created: 0, repinned: 0, renewed: 0, lost: 0 },
  };
}

export function total(tallies: readonly Tally[]): Tally {
  const all = newTally();
  for (const tally of tallies) {
    all.sent += tally.sent;
    all.answered += tally.answered;
    all.resumed += tally.resumed;
    for (const failure of failures) all.failed[failure] += tally.failed[failure];
    for (const cause of causes) all.cookies[cause] += tally.cookies[cause];
  }
  return all;
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((one, other) => one + other, 0);
}
