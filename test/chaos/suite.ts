import { test } from "../support/check.ts";
import type { Fleet } from "./fleet.ts";
import { assertBounds, play, type Scenario } from "./run.ts";
import { sizeOf } from "./size.ts";

/** A test for each of these scenarios, as large as the environment says. */
export function testScenarios(fleet: Fleet, scenarios: readonly Scenario[]): void {
  const size = sizeOf(process.env);
  for (const scenario of scenarios) {
    test(`${scenario.name}: nobody moves whose pod lives, no session is lost, the account balances`, async () => {
      assertBounds(await play(fleet, scenario, size));
    });
  }
}
