import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gatewayConfig, shippedBinding } from "../gateway.ts";
import { demoFolder, startGateway, type Gateway } from "../gateway-process.ts";
import type { Pod } from "../pods.ts";
import { everyPodAnswers } from "../probe.ts";
import type { Processes } from "../processes.ts";
import type { Settings } from "../settings.ts";
import { Crowd, type CrowdReport } from "./crowd.ts";
import { Discovery } from "./discovery.ts";
import { firstKeys, keyVariables, rotated, withKeys, type GatewayKey } from "./keys.ts";
import type { Controls, DemoState, PodState } from "./controls.ts";
import { PodSet } from "./pod-set.ts";
import { Queue } from "./queue.ts";
import type { RedisSwitch } from "./redis-switch.ts";
import { Refusal } from "./refusal.ts";

// The Deployment of the canary's pods, as the tutorial's names go.
const CANARY_REPLICA_SET = "session-canary-6d4cf56db6";
const MOST_WAITING = 20;
const MOST_CROWDS_WAITING = 4;

export interface DemoOptions {
  processes: Processes;
  /** The path of Envoy. */
  envoy: string;
  settings: Settings;
  /** How many pods of a second version there are, for the policy that has one. */
  canaryPods: number;
  redis: RedisSwitch;
  say: (line: string) => void;
  /** Ends every wait. */
  signal: AbortSignal;
  /** Called when Envoy ends by itself, with a sentence. */
  onGatewayEnd: (sentence: string) => void;
}

/** The running demo: its pods, its gateway, its Redis, and what the page's buttons do to them. */
export class Demo implements Controls {
  readonly #options: DemoOptions;
  readonly #pods: PodSet;
  readonly #canary: PodSet;
  readonly #discovery: Discovery;
  readonly #crowd: Crowd;
  readonly #actions = new Queue(MOST_WAITING);
  readonly #crowds = new Queue(MOST_CROWDS_WAITING);
  #gateway: Gateway | undefined;
  #keys: GatewayKey[];
  #pagePort = 0;
  #restarts = 0;
  #isRestarting = false;

  constructor(options: DemoOptions) {
    const { port, adminPort, key, policy } = options.settings;
    this.#options = options;
    this.#pods = new PodSet(options);
    this.#canary = new PodSet(options, CANARY_REPLICA_SET);
    this.#discovery = new Discovery(join(demoFolder, `pods-${this.#name}`), adminPort);
    const { keyId, type, sessionName } = shippedBinding(policy);
    this.#keys = firstKeys(keyId, key);
    this.#crowd = new Crowd(port, type === "Header" ? sessionName.toLowerCase() : undefined);
  }

  /** Starts the pods; the names and process ids of all of them. */
  async startPods(): Promise<PodState[]> {
    await Promise.all([
      this.#pods.add(this.#options.settings.pods),
      this.#canary.add(this.#options.canaryPods),
    ]);
    return [...this.#pods.rows(), ...this.#canary.rows()];
  }

  /**
   * Starts the gateway.
   *
   * @param pagePort where the page is served on 127.0.0.1
   */
  async startGateway(pagePort: number): Promise<Gateway> {
    this.#pagePort = pagePort;
    this.#discovery.write(this.#pods.endpoints());
    const { processes, envoy, settings, onGatewayEnd } = this.#options;
    const { port, adminPort, policy } = settings;
    const config = gatewayConfig({
      port,
      adminPort,
      policy,
      pods: this.#pods.endpoints(),
      canaryPods: this.#canary.endpoints(),
      edsFile: this.#discovery.edsFile,
      cacheEdsFile: this.#discovery.cacheEdsFile,
      pageAddress: { address: "127.0.0.1", port: pagePort },
    });
    const gateway = await startGateway(processes, envoy, {
      name: this.#name,
      config: withKeys(config, this.#keys),
      keys: keyVariables(this.#keys),
      again: this.#gateway !== undefined,
    });
    gateway.onEnd(onGatewayEnd);
    this.#gateway = gateway;
    return gateway;
  }

  /** Waits until every pod that is ready answers through the gateway, and the page. */
  async untilReady(): Promise<void> {
    const { settings, redis, signal } = this.#options;
    const asked = {
      pods: this.#pods.ready(),
      canaryPods: this.#canary.ready(),
      cache: redis.state === "up",
    };
    await everyPodAnswers(asked, { ...settings, key: this.#keys[0]! }, signal);
  }

  state(): DemoState {
    const { redis } = this.#options;
    return {
      controls: true,
      pods: this.#pods.rows(),
      canaryPods: this.#canary.rows(),
      gateway: {
        state: this.#isRestarting ? "restarting" : "ready",
        restarts: this.#restarts,
        keys: this.#keys.map(({ id }, index) => ({ id, current: index === 0 })),
      },
      redis: { state: redis.state, ...(redis.reason === undefined ? {} : { reason: redis.reason }) },
    };
  }

  hasPod(name: string): boolean {
    return this.#pods.has(name) || this.#canary.has(name);
  }

  stopPod(name: string): Promise<void> {
    return this.#actions.run(() => this.#setOf(name).stop(name));
  }

  startPod(name: string): Promise<void> {
    return this.#actions.run(async () => {
      const set = this.#setOf(name);
      // Envoy may have ejected the pod's address; to a pod that is new to it no such thing sticks.
      if (set === this.#pods && !set.isRunning(name))
        await this.#discovery.follow(set.endpoints().filter((pod) => pod.name !== name));
      await set.start(name, set === this.#pods);
      await this.#discovery.follow(this.#pods.endpoints());
    });
  }

  drainPod(name: string): Promise<void> {
    return this.#actions.run(async () => {
      if (this.#canary.has(name))
        throw new Refusal(409, `pod ${name}: of the second version, whose pods cannot be drained here`);
      this.#pods.drain(name);
      await this.#discovery.follow(this.#pods.endpoints());
    });
  }

  setPodCount(count: number): Promise<void> {
    return this.#actions.run(async () => {
      const before = this.#pods.size;
      if (count < before) {
        const leaving = this.#pods.takeNewest(before - count);
        await this.#discovery.follow(this.#pods.endpoints());
        await Promise.all(leaving.map((pod) => pod.stop()));
        return;
      }
      try {
        await this.#pods.add(count - before);
      } finally {
        await this.#discovery.follow(this.#pods.endpoints());
      }
    });
  }

  restartGateway(begun: () => Promise<void>): Promise<void> {
    return this.#actions.run(() => this.#restart(begun));
  }

  rotateKeys(begun: () => Promise<void>): Promise<void> {
    return this.#actions.run(() => this.#restart(begun, rotated(this.#keys)));
  }

  stopRedis(): Promise<void> {
    return this.#actions.run(() => this.#options.redis.stop());
  }

  startRedis(): Promise<void> {
    return this.#actions.run(async () => {
      await this.#options.redis.start();
      await Promise.all(this.#pods.ready().map((pod) => this.#hasSessions(pod)));
    });
  }

  visit(visitors: number): Promise<CrowdReport> {
    return this.#crowds.run(() => this.#crowd.visit(visitors));
  }

  get #name(): string {
    return `${this.#options.settings.port}-${this.#options.settings.adminPort}`;
  }

  #setOf(name: string): PodSet {
    return this.#canary.has(name) ? this.#canary : this.#pods;
  }

  /** Waits until a pod has found Redis again; for ten seconds at most, as its visitors are told what is wrong. */
  async #hasSessions({ address, cachePort }: Pod): Promise<void> {
    const deadline = Date.now() + 10_000;
    const url = `http://${address}:${cachePort}/`;
    while (cachePort !== undefined && Date.now() < deadline) {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
      if (answer?.status === 200) return;
      await delay(50);
    }
  }

  async #restart(begun: () => Promise<void>, keys = this.#keys): Promise<void> {
    this.#isRestarting = true;
    try {
      await begun();
      await this.#gateway?.stop();
      this.#keys = keys;
      const { pid } = await this.startGateway(this.#pagePort);
      await this.untilReady();
      this.#restarts++;
      this.#options.say(`the gateway has started anew  pid ${pid}`);
    } finally {
      this.#isRestarting = false;
    }
  }
}
