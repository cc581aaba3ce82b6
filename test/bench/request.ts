/**
 * What a request costs inside the VM, without Envoy: `npm run bench`, or `npm run bench -- OTHER.wasm` to set another
 * build beside it. The host calls are stubs, so only the module's own work counts.
 */
import { join, resolve } from "node:path";
import { sealToken } from "../../cli/token.ts";
import { root } from "../../cli/root.ts";
import { measure, type Row } from "./slices.ts";
import { BareVm } from "./vm.ts";

const KEY = Buffer.alloc(32, 7);
const BINDING = { scope: "bench", sessionName: "affinity" };
const CONFIGURATION = { scope: BINDING.scope, keys: [{ id: 1, secret: KEY.toString("base64") }] };
const REQUESTS_PER_SLICE = 300;
const IDLE_STREAMS = 10_000;

const token = sealToken(
  { issued: 1, seen: 1, session: 1n, endpoint: "10.244.1.7:9080" },
  { id: 1, bytes: KEY },
  BINDING,
);
const forged = token.slice(0, -2) + "AA";
/** Our cookie as the last of so many. */
const among = (count: number): string =>
  [
    ...Array.from({ length: count - 1 }, (_, i) => `_ga_${i}=GS1.1.1700000000.${i}`),
    `affinity=${token}`,
  ].join("; ");

const requests: [name: string, cookie: string | undefined, idle?: number][] = [
  ["pinned", `affinity=${token}`],
  [`pinned, ${IDLE_STREAMS} idle streams open`, `affinity=${token}`, IDLE_STREAMS],
  ["pinned, 50 cookies", among(50)],
  ["pinned, 600 cookies", among(600)],
  ["no cookie at all", undefined],
  ["four forged cookies", Array.from({ length: 4 }, () => `affinity=${forged}`).join("; ")],
  ["64 kB of semicolons", ";".repeat(65536)],
];

const files = [join(root, "build/affinity.wasm"), ...process.argv.slice(2).map((file) => resolve(file))];
for (const file of files) {
  const rows = requests.map(([name, cookie, idle = 0]): Row => {
    const vm = new BareVm(file, CONFIGURATION);
    for (let i = 0; i < idle; i++) vm.open();
    const header = cookie === undefined ? undefined : Buffer.from(cookie);
    const requestsPerSlice = name.startsWith("64 kB") ? 3 : REQUESTS_PER_SLICE;
    return { name, operations: requestsPerSlice, run: () => vm.serve(header, requestsPerSlice) };
  });
  const results = measure(rows);
  console.log(file);
  for (const { line } of results) console.log(line);
  const [fifty, sixHundred] = [results[2]!.nanoseconds, results[3]!.nanoseconds];
  console.log(`${((sixHundred - fifty) / 550).toFixed(1).padStart(8)} ns  for each further cookie`);
}
