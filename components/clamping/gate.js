// Two strips of a gate's statistic, questions to forget and to keep, with tau between them as a handle.
// Every count is known beforehand, so that a moving handle waits for nothing; where it is let go, Python hears of it.

const KEYS_REST_MS = 250; // arrow keys held down are one edit
const BARS = 80;
const SVG = "http://www.w3.org/2000/svg";

export default function (component) {
  const root = component.parentElement;
  root.gate ??= new Gate(root);
  root.gate.draw(component);
}

function drawn(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const percent = (n, of) => (of ? `${Math.round((100 * n) / of)} %` : "none");

class Gate {
  constructor(root) {
    this.edits = 0;
    this.counts = make("p", { "aria-live": "polite" });
    this.strips = make("div", { class: "strips" });
    this.line = make("div", { class: "tau" }, make("span", { text: "tau" }));
    this.range = make("input", {
      type: "range", min: 0, "aria-label": "Tau: the gate opens above it",
      oninput: () => this.set(this.range.valueAsNumber), onchange: () => this.send(KEYS_REST_MS),
    });
    this.box = make("input", {
      type: "number", min: 0, "aria-label": "Tau exactly",
      onchange: () => {
        const tau = this.box.valueAsNumber;
        if (Number.isFinite(tau) && tau >= 0) { this.set(Math.min(tau, this.most)); this.send(); } else this.write();
      },
    });
    this.low = make("span");
    this.high = make("span");
    this.what = make("span", { class: "what" });
    root.append(
      this.counts,
      make("div", { class: "picture" }, this.strips, make("div", { class: "over" }, this.line, this.range)),
      make("div", { class: "axis" }, this.low, this.what, this.high),
      make("label", { class: "exact" }, make("span", { text: "tau" }), this.box),
    );
  }

  draw({ data, setStateValue }) {
    this.setStateValue = setStateValue;
    if (data.seen < this.edits) return;
    Object.assign(this, { data, tau: data.tau, most: data.most });
    Object.assign(this.range, { max: data.top, step: data.step });
    this.box.step = data.step;
    this.low.textContent = "0";
    this.high.textContent = data.top;
    this.what.textContent = data.what;
    const all = data.strips.map((strip) => this.bins(strip));
    const largest = Math.max(...all.flatMap((bins, i) => bins.map(({ count }) => count / data.strips[i].n)), 0);
    this.bars = data.strips.map((strip, i) => this.strip(strip, all[i], largest));
    this.strips.replaceChildren(...this.bars.map((bar) => bar.element));
    this.write();
  }

  // Where on the picture (0 to 1000) how many questions stand; closed where tau is at `edge` or above.
  bins({ n, above }) {
    const steps = above.length - 1, group = Math.max(1, Math.ceil(steps / BARS));
    const bins = [{ x: -6, width: 7, count: n - above[0], edge: 0 }];
    for (let from = 0; from < steps; from += group) {
      const to = Math.min(from + group, steps);
      bins.push({ x: (1000 * from) / steps + 1.5, width: (1000 * (to - from)) / steps, count: above[from] - above[to], edge: to * this.data.step });
    }
    return bins.filter(({ count }) => count);
  }

  strip({ role, title, n }, bins, largest) {
    const picture = drawn("svg", {
      viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${n} questions by the gate's statistic`,
    });
    const bars = bins.map(({ x, width, count, edge }) => {
      // Square root: a bar of one question is seen beside one of a hundred.
      const height = Math.max(4, 100 * Math.sqrt(count / n / largest));
      const bar = drawn("rect", { x, width: Math.max(width - 1.5, 2), y: 100 - height, height });
      bar.edge = edge;
      return bar;
    });
    picture.append(...bars);
    return { bars, element: make("div", { class: `strip ${role}` }, make("span", { text: title }), picture) };
  }

  set(tau) {
    this.tau = tau;
    this.write();
  }

  open(strip) {
    if (this.tau === this.data.tau) return strip.open;
    const { above } = strip, k = Math.min(above.length - 1, Math.round(this.tau / this.data.step));
    return above[k];
  }

  write() {
    const { data, tau } = this, top = data.top;
    this.range.value = tau;
    this.box.value = Number(tau.toPrecision(6));
    this.line.style.insetInlineStart = `${100 * Math.min(1, tau / top)}%`;
    this.line.classList.toggle("late", tau > 0.6 * top);
    for (const { bars } of this.bars) for (const bar of bars) bar.classList.toggle("closed", bar.edge <= tau);
    const said = data.strips.map((strip) => {
      const n = this.open(strip);
      return [make("b", { class: strip.role, text: `${n} of ${strip.n} (${percent(n, strip.n)})` }), ` in ${strip.title}`];
    });
    this.counts.replaceChildren("Open on ", ...said[0], ", ", ...said[1], ".");
    this.range.setAttribute("aria-valuetext", `${Number(tau.toPrecision(4))}. ${this.counts.textContent}`);
  }

  send(after = 0) {
    this.edits += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setStateValue("edit", { number: this.edits, tau: this.tau }), after);
  }
}
