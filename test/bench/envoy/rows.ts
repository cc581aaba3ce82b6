/** What is measured: which chain, by which requests, and what it has to do before that counts. */
import type { Compared } from "./chains.ts";
import type { RequestKind } from "./requests.ts";
import { BASE } from "./statistics.ts";

/** `spreads`: no pod is kept. `pins`: whoever brings a cookie keeps its pod. `affinity`: that, and new clients get one. */
export type Promised = "spreads" | "pins" | "affinity";

export interface Row {
  name: string;
  title: string;
  chain: string;
  requests: RequestKind;
  promised: Promised;
  /** Whether the measured requests are answered with a new cookie. */
  setsCookie?: boolean;
  /** Whether the cookies that it sets are for https alone. */
  setsSecure?: boolean;
  /** The row that is its floor, when it is not `floor`. */
  floor?: string;
  /** Whether it is measured while streams are open. */
  idle?: boolean;
  /** Whether it is of the command line. */
  compared?: boolean;
  /** Whether the counters are asked for before each slice. */
  asksCounters?: boolean;
}

export const NO_FILTER: Row = {
  name: BASE,
  title: "no filter",
  chain: "none",
  requests: "pinned",
  promised: "spreads",
};

const own: readonly Row[] = [
  row("empty", "empty wasm filter", "spreads"),
  row("floor", "empty wasm filter, header-mode stateful_session: the floor", "spreads"),
  row("native", "Envoy's stateful_session with its cookie, unsealed", "affinity"),
  row("lua", "Lua filter, unsealed cookie", "affinity"),
  row("lua-lean", "Lua filter at its best, unsealed cookie", "affinity"),
  row("sdk", "the SDK's context classes, unsealed cookie", "affinity"),
  row("ours", "ours, pinned", "affinity"),
  { ...row("ours-new", "ours, new client", "affinity"), chain: "ours", requests: "new", setsCookie: true },
  {
    ...row("ours-repin", "ours, the pod is gone: re-pin", "affinity"),
    chain: "ours",
    requests: "re-pin",
    setsCookie: true,
  },
  { ...row("ours-balanced", "ours, balanced (with Envoy's Maglev)", "affinity"), chain: "balanced" },
  { ...row("ours-timeouts", "ours, with timeouts", "affinity"), chain: "timeouts" },
  {
    ...row("ours-metrics", "ours, its counters asked for", "affinity"),
    chain: "metrics",
    asksCounters: true,
  },
  { ...row("ours-1", "ours, 1 cookie in the header", "affinity"), chain: "ours", requests: "1 cookie" },
  { ...row("ours-50", "ours, 50 cookies", "affinity"), chain: "ours", requests: "50 cookies" },
  { ...row("ours-600", "ours, 600 cookies", "affinity"), chain: "ours", requests: "600 cookies" },
  https("floor", "the floor, over https", "spreads"),
  https("lua", "Lua filter, unsealed cookie, over https", "affinity"),
  { ...https("ours", "ours, pinned, over https", "affinity"), setsSecure: true },
];

/** The rows that are measured a second time, while streams are open. */
export const IDLE_NAMES: readonly string[] = ["empty", "floor", "ours"];

export function idleName(name: string): string {
  return `${name}-idle`;
}

/** These rows, with so many streams open through their Envoys and through the base. */
export function idleRows(streams: number): Row[] {
  return own
    .filter(({ name }) => IDLE_NAMES.includes(name))
    .map((row) => ({
      ...row,
      name: idleName(row.name),
      title: `${row.title}, ${streams} streams open`,
      floor: idleName("floor"),
      idle: true,
    }));
}

function row(name: string, title: string, promised: Promised): Row {
  return { name, title, chain: name, requests: "pinned", promised };
}

function https(chain: string, title: string, promised: Promised): Row {
  return { ...row(`${chain}-https`, title, promised), chain, requests: "pinned https", floor: "floor-https" };
}

/** All rows but the base, in the order of the table. */
export function allRows(compared: readonly Compared[]): Row[] {
  return [
    ...own,
    ...compared.map(({ name }) => ({ ...row(name, `compared: ${name}`, "pins"), compared: true })),
  ];
}
