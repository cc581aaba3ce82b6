/**
 * `npm run tutorial`: the tutorial's transcripts on the running demo, whoever runs it. Its own cookie file and client, so
 * that it needs no curl; the lines that it shows are what one would type.
 */
import { CookieJar } from "./cookie-jar.ts";
import { readWhere, urlOf, type Where } from "./tutorial/settings.ts";
import { REQUESTS, steps, visitOf, type Step, type Verdict, type Visit } from "./tutorial/steps.ts";
import { get } from "./tutorial/visit.ts";

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Whether every step came true. */
async function tutorial(where: Where): Promise<boolean> {
  // Any answer will do: whose it is, the steps will see.
  await get(where, "/healthz").catch((error: Error) => {
    throw new Error(
      `${urlOf(where)}: nothing answers (${error.message}); start the demo by npm start, or docker-compose up -d, or say by --port and --host where it is`,
    );
  });
  say(`The tutorial's transcripts at ${urlOf(where)}`);
  let came = 0;
  for (const step of steps) {
    say(`\n${step.title}: ${step.host}\n`);
    let verdict = await run(step, where);
    if (verdict.came === "by chance") {
      say(`\nThat can happen by chance: ${verdict.received}.\nOnce more, with a new cookie file.\n`);
      verdict = await run(step, where);
    }
    if (verdict.came === "true") {
      came++;
      say(`\n${verdict.why}`);
    } else {
      say(`\nDid not come true.\n  expected: ${verdict.expected}\n  received: ${verdict.received}`);
    }
  }
  say(`\n${came} of ${steps.length} came true`);
  return came === steps.length;
}

/** `curl -c` once, which keeps the cookies, then `curl -b`, which only sends them. */
async function run({ host, judge }: Step, where: Where): Promise<Verdict> {
  const jar = new CookieJar();
  const visits: Visit[] = [];
  for (let index = 0; index < REQUESTS; index++) {
    say(`$ curl ${index === 0 ? "-c" : "-b"} cookie.dat -H 'Host: ${host}' ${urlOf(where)}`);
    const cookie = jar.header(host, "/");
    const expected = `Hostname: NAME<br>\\nNth time access.\\n, to the letter, with status 200`;
    const answer = await get(where, "/", { host, ...(cookie === undefined ? {} : { cookie }) }).catch(
      (error: Error) => error,
    );
    if (answer instanceof Error) return { came: "false", expected, received: `no answer: ${answer.message}` };
    process.stdout.write(answer.text);
    const visit = visitOf(answer);
    if (visit === null)
      return {
        came: "false",
        expected,
        received: `status ${answer.status}, ${JSON.stringify(answer.text)}`,
      };
    if (index === 0) jar.keep(answer.setCookie, host, "/");
    visits.push(visit);
  }
  return judge(visits);
}

try {
  process.exitCode = (await tutorial(readWhere(process.env, process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
