import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { until } from "../support/check.ts";
import { http1 } from "../support/client.ts";
import { key, keyOf } from "../support/gateway.ts";
import { httpFilter } from "../support/shape.ts";
import { entryOutput } from "../suites.ts";
import { close, opened } from "./clock.ts";
import { PATIENCE_MS, type Gateway } from "./gateways.ts";
import type { Run, Scenario } from "./run.ts";

const FORMER = { id: key.id, env: "AFFINITY_KEY" };
const NEXT = { id: 2, env: "AFFINITY_KEY_NEW" };
const nextSecret = randomBytes(32).toString("base64");
const nextKey = keyOf(NEXT.id, nextSecret);

const TRAPPING = join(root, entryOutput("test/envoy/trapping.entry.ts"));
const RELOADS = "wasm.session-svc.vm_reload_success";
const RELOAD_ROUNDS = 4;
const TRAPS = 2;

/** What befalls gateways, and what lives in them. */
export const gatewayScenarios: Scenario[] = [
  {
    name: "one of three gateways is killed and restarted",
    gateways: 3,
    async body({ gateways, traffic, ledger, some }) {
      const [, second = assert.fail()] = gateways.all;
      await second.kill();
      traffic.join(some);
      await traffic.round();
      await second.restart();
      const before = second.life.tally.answered;
      await traffic.until("the gateway serves again", () => second.life.tally.answered >= before + some / 4);
      assert.ok(second.lives[0]!.tally.failed.gateway > 0, "nobody missed the gateway");
      assert.equal(ledger.moved, 0);
    },
  },
  {
    name: "the key is rotated at three gateways",
    gateways: 3,
    keys: [key, nextKey],
    options: { variables: { [NEXT.env]: nextSecret } },
    async body({ gateways, traffic, ledger, some }) {
      // README, "To change a key without logging anyone out".
      for (const keys of [[FORMER, NEXT], [NEXT, FORMER], [NEXT]]) {
        for (const gateway of gateways.all) {
          await gateways.reload(gateway, { keys });
          traffic.join(Math.ceil(some / 10));
          await traffic.requests(some / 2);
        }
        for (const gateway of gateways.all) await gateways.drained(gateway);
        await traffic.round();
        // A pod has answered each of them since the last gateway began to seal under it.
        if (keys[0] === NEXT)
          assert.ok(
            traffic.sessions.every(({ token }) => token?.keyId === NEXT.id),
            "cookies of the former key are left when their holders have been here again",
          );
      }
      assert.equal(ledger.moved, 0);
    },
  },
  {
    name: "the configuration is reloaded",
    async body({ gateways, traffic, ledger, some }) {
      const [gateway = assert.fail()] = gateways.all;
      for (let round = 0; round < RELOAD_ROUNDS; round++) {
        await gateways.reload(gateway, {
          keys: [FORMER],
          cookie: { sameSite: round % 2 === 0 ? "Strict" : "Lax" },
        });
        traffic.join(Math.ceil(some / 4));
        await traffic.requests(some);
        // Every other change comes while the connections of the one before are still being closed.
        if (round % 2 === 1) await gateways.drained(gateway);
      }
      await refuse(gateway, gateways);
      await traffic.round();
      assert.equal(ledger.moved, 0);
    },
  },
  {
    name: "a filter's VM traps",
    options: {
      change(config) {
        httpFilter(config, "affinity").typed_config.config.vm_config.code.local.filename = TRAPPING;
      },
    },
    async body({ gateways, traffic, ledger, some }) {
      assert.ok(existsSync(TRAPPING), `${TRAPPING}: not there; npm test and npm run chaos compile it`);
      const [gateway = assert.fail()] = gateways.all;
      for (let trap = 1; trap <= TRAPS; trap++) {
        await countedCreated(gateway, traffic.sessions.length);
        await provokeTrap(gateway);
        await until(
          "Envoy has a new VM",
          async () => (await gateway.envoy.stat(RELOADS)) >= trap,
          PATIENCE_MS,
        );
        await gateway.settle();
        gateway.trapped.forEach((window) => window.to === Infinity && close(window));
        traffic.join(some);
        await traffic.round();
      }
      assert.equal(await gateway.envoy.stat(RELOADS), TRAPS);
      assert.equal(ledger.moved, 0);
    },
  },
];

/** Hands the gateway a configuration that it has to refuse. */
async function refuse(gateway: Gateway, gateways: Run["gateways"]): Promise<void> {
  const REJECTED = "listener_manager.lds.update_rejected";
  gateways.offer(gateway, { keys: [FORMER], sessionName: "a b" });
  await until(
    "Envoy refuses the listener",
    async () => (await gateway.envoy.stat(REJECTED)) > 0,
    PATIENCE_MS,
  );
}

/** Waits until nothing but `resumed` is counted in the VM and not handed over: that is lost with it. */
async function countedCreated({ envoy }: Gateway, sessions: number): Promise<void> {
  const CREATED = "wasmcustom.affinity.default_session-svc_9080.created";
  await until(
    "all first cookies are handed over",
    async () => (await envoy.stat(CREATED)) === sessions,
    PATIENCE_MS,
  );
}

async function provokeTrap(gateway: Gateway): Promise<void> {
  gateway.trapped.push(opened());
  const headers = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`x-${index}`, "1"]));
  const { status, setCookie } = await http1(gateway.envoy.port, { headers, patience: PATIENCE_MS });
  assert.deepEqual([status, setCookie], [503, []]);
}
