import { spawn, type ChildProcess } from "node:child_process";
import { connect, type Socket } from "node:net";
import { closeLater } from "./check.ts";
import type { PodLike } from "./pod.ts";
import { freePort } from "./ports.ts";

// Listens and blocks its only thread, so that nothing is ever accepted; ends when its parent is gone.
const NEVER_ACCEPTS = `
  const parent = process.ppid;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  require("node:net").createServer().listen({ port: Number(process.argv[1]), host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, "listening");
    while (process.ppid === parent) Atomics.wait(pause, 0, 0, 200);
    process.exit();
  });`;
// A full accept queue drops SYNs; a loopback connection that gets through takes well under a millisecond.
const HANGS_AFTER_MILLISECONDS = 300;
// One attempt may also be slow because the machine is busy.
const HANGING_IN_A_ROW = 3;
const MOST_FILLERS = 64;

/** A pod that swallows connection attempts: neither accepted nor refused, they hang. */
export class BlackHole implements PodLike {
  readonly name = "black-hole";
  readonly address = "127.0.0.1";
  readonly port: number;
  #child: ChildProcess;
  #fillers: Socket[] = [];

  private constructor(port: number) {
    this.port = port;
    this.#child = spawn(process.execPath, ["-e", NEVER_ACCEPTS, String(port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Starts one, at any port unless given, and fills its accept queue until connection attempts are seen to hang. */
  static async start(port?: number): Promise<BlackHole> {
    const hole = closeLater(new BlackHole(port ?? (await freePort())));
    await new Promise((resolve, reject) => {
      hole.#child.stdout?.once("data", resolve);
      hole.#child.once("exit", () => reject(new Error("black hole: the listener ended")));
    });
    let hanging = 0;
    for (let filler = 0; filler < MOST_FILLERS; filler++) {
      hanging = (await hole.#attemptConnects()) ? 0 : hanging + 1;
      if (hanging === HANGING_IN_A_ROW) return hole;
    }
    throw new Error(`black hole: port ${hole.port} still accepts after ${MOST_FILLERS} connections`);
  }

  get endpoint(): string {
    return `${this.address}:${this.port}`;
  }

  async close(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }

  #attemptConnects(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, this.address);
      this.#fillers.push(socket);
      const hangs = setTimeout(() => resolve(false), HANGS_AFTER_MILLISECONDS);
      socket.once("connect", () => {
        clearTimeout(hangs);
        resolve(true);
      });
      // A refusal is no hanging. One that hung long enough may fail later: that changes nothing any more.
      socket.on("error", (error) => {
        clearTimeout(hangs);
        reject(error);
      });
    });
  }
}
