import { deepEqual, equal } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { explained, toYaml } from "../../cli/import/render.ts";
import { test } from "../support/check.ts";

// Strings that one version of YAML or another reads as something else, or not at all, when they stand alone.
const TEXTS = [
  "on Off yes y n true True null ~ NaN .inf 0123 08 1_000 0x1f 0b11 0o17 1e3 1. +1 .5 12:30 1:30 190:20:30 1:30.5 2001-01-01",
  "= << - * | > ! & % @ ` ? [a] {a} a:b abc.sample.com:* POST|LOCK|PATCH Infinity 1,000 0.1.2.3 é",
]
  .join(" ")
  .split(" ")
  .concat(
    "",
    " lead",
    "a: b",
    "a #b",
    "# a",
    "a\nb\n",
    "a\r\nb",
    "tab\t",
    "nel\u0085",
    "\u2028",
    "\ufeffmark",
    "\u007f",
  );

test("documents stand in their order below their comments, and fields in theirs", () => {
  const manifests = [
    {
      file: "a.yaml",
      why: "What it is for,\n\nand what it needs.",
      document: { z: 1, a: ["x", { c: true }] },
    },
    { file: "b.yaml", why: "", document: { kind: "B" } },
  ];
  equal(
    toYaml(manifests),
    `# What it is for,\n#\n# and what it needs.\nz: 1\na:\n  - x\n  - c: true\n---\nkind: B\n`,
  );
});

test("comments stand above the fields and the items that they are about", () => {
  const item = explained({ name: "x", port: 1 }, { "": "The first.", port: "Two\nlines." });
  const document = explained({ list: [item, { name: "y" }], on: {} }, { on: "Nothing in it." });
  equal(
    toYaml([{ file: "a.yaml", why: "", document }]),
    `list:
  # The first.
  - name: x
    # Two
    # lines.
    port: 1
  - name: "y"
# Nothing in it.
"on": {}
`,
  );
});

test("neither JSON nor a comparison sees comments", () => {
  const value = explained({ a: 1 }, { a: "One." });
  equal(JSON.stringify(value), '{"a":1}');
  deepEqual(value, { a: 1 });
});

test("one object in two places is written twice, without an alias", () => {
  const shared = explained({ a: 1 }, { a: "One." });
  equal(
    toYaml([{ file: "a.yaml", why: "", document: { p: shared, q: shared } }]),
    "p:\n  # One.\n  a: 1\nq:\n  # One.\n  a: 1\n",
  );
});

for (const version of ["1.1", "1.2"] as const)
  test(`readers of YAML ${version} read every string as the same string`, () => {
    const document = { texts: TEXTS, keys: Object.fromEntries(TEXTS.map((text) => [text, 1])) };
    const text = toYaml([{ file: "a.yaml", why: "", document }]);
    const [read] = parseAllDocuments(text, { version, merge: false });
    deepEqual(JSON.parse(JSON.stringify(read!.toJS())), document);
  });

test("no comment ends before its line, whatever stands in it", () => {
  for (const text of ["a\rb: 1", "a\u0085b: 1", "a\u2028b: 1", "a\r\nb: 1"]) {
    const document = explained({ c: 1 }, { c: text });
    const written = toYaml([{ file: "a.yaml", why: text, document }]);
    for (const line of written.split(/[\n\r\u0085\u2028\u2029]/))
      equal(/^(?:#.*|c: 1|)$/.test(line), true, written);
  }
});
