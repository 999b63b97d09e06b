"""axe-core over every page of the demo, light and dark; from a feature by its curve to a clamp."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from backend.interventions.clamps import value_of
from backend.interventions.method import setting_of
from tests.browser.board import WAIT_MS, figures, settled

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
}


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
        expect(page.get_by_text(ready).first).to_be_visible(timeout=WAIT_MS)
        settled(page)
        page.wait_for_timeout(1000)
        assert serious(page) == {}
    finally:
        context.close()


def test_feature_then_dose_curve_then_clamp(server, page, demo):
    page.goto(f"{server}/feature?feature={FEATURE}")
    expect(page.get_by_text(re.compile("Band: 95 % interval of the change.$"))).to_be_visible(
        timeout=WAIT_MS
    )
    page.get_by_role("slider", name="Strength").focus()
    for _ in range(2):  # from -5x by -6x to -8x
        page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Clamp at -8x").click()
    rows = figures(page)
    value = value_of(-8, float(demo.atlas.table.max_act[FEATURE]))
    for shown, s in zip(
        rows, demo.evaluate(setting_of([(FEATURE, value)]), listed=False).sets, strict=True
    ):
        assert f"{s.baseline_accuracy:.1%} → {s.accuracy:.1%}" in shown


def test_values_of_a_row_show_when_it_has_the_focus(server, page):
    page.goto(f"{server}/feature?feature={FEATURE}")
    row = page.locator(".tv-row").first
    expect(row).to_be_visible(timeout=WAIT_MS)
    shown = "(e) => getComputedStyle(e.querySelector('.tv-lit'), '::after').content"
    assert row.evaluate(shown) in ("none", "normal")
    row.focus()
    assert re.search(r"\d", row.evaluate(shown))
