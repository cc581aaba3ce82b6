import { CookieJar } from "../../cli/cookie-jar.ts";
import type { OpenedToken } from "../../cli/token.ts";
import type { PodLife } from "./fleet.ts";
import type { Gateway } from "./gateways.ts";

/** Where a session is, as its client knows: the pod that served it last. */
export interface Home {
  life: PodLife;
  /** Visits that this pod has told of. */
  count: number;
  /** Visits since then that got no answer: the pod may have counted them, or not. */
  doubt: number;
  /** The pod lives no more, and this session has been noted as one of those that went with it. */
  isDisplaced: boolean;
}

/** A client: a cookie jar of its own, and what it knows of its session. One request at a time. */
export class Session {
  readonly jar = new CookieJar();
  /** Where it sends requests until that fails. */
  gateway: Gateway;
  home: Home | undefined;
  /** What its affinity cookie says; undefined before the first one. */
  token: OpenedToken | undefined;
  isBusy = false;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }
}
