import { equal } from "node:assert/strict";
import { Cookie, type SessionData } from "express-session";
import { MemoryStore } from "../../demo/app/memory-store.ts";
import { test } from "../support/check.ts";

const IDLE_MS = 1000;

function visits(count: number): SessionData {
  return { cookie: new Cookie(), visits: count };
}

/** The visits of a session in the store, or null when there is none. */
function visitsOf(store: MemoryStore, sid: string): number | null {
  let found: number | null = null;
  store.get(sid, (_, session) => (found = session?.visits ?? null));
  return found;
}

/** A store and its clock, which stands until it is moved. */
function storeAndClock(capacity: number): { store: MemoryStore; clock: { ms: number } } {
  const clock = { ms: 0 };
  return { store: new MemoryStore({ capacity, idleTimeout: IDLE_MS, now: () => clock.ms }), clock };
}

test("a session that was stored is found, another is not", () => {
  const { store } = storeAndClock(10);
  store.set("a", visits(3));
  equal(visitsOf(store, "a"), 3);
  equal(visitsOf(store, "b"), null);
});

test("what is done to a session after it was stored does not reach the store", () => {
  const { store } = storeAndClock(10);
  const session = visits(1);
  store.set("a", session);
  session.visits = 99;
  equal(visitsOf(store, "a"), 1);
});

test("a destroyed session is gone", () => {
  const { store } = storeAndClock(10);
  store.set("a", visits(1));
  store.destroy("a");
  equal(visitsOf(store, "a"), null);
});

test("an idle session lives until its timeout and not longer", () => {
  const { store, clock } = storeAndClock(10);
  store.set("a", visits(1));
  clock.ms = IDLE_MS - 1;
  equal(visitsOf(store, "a"), 1);
  clock.ms = IDLE_MS;
  equal(visitsOf(store, "a"), null);
});

test("a touched session lives on", () => {
  const { store, clock } = storeAndClock(10);
  store.set("a", visits(1));
  clock.ms = IDLE_MS - 1;
  store.touch("a", visits(1));
  clock.ms = 2 * IDLE_MS - 2;
  equal(visitsOf(store, "a"), 1);
});

test("touching a session that is gone brings nothing back", () => {
  const { store } = storeAndClock(10);
  store.touch("a", visits(1));
  equal(store.size, 0);
});

test("expired sessions leave the memory although nobody asks for them", () => {
  const { store, clock } = storeAndClock(10);
  for (const sid of ["a", "b", "c"]) store.set(sid, visits(1));
  clock.ms = IDLE_MS;
  store.set("d", visits(1));
  equal(store.size, 1);
});

test("a full store gives up the session unused for longest", () => {
  const { store } = storeAndClock(3);
  for (const sid of ["a", "b", "c"]) store.set(sid, visits(1));
  store.touch("a", visits(1));
  store.set("d", visits(1));
  equal(visitsOf(store, "b"), null);
  for (const sid of ["a", "c", "d"]) equal(visitsOf(store, sid), 1, sid);
});

test("a hundred thousand visitors without cookies stay within the capacity", () => {
  const { store } = storeAndClock(1000);
  for (let visitor = 0; visitor < 100_000; visitor++) store.set(`visitor ${visitor}`, visits(1));
  equal(store.size, 1000);
});
