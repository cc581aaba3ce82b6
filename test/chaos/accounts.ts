import { until } from "../support/check.ts";
import { binding } from "../support/gateway.ts";
import { PATIENCE_MS, type Gateway, type Gateways } from "./gateways.ts";
import type { Ledger } from "./ledger.ts";
import { sum, total, type Tally } from "./tally.ts";
import type { Traffic } from "./traffic.ts";

/** Two numbers from two sources that must be equal. */
export interface Identity {
  what: string;
  is: number;
  must: number;
}

const COUNTER = `wasmcustom.affinity.${binding.scope.replace(/[^A-Za-z0-9_-]/g, "_")}.`;

/** What clients sent and saw, by itself. */
export function ownIdentities(ledger: Ledger, traffic: Traffic, all: Tally): Identity[] {
  return [
    {
      what: "requests: answered and failed, of those sent",
      is: all.answered + sum(all.failed),
      must: all.sent,
    },
    { what: "cookies: by cause, of those set", is: sum(all.cookies), must: traffic.setCookies },
    {
      what: "cookies: for another pod, and sessions that moved",
      is: all.cookies.repinned,
      must: ledger.moved,
    },
    {
      what: "sessions whose pod ended: moved once or begun anew in its place, of all of them",
      is: ledger.moved - ledger.movedThoughAlive + ledger.stayed,
      must: ledger.displaced,
    },
    {
      what: "sessions: first cookies, of all sessions",
      is: all.cookies.created,
      must: traffic.sessions.length,
    },
    { what: "answers that count otherwise than the client", is: ledger.miscounted, must: 0 },
  ];
}

/**
 * What the gateways' own counters say beside what their clients saw. Of a gateway that was killed under traffic nothing can be
 * read any more; the counters of the one that was started in its place begin at 0.
 */
export async function gatewayIdentities(gateways: Gateways, traffic: Traffic): Promise<Identity[]> {
  const identities: Identity[] = [];
  for (const gateway of gateways.all) {
    // Counters are handed over together: when this request is counted, all before it are.
    await traffic.mark(gateway);
    identities.push(...(await identitiesOf(gateway)));
  }
  return identities;
}

async function identitiesOf({ name, envoy, life, trapped }: Gateway): Promise<Identity[]> {
  const { tally } = life;
  const counters = ["created", "repinned", "renewed", "resumed", "rejected", "expired", "accepted"] as const;
  const read = async (): Promise<Record<(typeof counters)[number], number>> => {
    const stats = await envoy.stats(`^${COUNTER}`.replaceAll(".", "\\."));
    const of = (event: string): number => stats[COUNTER + event] ?? 0;
    const [created, repinned, renewed, resumed, rejected, expired, accepted] = counters.map(of) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      created,
      repinned,
      renewed,
      resumed,
      rejected,
      expired,
      accepted,
    };
  };
  // What the VM had counted and not handed over went with it: up to a second's worth of these.
  const hasTrapped = trapped.length > 0;
  const { created, repinned, renewed } = tally.cookies;
  const settled = await until(
    `${name} has handed over its counters`,
    async () => {
      const now = await read();
      return (hasTrapped || now.resumed >= tally.resumed) && now;
    },
    PATIENCE_MS,
  );
  const lines: [what: string, is: number, must: number][] = [
    ["created", settled.created, created + tally.cookies.lost],
    ["repinned", settled.repinned, repinned],
    ["renewed", settled.renewed, renewed],
    ["expired", settled.expired, 0],
    ["accepted", settled.accepted, 0],
    ["rejected", settled.rejected, 0],
  ];
  if (!hasTrapped) lines.push(["resumed", settled.resumed, tally.resumed]);
  return lines.map(([what, is, must]) => ({
    what: `${name}: ${what}, by its counter and by its clients`,
    is,
    must,
  }));
}

/** Of all gateways, in all their lives. */
export function tallyOf(gateways: Gateways): Tally {
  return total(gateways.all.flatMap(({ lives }) => lives.map(({ tally }) => tally)));
}
