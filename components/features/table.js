// A list of features. A row is a link: a click or Enter opens its feature, Space or the box ticks it, arrow keys move.
// The list is one stop of the Tab key. Heads sort what is listed. Python owns the ticks: an edit sends all of them,
// numbered, and what Python drew before it saw the last edit is passed over. Text goes in by textContent alone.

const AT_FIRST = 50; // rows drawn before the rest is asked for

export default function (component) {
  const root = component.parentElement;
  root.features ??= new Features(root);
  root.features.draw(component);
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

class Features {
  constructor(root) {
    this.edits = 0;
    this.ticked = new Set();
    this.table = make("div", { role: "table", "aria-label": "Features", onkeydown: (event) => this.key(event) });
    this.list = make("div", { class: "fl" }, this.table);
    this.rest = make("button", { class: "more", type: "button", onclick: () => this.showAll() });
    root.append(this.list);
  }

  draw({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { setStateValue, setTriggerValue, query: data.query });
    if (data.seen >= this.edits) {
      this.edits = data.seen;
      this.ticked = new Set(data.ticked);
    }
    if (data.version !== this.version) {
      Object.assign(this, { version: data.version, columns: data.columns, rows: data.rows, limit: AT_FIRST, sort: null });
      this.fill();
    }
    for (const [feature, box] of this.boxes) box.checked = this.ticked.has(feature);
  }

  fill() {
    this.list.style.setProperty("--n", this.columns.length);
    this.boxes = new Map();
    const listed = this.sorted().slice(0, this.limit);
    const left = this.rows.length - listed.length;
    this.rest.textContent = `Show the other ${left}`;
    this.table.replaceChildren(this.head(), ...listed.map((row) => this.row(row)));
    this.list.replaceChildren(this.table, ...(left > 0 ? [this.rest] : []));
    this.links = [...this.list.querySelectorAll("a")];
    if (this.links.length) this.links[0].tabIndex = 0;
  }

  showAll() {
    const at = this.links.length;
    this.limit = this.rows.length;
    this.fill();
    this.go(this.links[at]);
  }

  sorted() {
    if (!this.sort) return this.rows;
    const { column, down } = this.sort;
    const value = (row) => row.values[column] ?? (down ? -Infinity : Infinity);
    return [...this.rows].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
  }

  head() {
    const heads = this.columns.map(({ title, help }, column) => {
      const mine = this.sort?.column === column, down = mine && this.sort.down;
      const button = make("button", {
        type: "button", text: title + (mine ? (down ? " ↓" : " ↑") : ""), "data-help": help, "aria-description": help,
        onclick: () => {
          this.sort = !mine ? { column, down: true } : down ? { column, down: false } : null;
          this.fill();
          this.list.querySelectorAll(".head button")[column].focus();
        },
      });
      return make("div", { class: "cell", role: "columnheader", "aria-sort": !mine ? "none" : down ? "descending" : "ascending" }, button);
    });
    return make("div", { class: "line head", role: "row" },
      make("div", { class: "box", role: "columnheader", "aria-label": "Chosen" }),
      make("div", { class: "main", role: "columnheader", text: "Feature" }), ...heads);
  }

  row({ feature, star, label, labelled, why, snippet, cells }) {
    const box = make("input", {
      type: "checkbox", tabindex: -1, "aria-label": `Choose feature ${feature}`, onchange: () => this.tick(feature, box.checked),
    });
    box.checked = this.ticked.has(feature);
    this.boxes.set(feature, box);
    const link = make("a", {
      href: `feature?${this.query ? this.query + "&" : ""}feature=${feature}`, tabindex: -1, "data-feature": feature,
      class: labelled ? "label" : "words",
      "aria-description": "Enter opens it, Space selects it, arrow keys move",
    }, make("span", { class: "number", text: feature }), " ", label, star ? " ★" : "");
    const main = make("div", { class: "main", role: "cell" }, link);
    if (snippet.length) main.append(make("span", { class: "snippet", dir: "auto" }, ...snippet.map(piece)));
    if (why.length) main.append(make("span", { class: "why", text: why.join(" · ") }));
    const numbers = cells.map((text, i) =>
      make("div", { class: "cell", role: "cell" }, make("span", { class: "name", text: this.columns[i].title }), text));
    return make("div", { class: "line row", role: "row", onclick: (event) => this.click(event, feature, box) },
      make("div", { class: "box", role: "cell" }, box), main, ...numbers);
  }

  click(event, feature, box) {
    if (event.target === box) return;
    if (event.target.closest(".box")) return box.click();
    const link = event.target.closest("a");
    if (event.ctrlKey || event.metaKey || event.shiftKey || (!link && String(getSelection()))) return;
    event.preventDefault();
    this.setTriggerValue("open", feature);
  }

  key(event) {
    const at = this.links.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.links.length - 1 }[event.key];
    if (event.key === " ") this.boxes.get(Number(event.target.dataset.feature)).click();
    else if (!this.links[to]) return;
    else this.go(this.links[to]);
    event.preventDefault();
  }

  go(link) {
    this.links.forEach((other) => (other.tabIndex = -1));
    link.tabIndex = 0;
    link.focus();
  }

  tick(feature, on) {
    on ? this.ticked.add(feature) : this.ticked.delete(feature);
    this.edits += 1;
    this.setStateValue("edit", { number: this.edits, ticked: [...this.ticked] });
  }
}

function piece([text, lit, strongest]) {
  if (!lit && !strongest) return text;
  const mark = make(strongest ? "mark" : "span", { class: `lit${strongest ? " strongest" : ""}`, text });
  mark.style.setProperty("--lit", lit);
  mark.style.color = "inherit";
  return mark;
}
