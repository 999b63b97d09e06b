"""Pictures of every page of the demo, for a look at all of them: make pictures.

Light and dark at three widths, as PNGs in the folder PICTURES (cache/pictures unless given). A line
each: the file, its size, and whether the page scrolls sideways, of which one makes exit status 1.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from backend.engine.engine import Engine
from backend.interventions.board import board_of, write_link
from backend.setups import load_setup
from backend.store import ROOT, cache_folder
from tests.browser.app import running
from tests.browser.conftest import CHROMIUM

SCHEMES = ("light", "dark")
SIZES = ((1440, 900), (900, 900), (390, 844))
PRESET = "forget-biology"
WAIT_MS = 300_000
STILL_MS = 1500
"""So long nothing may run: a page that runs again has ended once before."""
MOVES_MS = 1000
"""So long the sidebar moves when the window becomes narrow."""
ENDED = """(still) => {
  const app = document.querySelector('[data-testid="stApp"]')
  const ended = app?.dataset.testScriptState === "notRunning" && document.querySelector("h1")
  if (!ended) { window.endedAt = undefined; return false }
  window.endedAt ??= Date.now()
  return Date.now() - window.endedAt > still
}"""
"""Whether the script has ended, has drawn a title, and has not run for a while."""
SIDEWAYS = """() => {
  const main = document.querySelector('[data-testid="stMain"]')
  return document.scrollingElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth
}"""
"""The page scrolls within an element of Streamlit's, not as a document."""


class Picture(NamedTuple):
    name: str
    path: str
    """Of the page, with its query."""
    keywords: str = ""
    """To be searched for there."""


def pictures() -> Iterator[Picture]:
    """Of the pages there are."""
    engine = Engine(load_setup("demo"))
    link = urlencode(write_link(board_of(*engine.preset(PRESET))))
    feature = engine.preset(PRESET).features[0]
    there = {path.stem for path in (ROOT / "pages").glob("*.py")}
    for name, page, query in (
        ("clamp", "clamp", ""),
        ("clamp_forget", "clamp", link),
        ("tune", "tune", link),
        ("search", "search", ""),
        ("feature", "feature", f"feature={feature}"),
        ("words", "words", link),
        ("question", "question", link),
        ("runs", "runs", ""),
        ("studies", "runs", "studies="),
        ("stage", "stage", link),
    ):
        if page in there:
            yield Picture(name, f"/{page}?{query}", "virus" if page == "search" else "")


def take(browser: Browser, address: str, picture: Picture, scheme: str, folder: Path) -> bool:
    """At every width, from one load. Returns whether the page scrolls sideways at any."""
    width, height = SIZES[0]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
    )
    page = context.new_page()
    try:
        page.goto(f"{address}{picture.path}")
        if picture.keywords:
            field = page.get_by_role("textbox", name="Keywords")
            field.fill(picture.keywords, timeout=WAIT_MS)
            field.press("Enter")
        found = [_at(page, picture.name, scheme, size, folder) for size in SIZES]
        return any(found)
    finally:
        context.close()


def _at(page: Page, name: str, scheme: str, size: tuple[int, int], folder: Path) -> bool:
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(MOVES_MS)
    page.wait_for_function(ENDED, arg=STILL_MS, timeout=WAIT_MS)
    file = folder / f"{name}_{scheme}_{width}.png"
    page.screenshot(path=file)
    sideways = bool(page.evaluate(SIDEWAYS))
    said = "  SCROLLS SIDEWAYS" if sideways else ""
    sys.stdout.write(f"{file}  {width}x{height}  {file.stat().st_size / 1e3:.0f} kB{said}\n")
    sys.stdout.flush()
    return sideways


def main() -> int:
    if CHROMIUM is None:
        sys.stderr.write("No pictures: Chromium is not installed. Install it and try again.\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server ends with it
    folder = Path(os.environ.get("PICTURES") or cache_folder() / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(pictures())
    with running({**os.environ, "CLAMPBOARD_SETUP": "demo"}) as address, sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        sideways = [
            take(browser, address, picture, scheme, folder)
            for picture in wanted
            for scheme in SCHEMES
        ]
        browser.close()
    return int(any(sideways))


if __name__ == "__main__":
    sys.exit(main())
