import assert from "node:assert/strict";
import { test, until } from "../support/check.ts";
import { http1 } from "../support/client.ts";
import { Envoy } from "../support/envoy.ts";
import { assertNoTrap, binding, configFor, cookieFor, newCookie, pinOf, secret } from "../support/gateway.ts";
import { ListenerFile } from "../support/lds.ts";
import { Pod } from "../support/pod.ts";
import { freePort } from "../support/ports.ts";
import type { Json } from "../support/shape.ts";

const FILTER = { scope: binding.scope, keys: [{ id: 1, env: "AFFINITY_KEY" }] };

/** A gateway whose listener Envoy follows in a file, as a control plane would send it. */
class UpdatedGateway {
  readonly ports: { port: number; adminPort: number };
  readonly #pods: readonly Pod[];
  readonly #listener = new ListenerFile();

  private constructor(pods: readonly Pod[], ports: { port: number; adminPort: number }) {
    this.#pods = pods;
    this.ports = ports;
  }

  static async start(pods: readonly Pod[]): Promise<[gateway: UpdatedGateway, envoy: Envoy]> {
    const ports = { port: await freePort(), adminPort: await freePort() };
    const gateway = new UpdatedGateway(pods, ports);
    const config = gateway.#config(FILTER);
    gateway.#listener.follow(config);
    return [gateway, await Envoy.start(JSON.stringify(config), ports, { env: { AFFINITY_KEY: secret } })];
  }

  /** Replaces the listener by one with this configuration of the filter. */
  update(filter: object): void {
    this.#listener.set(this.#config(filter));
  }

  #config(filter: object): Json {
    return JSON.parse(configFor(this.#pods, this.ports, { filter })) as Json;
  }
}

test("a new configuration takes the place of the old one, and no client moves", async () => {
  const pods = await Pod.startMany(3);
  const [gateway, envoy] = await UpdatedGateway.start(pods);
  const first = newCookie(await http1(envoy.port));
  for (let round = 1; round <= 5; round++) {
    gateway.update({ ...FILTER, cookie: { path: `/round${round}` } });
    await until("the listener is the new one", async () =>
      (await http1(envoy.port)).setCookie[0]?.includes(`; Path=/round${round};`),
    );
    const answer = await http1(envoy.port, { cookie: `affinity=${first}` });
    assert.deepEqual([answer.status, answer.setCookie], [200, []]);
    assert.equal(answer.body, pods.find((pod) => pod.endpoint === pinOf(first))?.name);
  }
  await assertNoTrap(envoy);
});

test("a new configuration that is refused leaves the old one at work, and the log says why", async () => {
  const pods = await Pod.startMany(3);
  const [gateway, envoy] = await UpdatedGateway.start(pods);
  const [pod = assert.fail()] = pods;
  gateway.update({ ...FILTER, sessionName: "a b" });
  await until(
    "Envoy refuses the listener",
    async () => (await envoy.stat("listener_manager.lds.update_rejected")) > 0,
  );
  assert.match(envoy.log, /configuration refused: \$\.sessionName = "a b": /);
  const pinned = await http1(envoy.port, { cookie: cookieFor(pod) });
  assert.deepEqual([pinned.status, pinned.body, pinned.setCookie], [200, pod.name, []]);
  newCookie(await http1(envoy.port));
  gateway.update({ ...FILTER, cookie: { path: "/mended" } });
  await until("Envoy takes the next listener", async () =>
    (await http1(envoy.port)).setCookie[0]?.includes("; Path=/mended;"),
  );
});
