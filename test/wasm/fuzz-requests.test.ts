import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Kind } from "./fuzz-cases.ts";
import { CONFIGURATION_CASES, FORMER_CASES, REQUEST_CASES } from "./fuzz-counts.ts";
import { Player } from "./fuzz-player.ts";
import { configurations } from "./fuzz-policies.ts";
import { fuzzRandom } from "./fuzz-random.ts";

const kinds = Object.entries(REQUEST_CASES) as [Kind, number][];

/** Plays all cases of these kinds in one VM; its memory is as large after them as after half of them. */
function playAll(context: TestContext, played: [Kind, number][]): Player {
  const player = new Player(fuzzRandom(context), configurations);
  player.warmUp();
  // The first half brings the VM to what its largest cases take.
  for (const [kind, cases] of played) player.play(kind, Math.floor(cases / 2));
  const half = player.vm.memory.byteLength;
  for (const [kind, cases] of played) {
    player.play(kind, Math.ceil(cases / 2));
    context.diagnostic(`${kind}: ${cases} cases`);
  }
  assert.equal(player.played, sumOf(played));
  assert.equal(player.vm.memory.byteLength, half);
  return player;
}

function sumOf(played: readonly [Kind, number][]): number {
  return played.reduce((sum, [, cases]) => sum + cases, 0);
}

test("requests and responses are what the model says, the counters too, and leave no memory behind", (context) => {
  const sound = kinds.filter(([kind]) => kind !== "pairs");
  const player = playAll(context, sound);
  player.checkCounters();
  // It is not all refused at the door.
  assert.ok(player.tokensSet > sumOf(sound) / 10, `${player.tokensSet} tokens were set`);
});

test("headers that the host lays out wrongly pin nobody falsely, and leave no memory behind", (context) => {
  playAll(
    context,
    kinds.filter(([kind]) => kind === "pairs"),
  );
});

test("with the configurations and the cookies of other systems they are a million cases", () => {
  assert.equal(sumOf(kinds) + CONFIGURATION_CASES + FORMER_CASES, 1_000_000);
});
