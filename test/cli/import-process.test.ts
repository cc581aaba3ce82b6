/** `import` as a program of its own, with pipes. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";
import { folder } from "../support/golden.ts";
import { temporary } from "./command-line.ts";

const BIN = join(root, "cli/bin.mjs");

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A line for a shell in which "$0" is node, "$1" the program, and the folder is that of the golden files. */
function shell(line: string, ...more: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", line, process.execPath, BIN, ...more], { cwd: folder });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end();
  });
}

const kinds = (text: string): unknown[] =>
  parseAllDocuments(text).map((document) => (document.toJS() as { kind: string }).kind);

test("what kubectl prints goes in by a pipe, the configuration comes out by one", async () => {
  const { code, stdout, stderr } = await shell(
    'cat *-list.yaml | "$0" "$1" import --to istio 2> >(cat >&2) | cat',
  );
  equal(code, 0, stderr);
  deepEqual(kinds(stdout).slice(0, 3), ["Gateway", "VirtualService", "WasmPlugin"]);
  match(stderr, /^different: -: Ingress shop\/shop: /m);
});

test("exit codes: 0 all converted, 1 something was lost, 2 unusable", async () => {
  const good = await shell('"$0" "$1" import *-tutorial.yaml --to envoy');
  equal(good.code, 0, good.stderr);
  const lossy = await shell('"$0" "$1" import *-regex-foreign.yaml --to istio');
  equal(lossy.code, 1, lossy.stderr);
  match(lossy.stderr, /^lost: \d\d-regex-foreign\.yaml: Ingress default\/shop: /m);
  equal(kinds(lossy.stdout)[0], "Gateway");
  const broken = await shell('"$0" "$1" import *-broken-yaml.yaml --to istio');
  deepEqual({ code: broken.code, stdout: broken.stdout }, { code: 2, stdout: "" });
  match(broken.stderr, /^envoy-cookie-affinity: \d\d-broken-yaml\.yaml: [^\n]+\n$/);
});

test("several files and standard input are read together", async () => {
  const line = '"$0" "$1" import *-tutorial.yaml - --to istio --report json < *-canary-weight.yaml 2> "$2"';
  const report = temporary("report.json");
  const { code, stdout, stderr } = await shell(line, report);
  equal(code, 0, stderr);
  deepEqual(kinds(stdout).filter((kind) => kind === "VirtualService").length, 2);
  const { notes } = JSON.parse(readFileSync(report, "utf8")) as { notes: { file: string }[] };
  deepEqual([...new Set(notes.map(({ file }) => file))], ["-", "01-tutorial.yaml"]);
});

test("--out fills a folder, of which a second run makes the same", async () => {
  const out = temporary("gateway");
  const line = '"$0" "$1" import *-tutorial.yaml --to envoy-gateway --out "$2"';
  const read = (): string[] => readdirSync(out).map((file) => file + readFileSync(join(out, file), "utf8"));
  const first = await shell(line, out);
  deepEqual({ code: first.code, stdout: first.stdout }, { code: 0, stdout: "" }, first.stderr);
  const files = read();
  ok(files.length > 1);
  const second = await shell(line, out);
  equal(second.code, 0, second.stderr);
  deepEqual(read(), files);
});

test("the transcript in the README is what comes", async () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, command = "", expected] =
    /### Leaving ingress-nginx\n[^]*?```console\n\$ npx envoy-cookie-affinity ([^\n]*)\n([^]*?)```/.exec(
      readme,
    ) ?? [];
  const here = temporary("transcript");
  mkdirSync(here);
  symlinkSync(join(root, "demo"), join(here, "demo"));
  const { code, stdout, stderr } = await shell(`cd "$2" && "$0" "$1" ${command}`, here);
  deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: expected });
});

/** As `kubectl get ingress -A -o yaml` prints them, of the given number of Ingresses. */
function largeList(count: number): string {
  const one = (index: number): string => `- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"shop-${index}","annotations":{}}}
      nginx.ingress.kubernetes.io/affinity: cookie
      nginx.ingress.kubernetes.io/session-cookie-max-age: "172800"
    creationTimestamp: "2024-01-01T00:00:00Z"
    generation: 1
    labels:
      app.kubernetes.io/name: shop
    name: shop-${index}
    namespace: team-${index % 40}
    resourceVersion: "${index}"
    uid: 00000000-0000-0000-0000-${String(index).padStart(12, "0")}
  spec:
    ingressClassName: nginx
    rules:
    - host: shop-${index}.example.com
      http:
        paths:
        - backend:
            service:
              name: shop-${index}
              port:
                number: 8080
          path: /
          pathType: Prefix
  status:
    loadBalancer:
      ingress:
      - ip: 10.0.0.1
`;
  return `apiVersion: v1\nitems:\n${Array.from({ length: count }, (_, index) => one(index)).join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`;
}

test("two thousand Ingresses, more than the YAML of one document may be, are read from a pipe", async () => {
  const file = temporary("large.yaml", largeList(2000));
  const { code, stdout, stderr } = await shell('cat "$2" | "$0" "$1" import --to istio', file);
  equal(code, 0, stderr.slice(-2000));
  equal(stdout.match(/^kind: VirtualService$/gm)?.length, 2000);
});
