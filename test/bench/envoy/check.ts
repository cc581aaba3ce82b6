/** Each row does its job before it is measured, on all pods. */
import { isHttps, requestHeaders, type RequestKind } from "./requests.ts";
import { ask, type Answer } from "./process.ts";
import type { Row } from "./rows.ts";

const REQUESTS = 20;
// Headers by which a chain talks to itself.
const INTERNAL = ["x-affinity-host", "x-affinity-key", "x-upstream-host"];

/** @returns what it was seen to do. @throws Error when it does not do what it promises */
export async function checkRow(row: Row, port: number, pods: readonly number[]): Promise<string[]> {
  if (row.promised === "spreads") {
    const hits = new Set((await repeat(port, requestHeaders(row.requests, endpoint(pods[0])))).map(pod));
    if (hits.size < 2) throw misbehaved(row, "keeps a pod, though nothing pins", [...hits].join());
    return ["spreads"];
  }
  const done = row.name === "ours-repin" || row.requests === "new" ? [] : await checkPinned(row, port, pods);
  if (row.promised === "affinity") done.push(await checkCookie(row, port, comingKind(row.requests)));
  return done;
}

async function checkPinned(row: Row, port: number, pods: readonly number[]): Promise<string[]> {
  const served = new Set<string>();
  for (const wanted of [pods[3], pods[7]]) {
    const answers = await repeat(port, requestHeaders(row.requests, endpoint(wanted)));
    for (const answer of answers) {
      const at = pod(answer);
      served.add(at);
      if (row.chain !== "balanced" && at !== String(wanted))
        throw misbehaved(row, `${wanted} was asked for`, at);
      assertQuiet(row, answer);
    }
  }
  // The token of a balanced client names no pod; both headers hold the same session.
  if (row.chain === "balanced" && served.size !== 1)
    throw misbehaved(row, "one session, one pod", [...served].join());
  return ["pins", "quiet"];
}

/** The requests of a client without a pod, in a row with such requests. */
function comingKind(requests: RequestKind): RequestKind {
  if (requests === "re-pin") return requests;
  return isHttps(requests) ? "new https" : "new";
}

/** A client without a pod gets a cookie that pins it where it was served. */
async function checkCookie(row: Row, port: number, kind: RequestKind): Promise<string> {
  const headers = requestHeaders(kind, "");
  const first = await ask(port, "/", headers);
  assertClean(row, first);
  const [line, ...more] = first.headers["set-cookie"] ?? [];
  if (typeof line !== "string" || more.length > 0)
    throw misbehaved(row, `${kind}: one Set-Cookie`, JSON.stringify(first.headers["set-cookie"]));
  const [cookie = "", ...attributes] = line.split("; ");
  const secure = row.setsSecure ?? false;
  if (attributes.includes("Secure") !== secure)
    throw misbehaved(row, `${kind}: a cookie ${secure ? "with" : "without"} Secure`, line);
  for (const answer of await repeat(port, { ...headers, cookie })) {
    if (pod(answer) !== pod(first)) throw misbehaved(row, `its cookie pins to ${pod(first)}`, pod(answer));
    assertQuiet(row, answer);
  }
  return kind === "re-pin"
    ? "moves to a pod, which its new cookie pins"
    : `a new client gets a ${secure ? "Secure " : ""}cookie that pins`;
}

/** What the last answer of a measured slice has to show. */
export function assertAnswer(row: Row, answer: string): void {
  const sets = /^set-cookie:/im.test(answer);
  if (sets !== (row.setsCookie ?? false))
    throw misbehaved(row, `${sets ? "no" : "a"} Set-Cookie while it is measured`, answer);
}

async function repeat(port: number, headers: Record<string, string>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let i = 0; i < REQUESTS; i++) answers.push(await ask(port, "/", headers));
  return answers;
}

function assertQuiet(row: Row, answer: Answer): void {
  const sent = answer.headers["set-cookie"];
  if (sent !== undefined) throw misbehaved(row, "no cookie, as the client has one", JSON.stringify(sent));
  assertClean(row, answer);
}

function assertClean(row: Row, answer: Answer): void {
  if (answer.status !== 200) throw misbehaved(row, "status 200", String(answer.status));
  for (const name of INTERNAL) {
    if (answer.headers[name] !== undefined)
      throw misbehaved(row, `no ${name} to the client`, String(answer.headers[name]));
  }
}

function misbehaved(row: Row, expected: string, received: string): Error {
  return new Error(
    `${row.name} (${row.title}): does not do its job: expected ${expected}; received ${received}`,
  );
}

function pod(answer: Answer): string {
  return answer.body.trim();
}

function endpoint(port: number | undefined): string {
  return `127.0.0.1:${port}`;
}
