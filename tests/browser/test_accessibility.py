"""axe-core over every page of the demo, light and dark, wide and narrow; titles, hosts, the focus;
from a feature by its curve to a clamp.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from backend.interventions.clamps import value_of
from backend.interventions.method import setting_of
from tests.browser.board import figures, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
FEATURE = 2187
PAGES = {
    "clamp": (
        f"/?clamps={FEATURE}:-290&method=rho:0.05",
        re.compile("the others keep their answer bit for bit"),
    ),
    "tune": (f"/tune?clamps={FEATURE}:-290", re.compile("The machine looks for a setting")),
    "search": ("/search", re.compile(r"\d+ features")),
    "feature": (f"/feature?feature={FEATURE}", re.compile("Band: 95 % interval of the change.$")),
    "words": (f"/words?clamps={FEATURE}:-290", re.compile("Without clamps")),
    "runs": ("/runs", re.compile("Runs")),
    "question": (f"/question?clamps={FEATURE}:-290", re.compile("At every strength")),
    "stage": (f"/stage?clamps={FEATURE}:-290", re.compile("Stage")),
}
WIDTHS = (1440, 900, 390)


def serious(page) -> dict[str, str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return {
        v["id"]: f"{v['help']}: {v['nodes'][0]['html'][:300]} (and {len(v['nodes']) - 1} more)"
        for v in found
        if v["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(server, browser, name, scheme):
    path, ready = PAGES[name]
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme=scheme)
    page = context.new_page()
    try:
        page.goto(server + path)
        expect(page.get_by_text(ready).first).to_be_visible()
        settled(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(800)
            settled(page)
            assert serious(page) == {}, f"at {width} pixels"
    finally:
        context.close()


def test_every_page_has_its_own_title_and_asks_no_other_host(server, browser):
    """/clamp too, whose clamps come along."""
    context = browser.new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    for name, (path, ready) in {"clamp by name": ("/clamp?clamps=5:-1", None), **PAGES}.items():
        page.goto(server + path)
        title = f"{name.split()[0].capitalize()} · Clampboard"
        expect(page).to_have_title(title)
        if ready is None:
            expect(page).to_have_url(re.compile(r"/\?clamps=5%3A-1"))
            expect(page.get_by_role("dialog")).to_have_count(0)
        else:
            expect(page.get_by_text(ready).first).to_be_visible()
    context.close()
    own = (server, server.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []


def test_what_has_the_keyboard_shows_it(server, page):
    """Twenty stops of Tab, in the sidebar and on the page."""
    page.goto(f"{server}/tune")
    expect(page.get_by_text("The machine looks for a setting")).to_be_visible()
    settled(page)
    page.locator('[data-testid="stSidebarNavLink"]').first.focus()
    shown = """() => {
      const at = document.activeElement
      return ["MAIN", "BODY"].includes(at.tagName) || getComputedStyle(at).outlineStyle === "solid"
    }"""
    for _ in range(20):
        page.keyboard.press("Tab")
        # the frame's style sheet is away for a moment while the page is drawn again
        page.wait_for_function(shown)


def test_feature_then_dose_curve_then_clamp(server, page, demo):
    page.goto(f"{server}/feature?feature={FEATURE}")
    expect(page.get_by_text(re.compile("Band: 95 % interval of the change.$"))).to_be_visible()
    page.get_by_role("slider", name="Strength").focus()
    for _ in range(2):  # from -5x by -6x to -8x
        page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Clamp at −8x").click()
    rows = figures(page)
    value = value_of(-8, float(demo.atlas.table.max_act[FEATURE]))
    for shown, s in zip(
        rows, demo.evaluate(setting_of([(FEATURE, value)]), listed=False).sets, strict=True
    ):
        assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in shown


def test_values_of_a_row_show_when_it_has_the_focus(server, page):
    page.goto(f"{server}/feature?feature={FEATURE}")
    row = page.locator(".tv-row").first
    expect(row).to_be_visible()
    settled(page)
    shown = "(e) => getComputedStyle(e.querySelector('.tv-lit'), '::after').content"
    assert row.evaluate(shown) in ("none", "normal")
    row.focus()
    assert re.search(r"\d", row.evaluate(shown))
