import { Fleet } from "../chaos/fleet.ts";
import { podScenarios } from "../chaos/pod-scenarios.ts";
import { PODS } from "../chaos/run.ts";
import { testScenarios } from "../chaos/suite.ts";

testScenarios(await Fleet.start(PODS), podScenarios);
