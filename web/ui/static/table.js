// table.js shows rows as they come. It keeps what has come in memory, but puts only as many rows into the page as were asked for:
// a browser that holds a hundred thousand table rows is of no use to anybody.
import { count, make, plural } from "./dom.js";

const page = 1000; // rows shown at first, and more with each press of the button
const held = 20000; // rows kept in memory; beyond that the server is asked to wait

export class Table {
  #columns = [];
  #rows = [];
  #shown = 0;
  #wanted = page;
  #made = 0;
  #total = null; // how many rows there are, once the server has said so
  #part; // the elements

  constructor(part) {
    this.#part = part;
    part.more.addEventListener("click", () => this.#showMore());
  }

  clear() {
    this.#columns = [];
    this.#rows = [];
    this.#shown = 0;
    this.#wanted = page;
    this.#made = 0;
    this.#total = null;
    this.#part.fields.replaceChildren();
    this.#part.rows.replaceChildren();
    this.#part.frame.hidden = true;
    this.#part.frame.scrollTop = 0;
    this.#tell();
  }

  header(fields) {
    this.#columns = fields;
    this.#part.fields.replaceChildren(...fields.map((name) => make("th", { scope: "col" }, name)));
  }

  // add takes a batch. It tells whether there is room for more.
  add(rows) {
    this.#rows.push(...rows);
    this.#fill();
    return this.#rows.length < held;
  }

  // made notes how many rows the server has, which may be more than it has sent.
  made(n) {
    this.#made = n;
    this.#tell();
  }

  end(total) {
    this.#total = total;
    this.#tell();
  }

  #showMore() {
    const first = this.#shown;
    this.#wanted += page;
    this.#fill();
    if (this.#rows.length < this.#wanted + page) this.#part.wantMore(page);
    this.#part.rows.rows[first]?.scrollIntoView({ block: "nearest" });
  }

  #fill() {
    const until = Math.min(this.#rows.length, this.#wanted);
    if (this.#columns.length === 0 && this.#rows.length > 0) this.header(columnsOf(this.#rows[0]));
    const batch = document.createDocumentFragment();
    for (; this.#shown < until; this.#shown++) batch.append(this.#line(this.#rows[this.#shown]));
    this.#part.rows.append(batch);
    this.#part.frame.hidden = this.#shown === 0;
    this.#tell();
  }

  #line(row) {
    const cells = this.#columns.map((name, i) => cell(valueAt(row, name, i)));
    if (this.#shown === 0) cells.forEach((td, i) => this.#part.fields.cells[i].classList.toggle("number", td.className === "number"));
    return make("tr", {}, ...cells);
  }

  #tell() {
    const { below, shown, more } = this.#part;
    const known = this.#total ?? Math.max(this.#rows.length, this.#made);
    const hidden = this.#shown < known;
    below.hidden = this.#shown === 0;
    more.hidden = !hidden;
    more.textContent = `Show ${count(Math.min(page, known - this.#shown))} more`;
    shown.textContent = hidden
      ? `Showing ${count(this.#shown)} of ${count(known)}${this.#total === null ? " so far" : ""}`
      : `${plural(this.#shown, "row")}${this.#total === null ? " so far" : ""}`;
  }
}

function columnsOf(row) {
  return row !== null && typeof row === "object" && !Array.isArray(row) ? Object.keys(row) : ["value"];
}

function valueAt(row, name, i) {
  if (Array.isArray(row)) return row[i];
  return row !== null && typeof row === "object" ? row[name] : row;
}

function cell(value) {
  if (value === undefined || value === null) return make("td", { className: "none" }, value === null ? "null" : "");
  if (typeof value === "number" || typeof value === "bigint") return make("td", { className: "number" }, String(value));
  if (typeof value !== "object") {
    const text = String(value);
    return make("td", /^[0-9a-f]{64}$/.test(text) ? { className: "hash", title: text } : {}, text);
  }
  const text = JSON.stringify(value, big);
  if (text.length <= 56) return make("td", {}, text);
  const whole = make("details", {}, make("summary", {}, text));
  whole.addEventListener("toggle", () => {
    if (whole.open && whole.childElementCount === 1) whole.append(make("pre", {}, JSON.stringify(value, big, 2)));
  });
  return make("td", {}, whole);
}

// big lets JSON.stringify write integers that are kept whole.
function big(_, value) {
  return typeof value === "bigint" ? JSON.rawJSON(String(value)) : value;
}
