// Rows as Python wrote them: components/tokens/view.py escapes every piece of text. A row's button says which row's text
// is to be tried, and brings the field for it into sight.
export default function ({ parentElement, data, setTriggerValue }) {
  let rows = parentElement.querySelector(".rows");
  if (!rows) {
    rows = document.createElement("div");
    rows.className = "rows";
    rows.style.font = "400 1rem/1.5 var(--st-font)";
    rows.style.color = "var(--st-text-color)";
    parentElement.appendChild(rows);
  }
  if (rows.shown !== data.html) {
    rows.shown = data.html;
    rows.innerHTML = data.html;
  }
  rows.onclick = (event) => {
    const button = event.target.closest(".tv-try");
    if (!button) return;
    setTriggerValue("tried", Number(button.dataset.row));
    const field = document.querySelector(`.st-key-${data.field} textarea`);
    field?.scrollIntoView({ block: "center" });
    field?.focus({ preventScroll: true });
  };
}
