// Writes over the address of the page, as long as that is still the page's and has no parameters. Shows nothing.
export default function ({ parentElement, data }) {
  const host = parentElement.host ?? parentElement;
  const element = host.closest('[data-testid="stElementContainer"]') ?? host;
  element.style.display = "none";
  if (location.search || location.pathname.split("/").pop() !== data.page) return;
  history.replaceState(history.state, "", `${location.pathname}?${data.query}`);
}
