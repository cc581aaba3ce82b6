import assert from "node:assert/strict";
import { test } from "../support/check.ts";
import { http1, many, type Answer } from "../support/client.ts";
import { Eds, newCookie, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { freePort } from "../support/ports.ts";
import { clientsOf, type Client } from "../support/protocols.ts";
import { cookieOf, newToken } from "../support/session.ts";
import { cluster, type Json } from "../support/shape.ts";

const CLIENTS = 30;
const NEWCOMERS = 400;

interface Gone {
  what: string;
  endpoint: string;
}

interface Gateway {
  alive: Pod[];
  /** Pods that cookies may name and that serve no more. */
  gone: Gone[];
  newcomer(): Promise<Answer>;
  clients: [protocol: string, client: Client][];
}

async function startGone(policy: string | undefined, concurrency: number): Promise<Gateway> {
  const pods = await Pod.startMany(10);
  const [refusing = assert.fail(), removed = assert.fail(), ...alive] = pods;
  const endpoints = pods.map(({ address, port }) => ({ address, port }));
  const eds = new Eds(endpoints);
  const envoy = await startGateway(pods, {
    concurrency,
    eds,
    ...(policy === undefined ? {} : { policy }),
    // Envoy's ruling on the pod that refuses, each five seconds, may come amid a burst: a cookie that would pick this
    // very pod, one of ten, then has another second choice. That is for as long as the burst, and not what is tested here.
    change: (config: Json) => (cluster(config).outlier_detection.interval = "3600s"),
  });
  await refusing.stop();
  await eds.set(
    envoy,
    endpoints.filter(({ port }) => port !== removed.port),
  );
  return {
    alive,
    gone: [
      { what: "refuses connections", endpoint: refusing.endpoint },
      { what: "was taken out of discovery, though it answers", endpoint: removed.endpoint },
      { what: "never was", endpoint: `127.0.0.1:${await freePort()}` },
    ],
    newcomer: () => http1(envoy.port),
    clients: await clientsOf(envoy),
  };
}

/** The pod that answered, which the answer's new cookie has to name. */
function pickOf(answer: Answer, { alive }: Gateway, message: string): Pod {
  const pod = alive.find(({ name }) => name === answer.body);
  if (pod === undefined) assert.fail(`${message}: ${answer.status} from "${answer.body}"`);
  assert.deepEqual([answer.status, newToken(answer).endpoint], [200, pod.endpoint], message);
  return pod;
}

for (const policy of [undefined, "strip"]) {
  for (const concurrency of [1, 2]) {
    const gateway = `${policy ?? "as shipped"}, --concurrency ${concurrency}`;
    test(`${gateway}: 100 requests at once with one cookie for a pod that is gone agree on another`, async () => {
      const started = await startGone(policy, concurrency);
      let name = 1n;
      for (const { what, endpoint } of started.gone) {
        for (const [protocol, client] of started.clients) {
          const message = `a pod that ${what}, ${protocol}`;
          // One cookie may pick any pod, also the one that most do without a hash policy: three have to be in luck.
          for (let round = 0; round < 3; round++) {
            const session = name++;
            const cookie = cookieOf({ endpoint, session });
            const answers = await many(100, 100, () => client({ cookie }));
            const pods = new Set(answers.map((answer) => pickOf(answer, started, message)));
            assert.equal(pods.size, 1, `${message}: ${[...pods].map((pod) => pod.name).join()}`);
            assert.deepEqual(new Set(answers.map((answer) => newToken(answer).session)), new Set([session]));
          }
        }
      }
    });

    test(`${gateway}: the clients of a pod that is gone spread over the others, and newcomers evenly meanwhile`, async () => {
      const started = await startGone(policy, concurrency);
      const arriving = many(NEWCOMERS, 10, () => started.newcomer());
      const visits: { message: string; client: Client; answers: Answer[] }[] = [];
      for (const { what, endpoint } of started.gone) {
        for (const [protocol, client] of started.clients) {
          const answers = await many(CLIENTS, 10, (index) =>
            client({ cookie: cookieOf({ endpoint, session: BigInt(index + 1) }) }),
          );
          visits.push({ message: `clients of a pod that ${what}, ${protocol}`, client, answers });
        }
      }
      // No assertion before: it would end the test, and Envoy, under their requests.
      const newcomers = await arriving;
      for (const { message, client, answers } of visits) {
        const picks = new Set(answers.map((answer) => pickOf(answer, started, message)));
        // Of eight pods three or fewer take all thirty in 1 of 10^11 runs.
        assert.ok(picks.size > 3, `${message}: ${[...picks].map((pod) => pod.name).join()}`);
        for (const answer of answers) {
          const next = await client({ cookie: `affinity=${newCookie(answer)}` });
          assert.deepEqual([next.status, next.body, next.setCookie], [200, answer.body, []], message);
        }
      }
      const met = new Map<Pod, number>();
      for (const answer of newcomers) {
        const pod = pickOf(answer, started, "a newcomer");
        met.set(pod, (met.get(pod) ?? 0) + 1);
      }
      // 50 each on average, with a standard deviation of 6.6.
      for (const pod of started.alive) {
        const count = met.get(pod) ?? 0;
        assert.ok(count >= 15 && count <= 85, `${pod.name} got ${count} of ${NEWCOMERS} newcomers`);
      }
    });
  }
}
