// One row a clamped feature, all of them in one element: sixty redraw as fast as one.
// Python owns the board. An edit sends the whole board back, numbered, so that none is lost when two follow each
// other quickly, and what Python drew before it saw the last edit is passed over. Text goes in by textContent alone.
// Two Tab stops a row, the range and the menu: fifty rows have to be walked through. All else has a key (KEYS).

const KEYS_REST_MS = 120; // arrow keys held down are one edit
const KEYS = "On a range: the arrows move it, Space turns its clamp on or off, Enter goes to the number box and back, "
  + "S is solo, R resets, O opens the feature's page, Delete removes. Tab goes on to the row's menu.";

export default function (component) {
  const root = component.parentElement;
  root.sliders ??= new Sliders(root);
  root.sliders.draw(component);
}

const number = (value, digits = 1) => `${Number(value.toFixed(digits))}`.replace("-", "−");

class Sliders {
  constructor(root) {
    this.edits = 0;
    this.rows = new Map();
    this.masterRange = make("input", {
      type: "range", min: 0, step: 0.05, "aria-label": "Master multiplier",
      oninput: () => this.setMaster(this.masterRange.valueAsNumber), onchange: () => this.send(KEYS_REST_MS),
    });
    this.masterText = make("output");
    const keys = make("p", { class: "keys", id: "keys", text: KEYS, hidden: "" });
    const showKeys = make("button", {
      text: "Keys", title: KEYS, "aria-expanded": false, "aria-controls": "keys",
      onclick: () => { keys.hidden = !keys.hidden; showKeys.setAttribute("aria-expanded", !keys.hidden); },
    });
    const zero = make("span", { text: "0", title: "0 ablates the feature: the tick on every range" });
    this.head = make("div", { class: "head", "aria-hidden": true },
      make("span", { class: "name", text: "feature" }), make("span", { class: "track" }, zero),
      make("span", { class: "fires", text: "questions it fires on: forget / retain" }));
    this.list = make("div", {
      class: "list", role: "group", "aria-label": "Clamped features", "aria-describedby": "keys", onscroll: () => this.menu.place(),
    });
    this.menu = new Menu(this);
    root.append(make("div", { class: "sliders" },
      make("div", { class: "master" }, make("span", { text: "master" }), this.masterRange, this.masterText, showKeys),
      keys, this.head, this.list, this.menu.element));
  }

  draw({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { setStateValue, setTriggerValue });
    if (data.seen < this.edits) return;
    Object.assign(this, { unit: data.unit, low: data.low, high: data.high, step: data.step, solo: data.solo });
    this.list.parentElement.style.setProperty("--zero", -data.low / (data.high - data.low));
    this.masterRange.max = data.max_master;
    const focused = this.list.getRootNode().activeElement;
    const rows = new Map(), parts = [];
    for (const { title, rows: members } of data.groups) {
      if (title) parts.push(make("h4", { text: `${title} (${members.length})` }));
      for (const slider of members) {
        const row = this.rows.get(slider.feature) ?? new Row(this, slider.feature);
        row.take(slider);
        rows.set(slider.feature, row);
        parts.push(row.element);
      }
    }
    this.rows = rows;
    if (!rows.has(this.menu.row?.feature)) this.menu.close();
    this.setMaster(data.master);
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
    const all = [...this.list.querySelectorAll(".row")], i = all.indexOf(row.element);
    (all[i + 1] ?? all[i - 1])?.querySelector(".track input").focus();
    this.rows.delete(row.feature);
    row.element.remove();
    if (this.solo === row.feature) this.setSolo(row.feature);
    else this.send();
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
  constructor(board, feature) {
    Object.assign(this, { board, feature });
    this.toggle = make("input", {
      type: "checkbox", class: "toggle", tabindex: -1, "aria-label": `Clamp feature ${feature}`, onchange: () => this.turn(this.toggle.checked),
    });
    this.label = make("span");
    const name = make("button", { class: "name", tabindex: -1, onclick: () => this.open() }, make("b", { text: feature }), this.label);
    this.range = make("input", {
      type: "range", onkeydown: (event) => this.key(event),
      oninput: () => this.set(this.range.valueAsNumber * this.size(), false), onchange: () => board.send(KEYS_REST_MS),
    });
    this.box = make("input", {
      type: "number", class: "value", tabindex: -1, "aria-label": `Exact value of feature ${feature}`, onkeydown: (event) => this.leave(event),
      onchange: () => Number.isFinite(this.box.valueAsNumber) ? this.set(this.box.valueAsNumber * this.size(), true) : this.write(),
    });
    this.unitText = make("span");
    this.other = make("span");
    this.fires = make("span", { class: "fires" });
    this.more = make("button", {
      class: "more", text: "⋯", "aria-label": `More for feature ${feature}`, "aria-haspopup": "menu", "aria-expanded": false,
      onclick: () => board.menu.toggle(this), onkeydown: (event) => board.menu.key(event, this),
    });
    this.element = make("div", { class: "row" }, this.toggle, name, make("span", { class: "track" }, this.range), this.box,
      make("span", { class: "said" }, this.unitText, this.other), this.fires, this.more);
  }

  take(slider) {
    Object.assign(this, slider);
    this.label.textContent = `: ${this.name}`;
    this.fires.textContent = `${this.forget} / ${this.retain}`;
    this.range.setAttribute("aria-label", `feature ${this.feature}: ${this.name}`);
  }

  size() { return { raw: 1, "x max": this.unit, "x residual": this.residual }[this.board.unit]; }

  open() { this.board.setTriggerValue("open", this.feature); }

  goBack() { this.set(this.reset, true); }

  backTo() { return `${number(this.reset / this.unit, 2)}x`; }

  turn(on) {
    this.on = on;
    this.write();
    this.board.send();
  }

  set(value, finished) {
    this.value = Math.round(value * 100) / 100;
    this.write();
    if (finished) this.board.send();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const does = {
      " ": () => this.turn(!this.on), Enter: () => { this.box.focus(); this.box.select(); },
      s: () => this.board.setSolo(this.feature), r: () => this.goBack(), o: () => this.open(),
      Delete: () => this.board.remove(this), Backspace: () => this.board.remove(this),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (does) stop(event, event.repeat ? () => {} : does);
  }

  // A value typed is taken when the box loses the focus, but for Escape.
  leave(event) {
    if (event.key === "Escape") this.write();
    if (event.key === "Escape" || event.key === "Enter") stop(event, () => this.range.focus());
  }

  write() {
    const { board, unit, value } = this, size = this.size(), shown = value / size, span = unit / size;
    this.toggle.checked = this.on;
    // The ends are the same in every row, so that zero is; a value beyond them stands in the box alone.
    Object.assign(this.range, { min: board.low * span, max: board.high * span, step: board.step * span });
    this.range.value = shown;
    this.box.step = board.step * span;
    this.box.value = shown.toFixed(board.unit === "raw" ? 1 : 2);
    const place = (times) => Math.min(1, Math.max(0, (times - board.low) / (board.high - board.low)));
    const zero = place(0), at = place(value / unit), { style, classList } = this.element;
    style.setProperty("--from", Math.min(zero, at));
    style.setProperty("--to", Math.max(zero, at));
    const silent = this.on && board.solo !== null && board.solo !== this.feature;
    classList.toggle("off", silent || !this.on);
    classList.toggle("beyond", value / unit < board.low || value / unit > board.high);
    const times = `${number(value / unit, 2)}x max`, raw = `${number(value)} raw`;
    const other = value === 0 ? "ablated" : board.unit === "raw" ? times : raw;
    this.unitText.textContent = board.unit;
    const alone = board.solo === this.feature ? "solo" : other;
    this.other.textContent = silent ? "silent" : this.on ? alone : alone === "solo" ? "solo, off" : "off";
    this.range.setAttribute("aria-valuetext",
      `${number(value / unit, 2)} times its maximum, ${raw}${silent ? ", silent" : this.on ? "" : ", off"}`);
    const scaled = board.master === 1 ? "" : `, ${number(value * board.master)} with the master`;
    const state = silent ? "Silent, as another is solo: " : this.on ? "" : "Off, keeps ";
    this.said = `${state}${times}, ${raw}${scaled}. Fires on ${this.forget} forget, ${this.retain} retain questions.`;
    this.element.title = `${this.feature}: ${this.name}\n${this.said}`;
  }
}

const stop = (event, does) => { event.preventDefault(); event.stopPropagation(); does(); };

// One menu for all rows, in the top layer: the list, which scrolls, would cut it off.
class Menu {
  constructor(board) {
    this.row = null;
    this.head = make("p", { id: "about" });
    const item = (text, key, does, role = "menuitem") => {
      const label = make("span", { text });
      const button = make("button", { role, tabindex: -1, "aria-keyshortcuts": key, onclick: () => this.choose(does) }, label, make("kbd", { text: key, "aria-hidden": true }));
      return { button, label };
    };
    const items = {
      open: item("Open the feature's page", "O", (row) => row.open()),
      solo: item("Solo: this clamp alone", "S", (row) => board.setSolo(row.feature), "menuitemcheckbox"),
      reset: item("", "R", (row) => row.goBack()),
      remove: item("Remove", "Delete", (row) => board.remove(row)),
    };
    Object.assign(this, { board, items, buttons: Object.values(items).map(({ button }) => button) });
    this.element = make("div", { class: "menu", popover: "manual", onkeydown: (event) => this.walk(event) },
      this.head, make("div", { role: "menu", "aria-label": "More for this feature", "aria-describedby": "about" }, ...this.buttons));
    this.outside = (event) => {
      const path = event.composedPath();
      if (!path.includes(this.element) && !path.includes(this.row.more)) this.close();
    };
    this.moved = () => this.place();
  }

  listen(how) {
    window[how]("pointerdown", this.outside, true);
    for (const type of ["scroll", "resize"]) window[how](type, this.moved, true);
  }

  open(row, at = 0) {
    this.close();
    this.row = row;
    this.head.textContent = `${row.feature}: ${row.name}. ${row.said}`;
    this.items.solo.button.setAttribute("aria-checked", this.board.solo === row.feature);
    this.items.reset.label.textContent = `Reset to ${row.backTo()}`;
    row.more.setAttribute("aria-expanded", true);
    this.element.showPopover();
    this.place();
    this.buttons.at(at).focus({ preventScroll: true });
    this.listen("addEventListener");
  }

  // Beside its button, also where the page moves below it; gone with a row that is scrolled out of the list.
  place() {
    if (!this.row) return;
    const button = this.row.more.getBoundingClientRect(), list = this.board.list.getBoundingClientRect();
    const { width, height } = this.element.getBoundingClientRect();
    if (button.bottom < list.top || button.top > list.bottom) return this.close();
    const below = button.bottom + 4, fits = below + height < window.innerHeight - 8;
    this.element.style.left = `${Math.max(8, button.right - width)}px`;
    this.element.style.top = `${fits ? below : Math.max(8, button.top - 4 - height)}px`;
  }

  close() {
    if (!this.row) return;
    const { more } = this.row, inside = this.element.contains(this.element.getRootNode().activeElement);
    this.listen("removeEventListener");
    this.row = null;
    more.setAttribute("aria-expanded", false);
    this.element.hidePopover();
    if (inside) more.focus({ preventScroll: true });
  }

  toggle(row) {
    if (this.row === row) this.close();
    else this.open(row);
  }

  choose(does) {
    const row = this.row;
    this.close();
    does(row);
  }

  // On the menu's button.
  key(event, row) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") stop(event, () => this.open(row, event.key === "ArrowDown" ? 0 : -1));
  }

  walk(event) {
    const { buttons } = this, i = buttons.indexOf(this.element.getRootNode().activeElement);
    const to = { ArrowDown: i + 1, ArrowUp: i - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[event.key];
    if (to !== undefined) stop(event, () => buttons[to % buttons.length].focus());
    else if (event.key === "Escape") stop(event, () => this.close());
    else if (event.key === "Tab") this.close(); // goes on from the button
  }
}
