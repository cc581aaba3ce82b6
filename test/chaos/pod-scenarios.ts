import assert from "node:assert/strict";
import { BlackHole } from "../support/blackhole.ts";
import { until } from "../support/check.ts";
import { cluster, type Json } from "../support/shape.ts";
import type { PodLife } from "./fleet.ts";
import { PATIENCE_MS } from "./gateways.ts";
import { PODS, type Run, type Scenario } from "./run.ts";
import type { Session } from "./session.ts";

// Clients that wait show that a pod is slow, or dead. Few of either: every lane that draws a session of that pod waits too.
const WAITING = 2;
const MEANWHILE = 20;
const SLOW_TURNS = 6;

/** What befalls pods. */
export const podScenarios: Scenario[] = [
  {
    name: "pods are killed",
    async body({ fleet, gateways, traffic, ledger, some }) {
      const [first, second, third] = three(fleet.ready);
      await fleet.end(first, "SIGKILL");
      await traffic.requests(some);
      await Promise.all([second, third].map((pod) => fleet.end(pod, "SIGKILL")));
      await traffic.requests(some);
      // The container of one is started again, as a kubelet does it: not ready, and so not in discovery, until it is.
      fleet.leave(third);
      await gateways.follow();
      await fleet.restart(third);
      await gateways.follow();
      traffic.join(some);
      await traffic.round();
      assert.ok(ledger.moved > 0, "nobody had a pod that was killed");
    },
  },
  {
    name: "pods are black-holed: accept nothing",
    async body({ fleet, gateways, traffic, ledger, some }) {
      const [first, second] = three(fleet.ready);
      const { envoy } = gateways.all[0]!;
      for (const pod of [first, second]) {
        // To Envoy it happens at once: no connection of its own gets into the queue that nobody accepts from.
        envoy.pause();
        await fleet.end(pod, "SIGKILL");
        await BlackHole.start(pod.pod.port);
        envoy.resume();
        traffic.join(some);
        await traffic.requests(some);
      }
      await traffic.round();
      assert.ok(ledger.moved > 0, "nobody had a pod that was black-holed");
    },
  },
  {
    name: "pods are black-holed: answer nothing",
    // Only an active health check finds out, for the requests to come; README, Limits, says to have one where that can happen.
    options: { change: addHealthCheck },
    async body({ fleet, gateways, traffic, ledger, some }) {
      const [first, second] = three(fleet.ready);
      const [gateway = assert.fail()] = gateways.all;
      const healthy = async (count: number): Promise<void> => {
        const HEALTHY = "cluster.session-svc.membership_healthy";
        const isSo = async (): Promise<boolean> => (await gateway.envoy.stat(HEALTHY)) === count;
        await until(`the health check finds ${count} pods`, isSo, PATIENCE_MS);
        await gateway.settle();
      };
      const held = [first, second];
      for (const pod of held) fleet.freeze(pod);
      await traffic.until("clients wait at pods that are held", () => waitingAt(traffic, held) >= WAITING);
      await healthy(PODS - 2);
      // The others may all wait by now: who was there when it began goes on to wait.
      traffic.start();
      traffic.join(some);
      await traffic.requests(2 * some);
      // One comes to itself, and answers who still waits; of the other a liveness probe makes an end.
      fleet.release(first);
      await fleet.end(second, "SIGKILL");
      await healthy(PODS - 1);
      fleet.thaw(first);
      await traffic.round();
      assert.ok(ledger.moved > 0, "nobody had a pod that was held");
    },
  },
  {
    name: "pods are slowed",
    async body({ fleet, traffic, ledger, some }) {
      const slow = three(fleet.ready);
      for (let turn = 0; turn < SLOW_TURNS; turn++) {
        const pod = slow[turn % slow.length]!;
        fleet.hold(pod);
        await traffic.until("clients wait at the slow pod", () => waitingAt(traffic, [pod]) >= WAITING);
        await traffic.requests(MEANWHILE);
        fleet.release(pod);
        await traffic.requests(some);
      }
      assert.equal(ledger.moved, 0);
    },
  },
  {
    name: "pods are drained",
    async body({ fleet, gateways, traffic, ledger, some }) {
      const draining = three(fleet.ready);
      for (const pod of draining) pod.isDraining = true;
      await gateways.follow();
      const newcomers = traffic.join(some);
      await traffic.round();
      assert.equal(countAt(newcomers, draining), 0, "newcomers met pods that drain");
      assert.ok(countAt(traffic.sessions, draining) > 0, "nobody was at the pods that drain");
      assert.equal(ledger.moved, 0);
      const { gone } = await retire({ fleet, gateways }, draining);
      await traffic.round();
      await gone;
      assert.ok(ledger.moved > 0, "nobody was left at the pods that went");
    },
  },
  {
    name: "pods are restarted one after another",
    async body({ fleet, gateways, traffic, ledger, some }) {
      const ending: Promise<unknown>[] = [];
      for (const old of fleet.ready) {
        await fleet.add(1);
        await gateways.follow();
        ending.push((await retire({ fleet, gateways }, [old])).gone);
        traffic.join(Math.ceil(some / 10));
        await traffic.requests(some);
      }
      await Promise.all(ending);
      await traffic.round();
      assert.ok(ledger.moved >= traffic.sessions.length / 2, "most sessions had a pod that was restarted");
    },
  },
  {
    name: "pods are scaled from 10 to 20 to 5",
    async body({ fleet, gateways, traffic, ledger, some }) {
      const added = await fleet.add(10);
      await gateways.follow();
      const newcomers = traffic.join(some);
      await traffic.round();
      assert.equal(ledger.moved, 0, "pods that came took sessions of others");
      assert.ok(countAt(newcomers, added) > 0, "the pods that came got no newcomers");
      const { gone } = await retire({ fleet, gateways }, fleet.ready.slice(5));
      traffic.join(some);
      await traffic.round();
      await gone;
      assert.ok(ledger.moved > 0, "nobody was at the pods that went");
    },
  },
];

/**
 * Takes pods out of service as Kubernetes does: discovery leaves them out, then they are asked to end.
 *
 * @returns when they are asked; `gone` waits for them
 */
async function retire(
  { fleet, gateways }: Pick<Run, "fleet" | "gateways">,
  pods: readonly PodLife[],
): Promise<{ gone: Promise<unknown> }> {
  for (const pod of pods) fleet.leave(pod);
  await gateways.follow();
  return { gone: Promise.all(pods.map((pod) => fleet.end(pod, "SIGTERM"))) };
}

/** Sessions that wait for an answer, and whose pod is one of these. */
function waitingAt({ sessions }: Run["traffic"], pods: readonly PodLife[]): number {
  return countAt(
    sessions.filter(({ isBusy }) => isBusy),
    pods,
  );
}

function countAt(sessions: readonly Session[], pods: readonly PodLife[]): number {
  return sessions.filter(({ home }) => home !== undefined && pods.includes(home.life)).length;
}

function three(pods: readonly PodLife[]): [PodLife, PodLife, PodLife] {
  const [first = assert.fail(), second = assert.fail(), third = assert.fail()] = pods;
  return [first, second, third];
}

/** Patient enough for pods that are slow because the machine is busy. */
function addHealthCheck(config: Json): void {
  const own = cluster(config);
  own.health_checks = [
    {
      timeout: "5s",
      interval: "1s",
      // Until a first request has come, Envoy would wait a minute.
      no_traffic_interval: "1s",
      unhealthy_threshold: 1,
      healthy_threshold: 1,
      http_health_check: { path: "/healthz" },
    },
  ];
}
