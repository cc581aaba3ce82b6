import type { CrowdReport } from "./crowd.ts";

export interface PodState {
  name: string;
  address: string;
  port: number;
  /** Stopped: its process is gone, and the gateway does not know of it; draining: keeps its visitors, gets no new ones. */
  state: "ready" | "draining" | "stopped";
  pid: number;
}

/** The answer to GET /api/state, where there are controls. */
export interface DemoState {
  controls: true;
  pods: PodState[];
  /** The pods of a second version, which can be stopped and started, but not drained, added or taken away. */
  canaryPods: PodState[];
  gateway: {
    state: "ready" | "restarting";
    /** How often it has started anew. */
    restarts: number;
    /** Newest first; `current` is the one that seals. */
    keys: { id: number; current: boolean }[];
  };
  redis: {
    state: "up" | "down";
    /** Why there is no Redis to start. */
    reason?: string;
  };
}

/** What the page's buttons can do. Each returns when it is done, and throws a Refusal when it makes no sense. */
export interface Controls {
  state(): DemoState;
  hasPod(name: string): boolean;
  stopPod(name: string): Promise<void>;
  /** Starts a pod that is stopped, and ends the draining of one that is not. */
  startPod(name: string): Promise<void>;
  drainPod(name: string): Promise<void>;
  /** Adds pods, or takes the newest away, until there are so many. */
  setPodCount(count: number): Promise<void>;
  /** @param begun is waited for when the turn has come and before the gateway, and every connection, goes */
  restartGateway(begun: () => Promise<void>): Promise<void>;
  /** A new key in front, the old ones behind it; else like restartGateway. */
  rotateKeys(begun: () => Promise<void>): Promise<void>;
  stopRedis(): Promise<void>;
  startRedis(): Promise<void>;
  /** Has so many visitors of a crowd visit each host once. */
  visit(visitors: number): Promise<CrowdReport>;
}
