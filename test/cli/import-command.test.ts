import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Note } from "../../cli/import/emit.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { commandLine, temporary, type Line } from "./command-line.ts";

const TUTORIAL = readFileSync(join(root, "demo/kubernetes/ingress.yaml"), "utf8");
const ENDPOINTS = temporary(
  "endpoints.yaml",
  `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: session-svc-abcde, namespace: default, labels: { kubernetes.io/service-name: session-svc } }
addressType: IPv4
ports: [{ name: "", port: 9080, protocol: TCP }]
endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready: true } }]
`,
);
// 2027-01-15T08:00:00Z.
const NOW = 1_800_000_000;

function imported(args: readonly string[], line: Line = {}) {
  return commandLine(["import", ...args], { stdin: TUTORIAL, now: NOW, ...line });
}

async function refusal(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await imported(args);
  deepEqual({ code, stdout }, { code: 2, stdout: "" }, stderr);
  equal(stderr.indexOf("\n"), stderr.length - 1, "one line");
  return stderr.slice("envoy-cookie-affinity: ".length, -1);
}

/** A YAML document that comes out, as text. */
async function output(args: readonly string[], line: Line = {}): Promise<string> {
  const { stdout, stderr, code } = await imported(args, line);
  equal(code, 0, stderr);
  return stdout;
}

const refused: [args: string[], sentence: RegExp][] = [
  [[], /^--to: missing; say what to write for: envoy, envoy-gateway, istio$/],
  [["--to", "nginx"], /^--to nginx: no such choice; there are: envoy, envoy-gateway, istio$/],
  [["--to", "istio", "--report", "xml"], /^--report xml: no such choice; there are: text, json$/],
  [["--to", "envoy", "--port", "0"], /^--port 0: not a port/],
  [["--to", "envoy", "--port", "65536"], /^--port 65536: not a port/],
  [["--to", "envoy", "--port", "8e3"], /^--port 8e3: not a port/],
  [["--to", "envoy", "--key-env", "MY KEY"], /^--key-env MY KEY: not a name of a variable$/],
  [["--to", "envoy", "--service-dns", "{pod}.local"], /^--service-dns \{pod\}\.local: not a name of DNS/],
  [["--to", "envoy", "--service-dns", ""], /^--service-dns : not a name of DNS/],
  [["--to", "istio", "--accept-until", "tomorrow"], /^--accept-until tomorrow: not a time before 2106/],
  [["--to", "istio", "--accept-until", "2027-02-30T00:00:00Z"], /: not a time before 2106/],
  [["--to", "istio", "--accept-until", "2200-01-01T00:00:00Z"], /: not a time before 2106/],
  [["--to", "istio", "--accept-until", "2027-01-15T08:00:00Z"], /: past, so no old cookie would be honoured/],
  [["--to", "istio", "-", "-"], /^-: named more than once/],
  [["--to", "istio", "--endpoints", "-"], /^-: named more than once/],
  [["--to", "istio", temporary("nowhere.yaml")], /nowhere\.yaml: no such file$/],
  [["--to", "istio", "--endpoints", temporary("nowhere.yaml")], /nowhere\.yaml: no such file$/],
  [["--to", "istio", "--out", temporary("a-file", "")], /^--out \S+a-file: cannot be written \(EEXIST\)$/],
];
for (const [args, sentence] of refused)
  test(`refused: import ${args.join(" ").replaceAll(temporary("."), "")}`, async () => {
    match(await refusal(...args), sentence);
  });

test("input that is no text, or none at all, is refused", async () => {
  const bytes = await imported(["--to", "istio"], { stdin: Buffer.from([0xff, 0xfe, 0x41]) });
  deepEqual([bytes.code, bytes.stderr], [2, "envoy-cookie-affinity: -: not text in UTF-8\n"]);
  const nothing = await imported(["--to", "istio"], { stdin: "" });
  deepEqual([nothing.code, nothing.stdout], [2, ""]);
  match(nothing.stderr, /^envoy-cookie-affinity: [^\n]*no Ingress[^\n]*\n$/);
});

test("standard input is read without a name, and by the name -", async () => {
  const [unnamed, named] = [await imported(["--to", "istio"]), await imported(["--to", "istio", "-"])];
  deepEqual(unnamed, named);
  equal(unnamed.code, 0);
  match(unnamed.stderr, /^\w+: -: Ingress default\/hello-ingress: /m);
});

test("what comes out depends on nothing but what goes in", async () => {
  for (const target of ["envoy", "envoy-gateway", "istio"]) {
    const args = ["--to", target, "--endpoints", ENDPOINTS];
    const first = await imported(args);
    deepEqual(await imported(args, { now: NOW + 3600, env: { LANG: "tr_TR.UTF-8" } }), first);
  }
});

test("old cookies are honoured for thirty days and what is left of the day, or until a date", async () => {
  const args = ["--to", "istio", "--endpoints", ENDPOINTS];
  match(await output(args), /until: "?2027-02-15T00:00:00Z/);
  match(
    await output([...args, "--accept-until", "2027-03-01T12:00:00+02:00"]),
    /until: "?2027-03-01T10:00:00Z/,
  );
  ok(!(await output(["--to", "istio"])).includes("until:"));
});

test("options reach the output", async () => {
  const envoy = await output([
    "--to",
    "envoy",
    "--port",
    "18080",
    "--key-env",
    "SHOP_KEY",
    "--wasm",
    "a/b.wasm",
  ]);
  for (const part of ["port_value: 18080", "SHOP_KEY", "filename: a/b.wasm"]) ok(envoy.includes(part), part);
  ok(!envoy.includes("AFFINITY_KEY"));
  match(
    await output(["--to", "envoy", "--service-dns", "{service}.{namespace}.x"]),
    /session-svc\.default\.x/,
  );
  match(await output(["--to", "istio", "--same-name"]), /sessionName: INGRESSCOOKIE/);
  match(await output(["--to", "istio", "--keep-balanced"]), /mode: balanced/);
  match(await output(["--to", "istio", "--endpoints", ENDPOINTS, "--expire-old"]), /expireOld: true/);
});

test("options that change nothing are named", async () => {
  const { stderr } = await imported(["--to", "istio", "--port", "80", "--expire-old"]);
  match(stderr, /^envoy-cookie-affinity: --port: changes nothing for istio$/m);
  match(stderr, /^envoy-cookie-affinity: --expire-old: changes nothing without EndpointSlices/m);
});

test("an image that stands for the user's own is named", async () => {
  match((await imported(["--to", "istio"])).stderr, /--wasm: not given; put your own image in the place of /);
  const given = await imported(["--to", "istio", "--wasm", "registry.example.com/a:1"]);
  ok(!given.stderr.includes("--wasm"), given.stderr);
});

const LOSSY = TUTORIAL.replace("port:", "port:\n                  name: http").replace(
  /^ *number: 9080$/m,
  "",
);

test("the exit code is 1 when something is lost, and the rest is written", async () => {
  const both = `${LOSSY}\n---\n${TUTORIAL.replace("hello-ingress", "second").replace("abc.", "def.")}`;
  const { stdout, stderr, code } = await imported(["--to", "istio"], { stdin: both });
  equal(code, 1, stderr);
  match(stderr, /^lost: -: Ingress default\/hello-ingress: /m);
  match(stdout, /def\.sample\.com/);
  ok(!stdout.includes("abc.sample.com"));
});

test("an invalid value is none that is lost: it counts for nothing, as before", async () => {
  const stdin = TUTORIAL.replace(
    "annotations:",
    'annotations:\n    nginx.ingress.kubernetes.io/session-cookie-max-age: "1h"',
  );
  const { stderr, code } = await imported(["--to", "istio"], { stdin });
  equal(code, 0, stderr);
  match(stderr, /^invalid: -: Ingress default\/hello-ingress: session-cookie-max-age="1h": /m);
});

test("--report json is JSON on standard error and nothing else, sorted, with all notes", async () => {
  const { stdout, stderr, code } = await imported(["--to", "istio", "--report", "json", "--port", "80"]);
  equal(code, 0);
  ok(stdout.includes("kind: VirtualService"));
  const { notes, messages } = JSON.parse(stderr) as { notes: Note[]; messages: string[] };
  const fields = ["outcome", "file", "object", "subject", "value", "text"];
  ok(notes.length > 0);
  for (const note of notes) deepEqual(Object.keys(note), fields);
  const places = notes.map(({ file, object, subject }) => `${file}\n${object}\n${subject}`);
  deepEqual(places, [...places].sort());
  ok(notes.some(({ outcome, subject }) => outcome === "converted" && subject === "affinity"));
  ok(messages.includes("--port: changes nothing for istio"));
});

test("--out writes a file for each part, replaces its own, and names what it left", async () => {
  const out = temporary("out/deep");
  const first = await imported(["--to", "istio", "--out", out]);
  deepEqual([first.code, first.stdout], [0, ""], first.stderr);
  const files = readdirSync(out).sort();
  deepEqual(files, ["affinity.yaml", "gateway.yaml", "routes.yaml"]);
  for (const file of files) match(first.stderr, new RegExp(`/out/deep/${file}: written$`, "m"));
  const documents = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(out, file), "utf8")).map((document) => document.toJS() as object),
  );
  const shown = parseAllDocuments(await output(["--to", "istio"])).map((each) => each.toJS() as object);
  const text = (all: object[]): string[] => all.map((each) => JSON.stringify(each)).sort();
  deepEqual(text(documents), text(shown));

  const plain = TUTORIAL.replace('nginx.ingress.kubernetes.io/affinity: "cookie"', "a: b");
  const second = await imported(["--to", "istio", "--out", out], { stdin: plain });
  equal(second.code, 0, second.stderr);
  match(second.stderr, /affinity\.yaml: of an earlier run, and not written any more; remove it$/m);
  deepEqual(readdirSync(out).sort(), files, "nothing is removed, and no temporary file is left");
});

test("--out overwrites nothing that it has not written, and writes nothing then", async () => {
  const out = temporary("foreign");
  mkdirSync(out);
  writeFileSync(join(out, "routes.yaml"), "kind: Precious\n");
  match(
    await refusal("--to", "istio", "--out", out),
    /routes\.yaml: there already, and not written by this command/,
  );
  deepEqual(readdirSync(out), ["routes.yaml"]);
  equal(readFileSync(join(out, "routes.yaml"), "utf8"), "kind: Precious\n");
});

test("--out follows no link out of the folder", async () => {
  const out = temporary("links");
  mkdirSync(out);
  const outside = temporary("outside.yaml", "kind: Precious\n");
  symlinkSync(outside, join(out, "gateway.yaml"));
  match(await refusal("--to", "istio", "--out", out), /gateway\.yaml: there already/);
  equal(readFileSync(outside, "utf8"), "kind: Precious\n");
});

test("with --out nothing is written when the input is unusable", async () => {
  const out = temporary("unwritten");
  const { code } = await imported(["--to", "istio", "--out", out], { stdin: "kind: [" });
  equal(code, 2);
  ok(!readdirSync(temporary(".")).includes("unwritten"));
});
