import assert from "node:assert/strict";
import { test, until } from "../support/check.ts";
import { http1, many, type Answer } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { cookieFor, Eds, eventCount, newCookie, pinOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { clientsOf, type Client } from "../support/protocols.ts";

/** A gateway of four pods, of which `mine` comes and goes. */
interface Hosts {
  pods: Pod[];
  mine: Pod;
  envoy: Envoy;
  clients: [protocol: string, client: Client][];
  /** Takes `mine` away, and puts it back. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  /** Says of `mine` in discovery that it drains. */
  drain(): Promise<void>;
}

/** How `mine` goes: the process ends and its port refuses connections, or discovery leaves it out. */
type Departure = "refuses connections" | "is taken out of discovery";

async function startHosts(policy: string | undefined, departure: Departure): Promise<Hosts> {
  const pods = await Pod.startMany(4);
  const [mine = assert.fail()] = pods;
  const all = pods.map(({ address, port }) => ({ address, port }));
  const eds = new Eds(all);
  const envoy = await startGateway(pods, { eds, ...(policy === undefined ? {} : { policy }) });
  const [, ...others] = all;
  return {
    pods,
    mine,
    envoy,
    clients: await clientsOf(envoy),
    leave: () => (departure === "refuses connections" ? mine.stop() : eds.set(envoy, others)),
    comeBack: () => (departure === "refuses connections" ? mine.start() : eds.set(envoy, all)),
    drain: () => eds.set(envoy, [{ address: mine.address, port: mine.port, health: "DRAINING" }, ...others]),
  };
}

/** The client's own pod answers, and its cookie stays. */
function assertPinned(answer: Answer, pod: Pod, message?: string): void {
  assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, pod.name, []], message);
}

/** Waits until each client meets `mine` again: Envoy may eject a pod that only failed, for ten seconds. */
async function untilBack({ clients, mine }: Hosts, cookie: string): Promise<void> {
  for (const [protocol, client] of clients) {
    const answer = await until(
      `${mine.name} serves its client on ${protocol} again`,
      async () => {
        const received = await client({ cookie });
        return received.status === 200 && received.body === mine.name && received;
      },
      20_000,
    );
    assertPinned(answer, mine, protocol);
  }
}

const departures: Departure[] = ["refuses connections", "is taken out of discovery"];

for (const departure of departures) {
  test(`keep: while a pod ${departure}, one other serves its client, who goes back when it is back`, async () => {
    const hosts = await startHosts("keep", departure);
    const { mine, clients, envoy } = hosts;
    const cookie = cookieFor(mine);
    for (const [protocol, client] of clients) assertPinned(await client({ cookie }), mine, protocol);
    await hosts.leave();
    const met = new Set<string>();
    for (const [protocol, client] of clients) {
      const answer = await client({ cookie });
      assert.deepEqual([answer.status, answer.setCookie], [200, []], protocol);
      met.add(answer.body);
    }
    assert.equal(met.size, 1);
    assert.ok(!met.has(mine.name));
    await hosts.comeBack();
    await untilBack(hosts, cookie);
    // All of them, the last one too: no other event is still to come.
    await eventCount(envoy, "resumed", 6);
    assert.equal(await eventCount(envoy, "repinned", 0), 0);
  });

  test(`repin: while a pod ${departure}, its client moves, and does not go back when it is back`, async () => {
    const hosts = await startHosts(undefined, departure);
    const { pods, mine, clients } = hosts;
    await hosts.leave();
    const moved: [client: Client, cookie: string, pod: Pod][] = [];
    for (const [, client] of clients) {
      const answer = await client({ cookie: cookieFor(mine) });
      const pod = pods.find(({ name }) => name === answer.body) ?? assert.fail(answer.body);
      assert.equal(pinOf(newCookie(answer)), pod.endpoint);
      assert.notEqual(pod, mine);
      moved.push([client, `affinity=${newCookie(answer)}`, pod]);
    }
    await hosts.comeBack();
    // It is back for whoever has a cookie that names it.
    await untilBack(hosts, cookieFor(mine));
    for (const [client, cookie, pod] of moved) {
      for (let request = 0; request < 5; request++) assertPinned(await client({ cookie }), pod);
    }
  });

  test(`strict: while a pod ${departure}, its client gets 503 and keeps its cookie, and goes on when it is back`, async () => {
    const hosts = await startHosts("strict", departure);
    const { pods, mine, envoy, clients } = hosts;
    const cookie = cookieFor(mine);
    for (const [protocol, client] of clients) assertPinned(await client({ cookie }), mine, protocol);
    await hosts.leave();
    const before = pods.map(({ received }) => received.length);
    for (const [protocol, client] of clients) {
      for (const method of ["GET", "POST"]) {
        const { status, setCookie } = await client({ cookie, method });
        assert.deepEqual([status, setCookie], [503, []], `${method} on ${protocol}`);
      }
    }
    assert.deepEqual(
      pods.map(({ received }) => received.length),
      before,
      "a pod got the request",
    );
    // Newcomers are served: those too whom Envoy sent to the pod that refuses.
    for (const answer of await many(40, 4, () => http1(envoy.port))) {
      const pod = pods.find(({ name }) => name === answer.body) ?? assert.fail(`${answer.status}`);
      assert.equal(pinOf(newCookie(answer)), pod.endpoint);
      assert.notEqual(pod, mine);
    }
    // So are the clients of other pods.
    for (const pod of pods.slice(1)) assertPinned(await http1(envoy.port, { cookie: cookieFor(pod) }), pod);
    await hosts.comeBack();
    await untilBack(hosts, cookie);
    assert.equal(await eventCount(envoy, "created", 40), 40);
    assert.equal(await eventCount(envoy, "repinned", 0), 0);
  });
}

for (const policy of ["keep", "strict"]) {
  test(`${policy}: a draining pod keeps its clients and gets no new ones`, async () => {
    const hosts = await startHosts(policy, "is taken out of discovery");
    const { mine, envoy, clients } = hosts;
    await hosts.drain();
    for (const [protocol, client] of clients) {
      for (let request = 0; request < 10; request++) {
        assertPinned(await client({ cookie: cookieFor(mine) }), mine, protocol);
      }
    }
    // With a quarter of the newcomers, it would be spared once in 10^12 runs.
    for (const answer of await many(100, 10, () => http1(envoy.port))) {
      assert.equal(answer.status, 200);
      assert.notEqual(pinOf(newCookie(answer)), mine.endpoint);
    }
  });
}
