// Tokens as buttons: a click, Enter or Space picks one or lets it go. Arrow keys move.
// Text is set as text, never as markup.
export default function ({ parentElement, data, setStateValue }) {
  let list = parentElement.querySelector(".tp");
  if (!list) {
    list = document.createElement("div");
    list.className = "tp";
    parentElement.appendChild(list);
  }
  const focused = list.getRootNode().activeElement?.dataset?.token;
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", data.label);
  const picked = new Set(data.picked);
  list.replaceChildren(
    ...data.tokens.map((token, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.token = i;
      button.textContent = token.shown;
      button.setAttribute("aria-pressed", picked.has(i));
      button.setAttribute("aria-label", `${token.shown.trim() || "space"}: ${token.about}`);
      button.dataset.about = token.about;
      button.style.setProperty("--lit", token.lit);
      button.disabled = token.off;
      button.tabIndex = -1;
      button.onclick = () => {
        picked.has(i) ? picked.delete(i) : picked.add(i);
        button.setAttribute("aria-pressed", picked.has(i));
        setStateValue("picked", [...picked].sort((a, b) => a - b));
      };
      return button;
    })
  );
  const buttons = [...list.querySelectorAll("button:not(:disabled)")];
  if (buttons.length) buttons[0].tabIndex = 0;
  const go = (to) => {
    buttons.forEach((b) => (b.tabIndex = -1));
    to.tabIndex = 0;
    to.focus();
  };
  list.onkeydown = (event) => {
    const at = buttons.indexOf(event.target);
    const keys = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 };
    const to = keys[event.key];
    if (at >= 0 && buttons[to]) {
      event.preventDefault();
      go(buttons[to]);
    }
  };
  if (focused !== undefined) {
    const again = buttons.find((b) => b.dataset.token === focused);
    if (again) go(again);
  }
}
