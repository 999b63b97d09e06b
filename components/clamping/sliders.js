// One row a clamped feature, all of them in one element: sixty redraw as fast as one.
// Python owns the board. An edit sends the whole board back, numbered, so that none is lost when two follow each
// other quickly, and what Python drew before it saw the last edit is passed over. Text goes in by textContent alone.

const KEYS_REST_MS = 120; // arrow keys held down are one edit

export default function (component) {
  const root = component.parentElement;
  root.sliders ??= new Sliders(root);
  root.sliders.draw(component);
}

const number = (value, digits = 1) => value.toFixed(digits).replace("-", "−");

class Sliders {
  constructor(root) {
    this.edits = 0;
    this.rows = new Map();
    this.masterRange = make("input", {
      type: "range", min: 0, step: 0.05, "aria-label": "Master multiplier",
      oninput: () => this.setMaster(this.masterRange.valueAsNumber), onchange: () => this.send(KEYS_REST_MS),
    });
    this.masterText = make("output");
    this.list = make("div", { class: "list" });
    root.append(make("div", { class: "master" }, make("span", { text: "master" }), this.masterRange, this.masterText), this.list);
  }

  draw({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { setStateValue, setTriggerValue });
    if (data.seen < this.edits) return;
    Object.assign(this, { unit: data.unit, reset: data.reset, low: data.low, high: data.high, step: data.step, solo: data.solo });
    this.masterRange.max = data.max_master;
    this.setMaster(data.master);
    const focused = this.list.getRootNode().activeElement;
    const rows = new Map(), parts = [];
    for (const { title, rows: members } of data.groups) {
      if (title) parts.push(make("h4", { text: `${title} (${members.length})` }));
      for (const slider of members) {
        const row = this.rows.get(slider.feature) ?? new Row(this, slider);
        row.show(slider);
        rows.set(slider.feature, row);
        parts.push(row.element);
      }
    }
    this.rows = rows;
    if (parts.length !== this.list.children.length || parts.some((part, i) => part !== this.list.children[i])) {
      const top = this.list.scrollTop;
      this.list.replaceChildren(...parts);
      this.list.scrollTop = top;
      if (focused && this.list.contains(focused)) focused.focus({ preventScroll: true });
    }
  }

  setMaster(value) {
    this.master = value;
    this.masterRange.value = value;
    this.masterText.textContent = `${value.toFixed(2)}x`;
    for (const row of this.rows.values()) row.write();
  }

  setSolo(feature) {
    this.solo = this.solo === feature ? null : feature;
    for (const row of this.rows.values()) row.write();
    this.send();
  }

  remove(row) {
    this.rows.delete(row.feature);
    row.element.remove();
    if (this.solo === row.feature) this.solo = null;
    this.send();
  }

  send(after = 0) {
    this.edits += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setStateValue("edit", {
      number: this.edits, master: this.master, solo: this.solo,
      rows: [...this.rows.values()].map((row) => [row.feature, row.value, row.on]),
    }), after);
  }
}

class Row {
  constructor(board, { feature }) {
    Object.assign(this, { board, feature });
    this.toggle = make("input", {
      type: "checkbox", "aria-label": `Clamp feature ${feature}`,
      onchange: () => { this.on = this.toggle.checked; this.write(); board.send(); },
    });
    this.name = make("button", { class: "name", onclick: () => board.setTriggerValue("open", feature) });
    this.solo = make("button", { text: "solo", "aria-label": `Solo feature ${feature}: only this clamp is in force`, onclick: () => board.setSolo(feature) });
    const reset = make("button", { text: "↺", title: "reset", onclick: () => this.set(board.reset * this.unit, true) });
    reset.setAttribute("aria-label", `Reset feature ${feature} to ${board.reset} times its maximum`);
    const remove = make("button", { text: "✕", title: "remove", "aria-label": `Remove feature ${feature}`, onclick: () => board.remove(this) });
    this.range = make("input", {
      type: "range", "aria-label": `Value of feature ${feature}`,
      oninput: () => this.set(this.range.valueAsNumber * this.size(), false), onchange: () => board.send(KEYS_REST_MS),
    });
    this.box = make("input", {
      type: "number", "aria-label": `Exact value of feature ${feature}`,
      onchange: () => Number.isFinite(this.box.valueAsNumber) ? this.set(this.box.valueAsNumber * this.size(), true) : this.write(),
    });
    this.unitText = make("span", { class: "unit" });
    this.note = make("small");
    this.element = make("div", { class: "row" },
      make("div", { class: "line" }, this.toggle, this.name, this.solo, reset, remove),
      make("div", { class: "line" }, this.range, this.box, this.unitText), this.note);
  }

  show(slider) {
    Object.assign(this, { value: slider.value, on: slider.on, unit: slider.unit, residual: slider.residual, fires: slider.fires });
    this.name.textContent = `${this.feature} · ${slider.name}`;
    this.name.title = `Open the page of feature ${this.feature}: ${slider.name}`;
    this.write();
  }

  size() { return { raw: 1, "x max": this.unit, "x residual": this.residual }[this.board.unit]; }

  set(value, finished) {
    this.value = Math.round(value * 100) / 100;
    this.write();
    if (finished) this.board.send();
  }

  write() {
    const { board, unit, value } = this, size = this.size(), shown = value / size, span = unit / size;
    this.toggle.checked = this.on;
    Object.assign(this.range, { min: Math.min(board.low * span, shown), max: Math.max(board.high * span, shown), step: board.step * span });
    this.range.value = shown;
    this.box.step = board.step * span;
    this.box.value = shown.toFixed(board.unit === "raw" ? 1 : 2);
    this.unitText.textContent = board.unit;
    const silent = this.on && board.solo !== null && board.solo !== this.feature;
    const other = value === 0 ? "0: ablated" : board.unit === "x max" ? `${number(value)} raw` : `${number(value / unit, 2)}x max`;
    const scaled = board.master === 1 ? "" : `, ${number(value * board.master)} with the master`;
    const kept = silent ? "silent: another is solo" : this.on ? other + scaled : `off, keeps ${other}`;
    this.note.textContent = `${kept} · fires on ${this.fires}`;
    this.range.setAttribute("aria-valuetext", `${(value / unit).toFixed(2)} times its maximum, ${value.toFixed(1)} raw`);
    this.solo.setAttribute("aria-pressed", board.solo === this.feature);
    this.element.classList.toggle("off", silent || !this.on);
  }
}
