import { deepEqual, equal } from "node:assert/strict";
import type { Note } from "../../cli/import/emit.ts";
import { Notes, notesJson, notesText } from "../../cli/import/report.ts";
import { test } from "../support/check.ts";

function note(more: Partial<Note> = {}): Note {
  return {
    outcome: "lost",
    file: "a.yaml",
    object: "Ingress a/a",
    subject: "s",
    value: "",
    text: "Why.",
    ...more,
  };
}

function collected(...all: Note[]): Notes {
  const notes = new Notes();
  for (const each of all) notes.note(each);
  return notes;
}

test("notes are sorted by file, object and subject, whatever their order was", () => {
  const rows = [
    note({ file: "B.yaml", object: "Ingress z/z" }),
    note({ object: "Ingress a/B", subject: "z" }),
    note({ object: "Ingress a/a", subject: "a" }),
    note({ object: "Ingress a/a", subject: "b", text: "First." }),
    note({ object: "Ingress a/a", subject: "b", outcome: "converted" }),
    note({ object: "Ingress a/ä", subject: "a" }),
  ];
  for (const order of [rows, [...rows].reverse(), [3, 0, 5, 2, 4, 1].map((index) => rows[index]!)])
    deepEqual(collected(...order).sorted(), rows);
});

test("the same note twice is one", () => {
  deepEqual(collected(note(), note(), note({ text: "Otherwise." })).sorted().length, 2);
});

test("only what is lost makes an import lossy", () => {
  for (const outcome of ["converted", "different", "invalid", "untouched"] as const)
    equal(collected(note({ outcome })).isLossy, false, outcome);
  equal(collected(note({ outcome: "converted" }), note()).isLossy, true);
});

test("a line names outcome, file, object, annotation, value and what happens now", () => {
  equal(
    notesText([
      note({ outcome: "invalid", subject: "session-cookie-max-age", value: "1h", text: "No number." }),
    ]),
    'invalid: a.yaml: Ingress a/a: session-cookie-max-age="1h": No number.\n1 invalid\n',
  );
});

test("what is converted as it was is counted alone", () => {
  equal(
    notesText([note({ outcome: "converted" }), note({ outcome: "converted", subject: "b" }), note()]),
    "lost: a.yaml: Ingress a/a: s: Why.\n1 lost; 2 converted\n",
  );
  equal(notesText([]), "nothing to say\n");
});

test("no value breaks the line, acts on a terminal, or fills the screen", () => {
  const text = notesText([
    note({ value: 'a"\n\u001b[2J\u202e', object: "Ingress a/\u009b1m\nlost: x" }),
    note({ value: "y".repeat(1000) }),
  ]);
  const lines = text.split("\n");
  equal(
    lines[0],
    String.raw`lost: a.yaml: Ingress a/\u009b1m\u000alost: x: s="a"\u000a\u001b[2J\u202e": Why.`,
  );
  equal(lines[1], `lost: a.yaml: Ingress a/a: s="${"y".repeat(200)}...": Why.`);
});

test("JSON has every note in full, and the messages", () => {
  const all = [note({ value: "y".repeat(1000) }), note({ outcome: "converted" })];
  deepEqual(JSON.parse(notesJson(all, ["m"])), { notes: all, messages: ["m"] });
});
