import assert from "node:assert/strict";
import { Fleet } from "../chaos/fleet.ts";
import { gatewayScenarios } from "../chaos/gateway-scenarios.ts";
import { play, PODS } from "../chaos/run.ts";
import { sizeOf } from "../chaos/size.ts";
import { testScenarios } from "../chaos/suite.ts";
import { test } from "../support/check.ts";
import { PLAIN_HOST } from "../support/client.ts";

const fleet = await Fleet.start(PODS);

testScenarios(fleet, gatewayScenarios);

test("without affinity and without a fault the same account finds that sessions move, and that it does not balance", async () => {
  const control = { name: "control: no fault, no affinity", host: PLAIN_HOST, body: async () => {} };
  const row = await play(fleet, control, sizeOf(process.env));
  assert.ok(row.movedThoughAlive > 0 && row.complaints.length > 0 && row.unbalanced.length > 0);
  assert.equal(row.tally.failed.retryable, 0);
});
