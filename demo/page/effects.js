import { element, setText } from "./dom.js";

const KEPT = 4;
const COLUMNS = ["pinned", "moved", "lost", "failed", "new"];

/** What the last actions did to the crowd's sessions. Its list is in the page when this is made. */
export class Effects {
  #hosts;
  #list = document.getElementById("effects");
  #status = document.getElementById("effect-status");

  /** @param hosts `{ id, title }`, in the order of the panels */
  constructor(hosts) {
    this.#hosts = hosts;
  }

  /** Says what is going on, or what went wrong. */
  say(sentence, isTrouble = false) {
    setText(this.#status, sentence);
    this.#status.classList.toggle("is-trouble", isTrouble);
  }

  /** @param report of POST /api/crowd */
  add(done, report) {
    const sentences = this.#hosts.map(({ id, title }) => `${title}: ${words(report[id])}.`);
    this.say(`${done}. ${sentences.join(" ")}`);
    const item = element("li");
    item.append(this.#table(done, report));
    this.#list.prepend(item);
    while (this.#list.childElementCount > KEPT) this.#list.lastElementChild.remove();
  }

  #table(done, report) {
    const table = element("table");
    table.append(element("caption", done));
    const head = table.createTHead().insertRow();
    for (const text of ["host", ...COLUMNS]) {
      const cell = element("th", text);
      cell.scope = "col";
      if (text !== "host") cell.dataset.kind = text;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const { id, title } of this.#hosts) {
      const row = body.insertRow();
      row.dataset.host = id;
      const name = element("th", title);
      name.scope = "row";
      row.append(name);
      for (const column of COLUMNS) {
        const cell = element("td", String(report[id][column]));
        cell.dataset.kind = column;
        cell.classList.toggle("is-zero", report[id][column] === 0);
        row.append(cell);
      }
      body.append(partsRow(report[id]));
    }
    return table;
  }
}

/** The row's numbers as a bar, for the eye alone. Of those that moved, the ones that were lost are told as lost. */
function partsRow({ pinned, moved, lost, failed, new: newcomers }) {
  const row = element("tr", "", "of-parts");
  row.setAttribute("aria-hidden", "true");
  const bar = element("div", "", "parts");
  const kept = { pinned: pinned - Math.max(0, lost - moved), moved: Math.max(0, moved - lost) };
  for (const [kind, count] of Object.entries({ ...kept, lost, failed, new: newcomers })) {
    if (count === 0) continue;
    const part = element("span");
    part.dataset.kind = kind;
    part.style.flexGrow = String(count);
    bar.append(part);
  }
  const cell = element("td");
  cell.colSpan = COLUMNS.length + 1;
  cell.append(bar);
  row.append(cell);
  return row;
}

/** "90 pinned, 10 moved, 10 lost" */
function words(counts) {
  const told = COLUMNS.filter((column) => counts[column] > 0);
  return told.map((column) => `${counts[column]} ${column}`).join(", ") || "nobody came";
}
