/** What the rows are measured for: one row against another, and open streams against none. */
import { IDLE_NAMES, idleName, type Row } from "./rows.ts";
import { combine, figure, type Estimate, type Figure } from "./statistics.ts";

const COOKIES_FEW = 1;
const COOKIES_MANY = 600;
/** In nanoseconds. */
const UNITS = { us: 1000, ns: 1, "": 1 };
type Unit = keyof typeof UNITS;

export interface Contrast extends Figure {
  name: string;
  unit: string;
}

/** Each contrast of which both sides are among the estimates. */
export function contrastsOf(estimates: ReadonlyMap<string, Estimate>, rows: readonly Row[]): Contrast[] {
  const contrasts: Contrast[] = [];
  const add = (
    name: string,
    unit: Unit,
    of: [string, string],
    how: (a: number, b: number) => number,
  ): void => {
    const [a, b] = of.map((row) => estimates.get(row));
    if (a !== undefined && b !== undefined) contrasts.push(contrast(name, unit, combine(a, b, how)));
  };
  const others = rows.filter(({ compared }) => compared).map(({ name }) => name);
  const pairs: [string, string][] = [
    ...["floor", "native", "lua", "lua-lean", "sdk", ...others].map((other): [string, string] => [
      "ours",
      other,
    ]),
    ["ours-https", "floor-https"],
    ["ours-https", "lua-https"],
  ];
  for (const pair of pairs) add(pair.join(", as a multiple of "), "", pair, (a, b) => a / b);
  for (const pair of pairs) add(pair.join(" less "), "us", pair, less);
  const perCookie = (many: number, few: number): number => (many - few) / (COOKIES_MANY - COOKIES_FEW);
  add("ours, each further cookie in the header", "ns", ["ours-600", "ours-1"], perCookie);
  return contrasts;
}

/**
 * What open streams add to each of these rows, and how much more of it ours has than the others.
 * @param closed the estimates by the same Envoys before
 */
export function growths(
  closed: ReadonlyMap<string, Estimate>,
  open: ReadonlyMap<string, Estimate>,
): Contrast[] {
  const grown = new Map<string, Estimate>();
  for (const name of IDLE_NAMES) {
    const [before, after] = [closed, open].map((of) => of.get(idleName(name)));
    if (before !== undefined && after !== undefined) grown.set(name, combine(after, before, less));
  }
  const contrasts = Array.from(grown, ([name, more]) => growth(name, more));
  const ours = grown.get("ours");
  grown.delete("ours");
  if (ours !== undefined)
    grown.forEach((more, name) => contrasts.push(growth(`ours less ${name}`, combine(ours, more, less))));
  return contrasts;
}

function growth(name: string, more: Estimate): Contrast {
  return contrast(`${name}, with open streams less without`, "us", more);
}

function contrast(name: string, unit: Unit, of: Estimate): Contrast {
  return { name, unit, ...figure(of, UNITS[unit]) };
}

function less(a: number, b: number): number {
  return a - b;
}
