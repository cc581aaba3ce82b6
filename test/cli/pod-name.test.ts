import { equal, match, notEqual } from "node:assert/strict";
import { podNames } from "../../cli/pods.ts";
import { nameFrom, podName } from "../../demo/app/pod-name.ts";
import { test } from "../support/check.ts";

const TUTORIAL = /^session-deployment-55b4fb777f-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

test("a given name wins over the machine's", () => {
  equal(podName("web-0", "session-deployment-55b4fb777f-4gfq2"), "web-0");
});

test("a machine that is named like a Deployment's pod keeps its name", () => {
  for (const name of ["session-deployment-55b4fb777f-4gfq2", "hello-6d4cf56db6-xk8zt", "a-b-7c9-2bcdf"]) {
    equal(podName(undefined, name), name);
    equal(podName("", name), name);
  }
});

test("any other machine gets a name like the tutorial's pods", () => {
  // A container's id, vowels that Kubernetes never generates, a part too many or too few, upper case.
  for (const name of ["3f2a9c1b7d6e", "my-laptop-aeiou", "web-01", "host", "", "Web-55b4fb777f-4gfq2"]) {
    match(podName(undefined, name), TUTORIAL, name);
  }
});

test("the name depends on the machine's and on nothing else", () => {
  equal(nameFrom("3f2a9c1b7d6e"), nameFrom("3f2a9c1b7d6e"));
  notEqual(nameFrom("3f2a9c1b7d6e"), nameFrom("3f2a9c1b7d6f"));
});

test("the demo's pods have distinct names like the tutorial's", () => {
  const names = podNames(100);
  equal(new Set(names).size, 100);
  for (const name of names) match(name, TUTORIAL);
});
