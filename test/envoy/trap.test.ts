import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../cli/root.ts";
import { test, until } from "../support/check.ts";
import { http1, PLAIN_HOST } from "../support/client.ts";
import { cookieFor, newCookie, startGateway, TRAP } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { httpFilter } from "../support/shape.ts";
import { entryOutput } from "../suites.ts";

const TRAPPING = join(root, entryOutput("test/envoy/trapping.entry.ts"));

test("after a trap the gateway answers 503 without a route, and a second or two later pins as before", async () => {
  assert.ok(existsSync(TRAPPING), `${TRAPPING}: not there; npm test compiles it`);
  const pods = await Pod.startMany(4);
  const [mine = assert.fail()] = pods;
  const envoy = await startGateway(pods, {
    change: (config) => {
      httpFilter(config, "affinity").typed_config.config.vm_config.code.local.filename = TRAPPING;
    },
  });
  const cookie = cookieFor(mine);
  assert.equal((await http1(envoy.port, { cookie })).body, mine.name);

  const headers = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`x-${index}`, "1"]));
  const trapped = await http1(envoy.port, { headers });
  assert.deepEqual([trapped.status, trapped.setCookie], [503, []]);
  await until("Envoy logs the trap", () => TRAP.test(envoy.log));
  // The other host does not pass through the filter.
  assert.equal((await http1(envoy.port, { host: PLAIN_HOST })).status, 200);

  const pinned = await until("the gateway pins again", async () => {
    const answer = await http1(envoy.port, { cookie });
    assert.ok(answer.status === 503 || answer.body === mine.name, `${answer.status} from ${answer.body}`);
    return answer.status === 200 && answer;
  });
  assert.deepEqual([pinned.body, pinned.setCookie], [mine.name, []]);
  newCookie(await http1(envoy.port));
  assert.equal(await envoy.stat("wasm.session-svc.vm_reload_success"), 1);
});
