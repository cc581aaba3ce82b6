import { deepEqual, equal, notDeepEqual, throws } from "node:assert/strict";
import { readSettings } from "../../cli/settings.ts";
import { test } from "../support/check.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

test("an empty environment is the tutorial's: port 32209, ten pods", () => {
  const { port, adminPort, pods, key } = readSettings({});
  deepEqual({ port, adminPort, pods }, { port: 32209, adminPort: 9901, pods: 10 });
  equal(key.length, 32);
});

test("an empty variable is as good as none", () => {
  equal(readSettings({ PORT: "", PODS: "", AFFINITY_KEY: "" }).port, 32209);
});

test("the environment moves ports, pods and key", () => {
  const settings = readSettings({ PORT: "8080", ADMIN_PORT: "8081", PODS: "3", AFFINITY_KEY: KEY });
  const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  deepEqual(settings, { port: 8080, adminPort: 8081, pods: 3, key, policy: undefined });
});

test("without AFFINITY_KEY each run has another key", () => {
  notDeepEqual(readSettings({}).key, readSettings({}).key);
});

const refused = [
  { env: { PORT: "http" }, sentence: "PORT=http: not a whole number from 1 to 65535" },
  { env: { PORT: "0" }, sentence: "PORT=0: not a whole number from 1 to 65535" },
  { env: { PORT: "65536" }, sentence: "PORT=65536: not a whole number from 1 to 65535" },
  { env: { PORT: "80 " }, sentence: "PORT=80 : not a whole number from 1 to 65535" },
  { env: { PORT: "0x50" }, sentence: "PORT=0x50: not a whole number from 1 to 65535" },
  { env: { ADMIN_PORT: "-1" }, sentence: "ADMIN_PORT=-1: not a whole number from 1 to 65535" },
  { env: { PODS: "0" }, sentence: "PODS=0: not a whole number from 1 to 100" },
  { env: { PODS: "101" }, sentence: "PODS=101: not a whole number from 1 to 100" },
  { env: { PODS: "2.5" }, sentence: "PODS=2.5: not a whole number from 1 to 100" },
  {
    env: { PORT: "9901" },
    sentence: "ADMIN_PORT=9901: the same as PORT; the gateway and its admin page need two ports",
  },
];

for (const { env, sentence } of refused) {
  test(`refused: ${sentence}`, () => {
    throws(() => readSettings(env), { message: sentence });
  });
}

for (const key of ["c2hvcnQ=", `${KEY}AA==`, KEY.slice(0, -1), `${KEY}\n`, "?no base64?"]) {
  test(`an AFFINITY_KEY of ${key.length} characters that is not 32 bytes is refused and not shown`, () => {
    throws(
      () => readSettings({ AFFINITY_KEY: key }),
      (error: Error) =>
        error.message.startsWith("AFFINITY_KEY: not base64 of exactly 32 bytes") &&
        !error.message.includes(key.trim()),
    );
  });
}

test("--policy names one of the policies", () => {
  equal(readSettings({}, ["--policy", "balanced"]).policy, "balanced");
  equal(readSettings({}, ["--policy=keep"]).policy, "keep");
});

for (const args of [
  ["--policy", "nope"],
  ["--policy", "constructor"],
  ["--policy"],
  ["balanced"],
  ["--pods", "3"],
]) {
  test(`refused, with the policies that there are: ${args.join(" ")}`, () => {
    throws(() => readSettings({}, args), /the policies are: timeouts, .*debug$/);
  });
}
