import { element, fromTemplate, keyedItems, setText, suffix } from "./dom.js";

const KINDS = ["new", "pinned", "moved", "lost", "failed"];
const RECENT = 5;
// The whole of a token is 71 characters and of a session's cookie some 80; its beginning tells it from the next one.
const SHOWN = 20;

const AFFINITY_COOKIE = "affinity";
const WHOSE = {
  [AFFINITY_COOKIE]: "the gateway's: brings you back",
  "connect.sid": "the application's: your session",
};

/** What one host has answered to this browser. */
export class Panel {
  /** @param host `{ id, title, summary, link }` */
  constructor({ id, title, summary, link }) {
    const root = fromTemplate("host-template").firstElementChild;
    this.root = root;
    this.id = id;
    this.parts = Object.fromEntries(
      Array.from(root.querySelectorAll("[data-part]"), (part) => [part.dataset.part, part]),
    );
    root.id = id;
    const heading = root.querySelector("h2");
    heading.id = `${id}-title`;
    heading.textContent = title;
    root.setAttribute("aria-labelledby", heading.id);
    this.parts.summary.textContent = summary;
    this.parts.link.textContent = link.replace(/^https?:\/\/|\/$/g, "");
    this.parts.link.href = link;
    this.totals = new Map(KINDS.map((kind) => [kind, this.#total(kind)]));
    this.cookies([]);
  }

  /** @param pods `{ name, state }`, in the order that all panels have; @param trouble what is known to be wrong, or "" */
  update(visitor, pods, trouble) {
    const { last, totals, visits } = visitor;
    const newest = visits.at(-1);
    setText(this.parts.count, last === null ? "–" : `${last.count}th`);
    setText(this.parts.pod, last === null ? "no answer yet" : `at ${suffix(last.pod)}`);
    const reason = newest?.kind === "failed" ? newest.reason : trouble;
    setText(this.parts.trouble, reason);
    this.parts.trouble.hidden = reason === "";
    for (const [kind, number] of this.totals) {
      setText(number, String(totals[kind]));
      number.classList.toggle("is-zero", totals[kind] === 0);
    }
    this.#pods(visitor, pods);
    this.#strip(visits);
    const recent = visits.slice(-RECENT).reverse();
    this.parts.recent.replaceChildren(...recent.map(line));
  }

  /** @param cookies `{ name, value }` as the server got them */
  cookies(cookies) {
    const rows = cookies.map(({ name, value }) => {
      const row = element("div");
      const shown = value.length > SHOWN ? `${value.slice(0, SHOWN)}… (${value.length} characters)` : value;
      const isIdle = name === AFFINITY_COOKIE && this.id !== "abc";
      const whose = isIdle ? "the gateway's: not read here" : (WHOSE[name] ?? "");
      row.append(element("dt", name), element("dd", whose), element("dd", shown, "value"));
      return row;
    });
    if (rows.length === 0) {
      rows.push(element("div"));
      rows[0].append(element("dt", "none"), element("dd", "the next visit is a newcomer's"));
    }
    this.parts.cookies.replaceChildren(...rows);
  }

  #total(kind) {
    const row = element("div");
    const name = element("dt", kind);
    name.dataset.kind = kind;
    const number = element("dd", "0");
    number.dataset.total = kind;
    row.append(name, number);
    this.parts.totals.append(row);
    return number;
  }

  #pods({ byPod, last, totals }, pods) {
    const states = new Map(pods.map(({ name, state }) => [name, state]));
    const served = totals.requests - totals.failed;
    keyedItems(this.parts.pods, [...states.keys()], podCell);
    for (const cell of this.parts.pods.children) {
      const name = cell.dataset.key;
      const count = byPod.get(name) ?? 0;
      const share = served === 0 ? 0 : Math.round((count / served) * 100);
      const [, state, number, bar] = cell.children;
      setText(state, states.get(name) === "ready" ? "" : states.get(name));
      setText(number, count === 0 ? "–" : `${count}\u2009·\u2009${share}%`);
      bar.firstElementChild.style.width = `${share}%`;
      cell.dataset.state = states.get(name);
      cell.classList.toggle("is-last", last?.pod === name);
      if (count > Number(cell.dataset.count ?? 0)) flash(cell);
      cell.dataset.count = String(count);
    }
  }

  /** A square for each visit; those that are there stay, so that a long run costs as little as a short one. */
  #strip(visits) {
    const { strip } = this.parts;
    const from = Number(strip.lastElementChild?.dataset.number ?? 0);
    for (const { number, kind, lost } of visits) {
      if (number <= from) continue;
      const square = element("span");
      square.dataset.kind = lost ? "lost" : kind;
      square.dataset.number = String(number);
      strip.append(square);
    }
    while (strip.childElementCount > visits.length) strip.firstElementChild.remove();
  }
}

function podCell(name) {
  const cell = element("li");
  cell.title = name;
  const bar = element("span", "", "bar");
  bar.append(element("span"));
  cell.append(
    element("span", suffix(name), "name"),
    element("span", "", "state"),
    element("span", "–", "number"),
    bar,
  );
  return cell;
}

function line({ number, kind, lost, pod, count, reason }) {
  const item = element("li");
  const word = element("strong", lost ? `${kind}, lost` : kind);
  word.dataset.kind = lost ? "lost" : kind;
  const text = pod === undefined ? reason : `${count}th at ${suffix(pod)}`;
  item.append(element("span", `#${number}`, "number"), word, element("span", text));
  return item;
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Lights a cell up, for those who like motion; the pod of the last answer is marked in any case. */
function flash(cell) {
  if (still.matches) return;
  for (const running of cell.getAnimations()) running.cancel();
  const lit = getComputedStyle(cell).getPropertyValue("--lit");
  cell.animate([{ backgroundColor: lit }, {}], { duration: 600, easing: "ease-out" });
}
