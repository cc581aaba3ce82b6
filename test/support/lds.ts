import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeLater } from "./check.ts";
import type { Json } from "./shape.ts";

/** A file with the only listener of a gateway, which Envoy follows, as a control plane would send it. */
export class ListenerFile {
  readonly #folder = mkdtempSync(join(tmpdir(), "affinity-lds-"));

  constructor() {
    closeLater(this);
  }

  /** Moves the listener of a gateway's configuration into the file, and has the configuration follow it. */
  follow(config: Json): void {
    this.set(config);
    delete config.static_resources.listeners;
    config.node ??= { id: "gateway", cluster: "gateway" };
    config.dynamic_resources = {
      lds_config: {
        resource_api_version: "V3",
        path_config_source: { path: this.#path, watched_directory: { path: this.#folder } },
      },
    };
  }

  /** Replaces the listener by that of this configuration. */
  set(config: Json): void {
    const [listener] = config.static_resources.listeners;
    const resources = [{ "@type": "type.googleapis.com/envoy.config.listener.v3.Listener", ...listener }];
    writeFileSync(`${this.#path}.next`, JSON.stringify({ resources }));
    renameSync(`${this.#path}.next`, this.#path);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #path(): string {
    return join(this.#folder, "listener.json");
  }
}
