import assert from "node:assert/strict";
import { CookieJar } from "../../cli/cookie-jar.ts";
import { startPod, podNames } from "../../cli/pods.ts";
import { Processes } from "../../cli/processes.ts";
import { closeLater, test } from "../support/check.ts";
import { http1, keepAlive, many, STICKY_HOST } from "../support/client.ts";
import { assertNoTrap, eventCount, startGateway } from "../support/gateway.ts";
import { NginxGateway } from "../support/nginx-gateway.ts";
import type { NginxMode } from "../support/nginx.ts";

const BACKEND = "default-session-svc-9080";
const VISITORS = 200;
const VISITS = 12;

/** A browser that counts its visits, and so does its session. */
class Visitor {
  readonly #jar = new CookieJar();
  #visits = 0;
  #pod = "";
  /** How often the session was not where it had been. */
  lost = 0;

  async visit(port: number, agent: ReturnType<typeof keepAlive>): Promise<void> {
    const cookie = this.#jar.header(STICKY_HOST, "/");
    const answer = await http1(port, { agent, ...(cookie === undefined ? {} : { cookie }) });
    this.#jar.keep(answer.setCookie, STICKY_HOST, "/");
    const page = /^Hostname: (\S+)<br>\n(\d+)th time access\.\n$/.exec(answer.body);
    assert.ok(page, `${answer.status}: ${answer.body}`);
    this.#visits++;
    if (Number(page[2]) !== this.#visits || (this.#pod !== "" && page[1] !== this.#pod)) this.lost++;
    this.#pod = page[1]!;
  }
}

for (const mode of ["balanced", "persistent"] as const satisfies readonly NginxMode[]) {
  test(`a cut-over from mode ${mode} under traffic, with a way back: no session is lost`, async () => {
    const processes = new Processes();
    closeLater({ close: () => processes.endAll() });
    const pods = await Promise.all(podNames(10).map((name) => startPod(processes, name)));
    const endpoints = pods.map(({ address, port }) => `${address}:${port}`);
    const nginx = await NginxGateway.start(mode, BACKEND, endpoints);
    const envoy = await startGateway(pods, {
      filter: {
        scope: "default/session-svc:9080",
        keys: [{ id: 1, env: "AFFINITY_KEY" }],
        accept: {
          until: new Date(Date.now() + 3_600_000).toISOString(),
          formats: [{ type: "ingress-nginx", backend: BACKEND, mode, endpoints }],
        },
      },
    });
    const agent = keepAlive(16);
    const visitors = Array.from({ length: VISITORS }, () => new Visitor());
    await many(VISITORS, 16, (index) => visitors[index]!.visit(nginx.port, agent));
    // DNS lets some come over early and some late, and some meet both for a while; one in ten goes back at the end.
    await many(VISITORS, 16, async (index) => {
      const over = 1 + (index % 5);
      for (let visit = 1; visit < VISITS; visit++) {
        const wavers = index % 4 === 0 && visit < 8 && visit % 2 === 0;
        const back = index % 10 === 0 && visit >= 10;
        const isOver = visit >= over && !wavers && !back;
        await visitors[index]!.visit(isOver ? envoy.port : nginx.port, agent);
      }
    });
    assert.equal(
      visitors.reduce((sum, { lost }) => sum + lost, 0),
      0,
    );
    assert.equal(await eventCount(envoy, "accepted", VISITORS), VISITORS);
    assert.equal(await envoy.stat("wasmcustom.affinity.default_session-svc_9080.created"), 0);
    assert.equal(await envoy.stat("wasmcustom.affinity.default_session-svc_9080.repinned"), 0);
    await assertNoTrap(envoy);
  });
}
