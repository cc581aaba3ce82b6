import type { Agent } from "node:http";
import { closeLater, until } from "../support/check.ts";
import { http1, keepAlive } from "../support/client.ts";
import { Envoy } from "../support/envoy.ts";
import { binding, configFor, Eds, secret } from "../support/gateway.ts";
import { ListenerFile } from "../support/lds.ts";
import { freePort } from "../support/ports.ts";
import { httpFilter, type Json } from "../support/shape.ts";
import { close, opened, overlaps, type Window } from "./clock.ts";
import { newTally, type Tally } from "./tally.ts";
import type { Fleet } from "./fleet.ts";

/** Far more than any wait takes on a machine that is busy. */
export const PATIENCE_MS = 120_000;
// Envoy answers it by itself: a pod may be one that answers nothing.
const NO_HOST = "nowhere.sample.com";

export interface GatewaysOptions {
  count: number;
  /** Connections to each. */
  connections: number;
  /** Seconds that connections have to end by themselves when a new configuration has come: a response tells them to close. */
  drain: number;
  /** The filter's configuration in the place of the shipped one. */
  filter?: object;
  /** Variables of the filter's VM beside AFFINITY_KEY. */
  variables?: Readonly<Record<string, string>>;
  change?: (config: Json) => void;
}

/** One Envoy process on the shipped gateway, from its start to its end; its counters begin at 0. */
export interface GatewayLife {
  tally: Tally;
  /** Killed under traffic: what it counted last is lost with it. */
  isKilled: boolean;
}

export class Gateway {
  readonly name: string;
  readonly envoy: Envoy;
  readonly agent: Agent;
  readonly listener: ListenerFile;
  readonly lives: GatewayLife[] = [newLife()];
  /** From before the process is killed until it is ready again. */
  readonly down: Window[] = [];
  /** From before a new configuration is handed over until the last connection of the former one is closed. */
  readonly reloading: Window[] = [];
  /** From before a request that makes the VM trap until Envoy has a new VM. */
  readonly trapped: Window[] = [];
  isUp = true;

  constructor(name: string, envoy: Envoy, listener: ListenerFile, connections: number) {
    this.name = name;
    this.envoy = envoy;
    this.listener = listener;
    this.agent = keepAlive(connections);
  }

  get life(): GatewayLife {
    return this.lives.at(-1)!;
  }

  wasDown(time: Window): boolean {
    return overlaps(this.down, time);
  }

  wasReloading(time: Window): boolean {
    return overlaps(this.reloading, time);
  }

  wasTrapped(time: Window): boolean {
    return overlaps(this.trapped, time);
  }

  /** Kills the process under the traffic that it has. */
  async kill(): Promise<void> {
    this.down.push(opened());
    this.isUp = false;
    this.life.isKilled = true;
    await this.envoy.stop();
  }

  async restart(): Promise<void> {
    this.lives.push(newLife());
    await this.envoy.start();
    this.isUp = true;
    for (const window of this.down) if (window.to === Infinity) close(window);
  }

  /** Waits until the worker has what the main thread has sent it: it takes that up before it answers what comes later. */
  async settle(): Promise<void> {
    await http1(this.envoy.port, { host: NO_HOST, patience: PATIENCE_MS });
  }
}

/** Gateways that share a key and a file of discovery, and nothing else. */
export class Gateways {
  readonly all: Gateway[] = [];
  readonly #fleet: Fleet;
  readonly #options: GatewaysOptions;
  readonly #eds: Eds;

  private constructor(fleet: Fleet, options: GatewaysOptions) {
    this.#fleet = fleet;
    this.#options = options;
    this.#eds = new Eds(fleet.endpoints);
  }

  static async start(fleet: Fleet, options: GatewaysOptions): Promise<Gateways> {
    const gateways = new Gateways(fleet, options);
    const names = Array.from({ length: options.count }, (_, index) => `gateway-${index}`);
    gateways.all.push(...(await Promise.all(names.map((name) => gateways.#start(name)))));
    return gateways;
  }

  /** Has all gateways that are up send to the fleet's endpoints from now on, and waits until they do. */
  async follow(): Promise<void> {
    for (const gateway of this.all) {
      if (!gateway.isUp) continue;
      await this.#eds.set(gateway.envoy, this.#fleet.endpoints, PATIENCE_MS);
      await gateway.settle();
    }
  }

  /**
   * Hands a gateway another configuration of the filter, as a control plane does.
   *
   * @returns once new connections have it; those that were there before keep the former one until Envoy has had them closed,
   * for which `drained` waits
   */
  async reload(gateway: Gateway, filter: object): Promise<void> {
    const { envoy, reloading } = gateway;
    const UPDATES = "listener_manager.lds.update_success";
    const before = await envoy.stat(UPDATES);
    reloading.push(opened());
    this.offer(gateway, filter);
    await until(
      `${gateway.name} takes the new listener`,
      async () => {
        const stats = await envoy.stats("^listener_manager\\.");
        return (stats[UPDATES] ?? 0) > before && stats["listener_manager.total_listeners_warming"] === 0;
      },
      PATIENCE_MS,
    );
    await gateway.settle();
  }

  /** Hands it over, and does not wait for what becomes of it. */
  offer({ envoy, listener }: Gateway, filter: object): void {
    listener.set(this.#config(envoy, filter));
  }

  /** Waits until no connection is left that has a former configuration. */
  async drained({ name, envoy, reloading }: Gateway): Promise<void> {
    await until(
      `${name} has closed the connections of its former listener`,
      async () => {
        const stats = await envoy.stats("^listener_manager\\.");
        const draining = ["filter_chains", "listeners"].map(
          (what) => `listener_manager.total_${what}_draining`,
        );
        return draining.every((gauge) => stats[gauge] === 0);
      },
      PATIENCE_MS,
    );
    for (const window of reloading) if (window.to === Infinity) close(window);
  }

  async #start(name: string): Promise<Gateway> {
    const { variables = {}, connections, drain } = this.#options;
    const ports = { port: await freePort(), adminPort: await freePort() };
    const listener = closeLater(new ListenerFile());
    const config = this.#config(ports, this.#options.filter);
    listener.follow(config);
    const envoy = await Envoy.start(JSON.stringify(config), ports, {
      env: { AFFINITY_KEY: secret, ...variables },
      args: ["--drain-time-s", String(drain), "--drain-strategy", "immediate"],
      startMilliseconds: PATIENCE_MS,
    });
    return new Gateway(name, envoy, listener, connections);
  }

  #config(ports: { port: number; adminPort: number }, filter: object | undefined): Json {
    const { variables = {}, change } = this.#options;
    const text = configFor([], ports, {
      eds: this.#eds,
      ...(filter === undefined ? {} : { filter: { scope: binding.scope, ...filter } }),
      change: (config: Json) => {
        const vm = httpFilter(config, "affinity").typed_config.config.vm_config;
        vm.environment_variables.host_env_keys.push(...Object.keys(variables));
        change?.(config);
      },
    });
    return JSON.parse(text) as Json;
  }
}

function newLife(): GatewayLife {
  return { tally: newTally(), isKilled: false };
}
