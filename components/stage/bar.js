// The stage's one line of controls: settings to step through, the master slider, the way back.
// An edit sends what is wanted, numbered: presses that follow each other quickly are all counted, and what Python
// drew before it saw the last one is passed over. Keys are heard on the whole page. A clicker sends PageDown and
// PageUp, which step wherever the focus is; arrow keys belong to the slider while it has the focus.

const KEYS_REST_MS = 120; // arrow keys held down are one edit
const STEPS = { PageDown: 1, ArrowRight: 1, PageUp: -1, ArrowLeft: -1 };

export default function (component) {
  const root = component.parentElement;
  root.bar ??= new Bar(root);
  root.bar.draw(component);
  return () => root.bar.deafen();
}

class Bar {
  constructor(root) {
    Object.assign(this, { edits: 0, wanted: { at: null, master: null } });
    this.name = part("div", { className: "name" });
    this.place = part("small");
    this.before = button("‹", "Setting before this one (left arrow, PageUp)", () => this.step(-1));
    this.after = button("›", "Next setting (right arrow, PageDown)", () => this.step(1));
    this.range = part("input", { type: "range", min: 0, step: 0.05 });
    this.range.setAttribute("aria-label", "Master: multiplies all clamps");
    this.range.oninput = () => this.write(this.range.valueAsNumber);
    this.range.onchange = () => this.slid();
    this.text = part("output");
    this.back = button("✕ Clamp page", "Back to the Clamp page (Escape, q)", () => this.leave());
    const label = part("label", { className: "master" }, part("span", { textContent: "master" }), this.range, this.text);
    root.append(part("div", { className: "bar" },
      part("div", { className: "steps" }, this.before, this.after, part("div", { className: "called" }, this.name, this.place)),
      label, this.back));
    this.hear = (event) => this.key(event);
  }

  draw({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { setStateValue, setTriggerValue });
    document.addEventListener("keydown", this.hear, true); // again is once
    if (data.seen < this.edits) return;
    Object.assign(this, { n: data.n, at: data.at, wanted: { at: null, master: null } });
    this.edits = Math.max(this.edits, data.seen);
    this.name.textContent = data.name;
    this.range.max = data.max_master;
    this.range.disabled = !data.slides;
    this.range.value = data.master;
    this.write(data.master);
    this.enable();
  }

  deafen() { document.removeEventListener("keydown", this.hear, true); }

  write(master) { this.text.textContent = `${master.toFixed(2)}x`; }

  enable() {
    this.before.disabled = this.at <= 0;
    this.after.disabled = this.at >= this.n - 1;
    this.place.textContent = `${this.at + 1} of ${this.n}`;
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const target = event.composedPath()[0];
    const slides = target.matches?.("input[type=range], [role=slider]");
    if (!slides && target.matches?.("input, textarea, select, [contenteditable]")) return;
    if (event.key === "Escape" || event.key === "q") this.leave();
    else if (event.key in STEPS && !(slides && event.key.startsWith("Arrow"))) this.step(STEPS[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(by) {
    const to = Math.min(Math.max(this.at + by, 0), this.n - 1);
    if (to === this.at) return;
    this.at = to;
    this.enable();
    this.name.textContent = "…";
    this.wanted = { at: to, master: null };
    this.send();
  }

  slid() {
    this.wanted.master = this.range.valueAsNumber;
    this.send(KEYS_REST_MS);
  }

  send(after = 0) {
    this.edits += 1;
    const edit = { number: this.edits, ...this.wanted };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setStateValue("edit", edit), after);
  }

  leave() { this.setTriggerValue("leave", true); }
}

function part(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function button(text, title, onclick) {
  const element = part("button", { type: "button", textContent: text, title, onclick });
  element.setAttribute("aria-label", title);
  return element;
}
