import type { Answer } from "./visit.ts";

/** What five answers say: who served, and which visit it was to that session. */
export interface Visit {
  pod: string;
  count: number;
}

/** What came of a step. `by chance`: what came can happen, rarely, to a demo that is as it should be. */
export type Verdict =
  { came: "true"; why: string } | { came: "false" | "by chance"; expected: string; received: string };

export interface Step {
  title: string;
  /** The virtual host of the gateway. */
  host: string;
  judge(visits: readonly Visit[]): Verdict;
}

export const REQUESTS = 5;

// The application's answer to the letter of the tutorial; the name as Kubernetes allows a pod to be called.
const ANSWER = /^Hostname: ([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)<br>\n([1-9][0-9]*)th time access\.\n$/;

/** The visit that an answer tells of; null when it is not the application's to the letter. */
export function visitOf({ status, text }: Answer): Visit | null {
  const match = status === 200 ? ANSWER.exec(text) : null;
  return match === null ? null : { pod: match[1]!, count: Number(match[2]) };
}

/** The tutorial's steps 6 and 7, and the answer that its step 3 mentions. */
export const steps: readonly Step[] = [
  {
    title: "Without affinity",
    host: "plain.sample.com",
    judge: (visits) => {
      const met = podsMet(visits);
      if (met === REQUESTS && counts(visits) === "1th 1th 1th 1th 1th")
        return {
          came: "true",
          why: `Five requests with one cookie file met ${REQUESTS} different pods, and to each it was the first. The session was made by
the first pod, in its own memory; no other knows it, and a login would be lost here. (Kubernetes picks at random: five of
ten pods all differ 30 times in 100 then, and all say 1th 66 times in 100. This gateway takes turns, so that they always do.)`,
        };
      return {
        // Turns that others took in between bring a pod back; it is right that the first one remembers then.
        came: remembersItsOwn(visits) && met > 1 ? "by chance" : "false",
        expected: `${REQUESTS} different pods, each 1th (the demo needs at least ${REQUESTS} pods that are ready, and no other visitors meanwhile)`,
        received: told(visits),
      };
    },
  },
  {
    title: "With affinity",
    host: "abc.sample.com",
    judge: (visits) =>
      podsMet(visits) === 1 && counts(visits) === "1th 2th 3th 4th 5th"
        ? {
            came: "true",
            why: `Five requests with one cookie file met one pod, which counted 1th to 5th. The gateway sealed the pod's address into the
cookie \`affinity\` of the first answer, opens it on each request, and sends the request to that pod: its session is there.`,
          }
        : { came: "false", expected: "one pod, 1th to 5th", received: told(visits) },
  },
  {
    title: "With an external cache",
    host: "cache.sample.com",
    judge: (visits) => {
      const met = podsMet(visits);
      const counted = counts(visits) === "1th 2th 3th 4th 5th";
      if (met > 1 && counted)
        return {
          came: "true",
          why: `Five requests with one cookie file met ${met} different pods at random, which counted 1th to 5th together: the session is in
Redis, outside of the pods, and each of them finds it there. (At random two of five meet the same of ten pods 70 times in 100.)`,
        };
      return {
        // Five times the same of ten pods: once in 10 000.
        came: counted ? "by chance" : "false",
        expected: "more than one pod, which count 1th to 5th together",
        received: told(visits),
      };
    },
  },
];

function podsMet(visits: readonly Visit[]): number {
  return new Set(visits.map(({ pod }) => pod)).size;
}

function counts(visits: readonly Visit[]): string {
  return visits.map(({ count }) => `${count}th`).join(" ");
}

/** The first pod counts its visits on, to all others each visit is the first: sessions in the pods' own memory. */
function remembersItsOwn(visits: readonly Visit[]): boolean {
  const [first] = visits;
  let own = 0;
  return visits.every(({ pod, count }) => count === (pod === first?.pod ? ++own : 1));
}

function told(visits: readonly Visit[]): string {
  return visits.map(({ pod, count }) => `${pod} ${count}th`).join(", ");
}
