import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { closeLater } from "../support/check.ts";
import { key } from "../support/gateway.ts";
import type { TokenKey } from "../../cli/token.ts";
import { gatewayIdentities, ownIdentities, tallyOf } from "./accounts.ts";
import type { Fleet } from "./fleet.ts";
import { Gateways, type GatewaysOptions } from "./gateways.ts";
import { Ledger } from "./ledger.ts";
import { ROWS_FILE, type Row } from "./row.ts";
import { Traffic } from "./traffic.ts";

/** How large a run is. */
export interface Size {
  /** Sessions that are there from the beginning. */
  sessions: number;
  /** Requests under way at a time. */
  lanes: number;
  /** Milliseconds between an answer and the next request in its place: the load that a run puts on its machine. */
  pause: number;
  /** Seconds that a gateway gives the connections of a former configuration: enough for a client to use most of them again. */
  drain: number;
}

/** A scenario while it runs. */
export interface Run {
  fleet: Fleet;
  gateways: Gateways;
  traffic: Traffic;
  ledger: Ledger;
  /** A part of the sessions: so many requests, or newcomers. */
  some: number;
}

export interface Scenario {
  name: string;
  /** How many gateways share the clients. Default 1. */
  gateways?: number;
  options?: Partial<GatewaysOptions>;
  /** Keys that gateways seal under. Default the shipped configuration's one. */
  keys?: readonly TokenKey[];
  /** Asked of the host without affinity, which cannot meet the bounds: it shows that the ledger sees what it is to see. */
  host?: string;
  /** What goes wrong, under traffic. */
  body(run: Run): Promise<void>;
}

export const PODS = 10;

/** Runs a scenario, writes its row, and gives what it came to. */
export async function play(fleet: Fleet, scenario: Scenario, size: Size): Promise<Row> {
  await fleet.mend(PODS);
  // As many again for a scenario that doubles its lanes.
  const connections = { connections: 2 * size.lanes };
  const gateways = await Gateways.start(fleet, {
    count: scenario.gateways ?? 1,
    ...connections,
    drain: size.drain,
    ...scenario.options,
  });
  const ledger = new Ledger(fleet, scenario.keys ?? [key]);
  const { host } = scenario;
  const traffic = closeLater(
    new Traffic({ ...size, gateways, ledger, ...(host === undefined ? {} : { host }) }),
  );
  closeLater({ close: () => {}, evidence: () => `\n--- chaos:\n${ledger.complaints.join("\n")}\n` });
  // Or requests that wait at a pod that a failed test holds would hold its end.
  closeLater({ close: () => fleet.thawAll() });
  fleet.onEnd = (life) => ledger.ended(life, traffic.sessions);

  traffic.start();
  await traffic.round();
  await scenario.body({ fleet, gateways, traffic, ledger, some: Math.ceil(size.sessions / 4) });
  await traffic.round();
  await traffic.end();

  const identities = host === undefined ? await gatewayIdentities(gateways, traffic) : [];
  const all = tallyOf(gateways);
  identities.push(...ownIdentities(ledger, traffic, all));
  const row = {
    name: scenario.name,
    sessions: traffic.sessions.length,
    tally: all,
    moved: ledger.moved,
    movedThoughAlive: ledger.movedThoughAlive,
    stayed: ledger.stayed,
    lost: ledger.lost,
    unserved: ledger.unservedRequests,
    identities: identities.length,
    unbalanced: identities.filter(({ is, must }) => is !== must),
    complaints: ledger.complaints,
  };
  const file = process.env[ROWS_FILE];
  if (file !== undefined) appendFileSync(file, JSON.stringify(row) + "\n");
  return row;
}

/** What must hold whatever goes wrong. */
export function assertBounds({ tally, movedThoughAlive, lost, unserved, unbalanced, complaints }: Row): void {
  const { retryable } = tally.failed;
  assert.deepEqual(
    { movedThoughAlive, lost, retryable, unserved, unbalanced, complaints },
    { movedThoughAlive: 0, lost: 0, retryable: 0, unserved: 0, unbalanced: [], complaints: [] },
  );
}
