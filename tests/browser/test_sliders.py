"""The slider list: sixty stay quick, a new position stops the old run, keys are enough."""

import re
import statistics
import time

import pytest
from playwright.sync_api import Page, expect

from backend.experiments.text_loss import text_loss
from backend.interventions.clamps import clamp_set, format_clamps, value_of
from backend.interventions.method import setting_of
from tests.browser.board import WAIT_MS, complete, figures, settled

pytestmark = [pytest.mark.browser, pytest.mark.demo]
MOST_ELEMENTS = 1200


def shows(page: Page, evaluation) -> None:
    """The board's first row shows this evaluation."""
    first = evaluation.sets[0]
    expect(page.locator(".board tbody tr").first).to_contain_text(
        f"{first.accuracy:.1%}", timeout=WAIT_MS
    )
    figures(page)


def test_sixty_sliders_redraw_quickly(server, page, demo):
    """Undo and redo between two settings that are known, so that drawing the page is timed.

    The features seldom fire: the settings are known soon.
    """
    table = demo.atlas.table
    fires = (table.max_act > 0) & (table.fires_forget + table.fires_retain > 0)
    rare = (table.forget_density + table.retain_density)[fires].nsmallest(60).index
    clamps = clamp_set((f, value_of(-5, float(table.max_act[f]))) for f in rare)
    for setting in (setting_of(clamps), setting_of(clamps[1:])):
        demo.evaluate(setting)
        text_loss(demo, setting)
    page.goto(f"{server}/?clamps={format_clamps(clamps)}")
    figures(page)
    page.get_by_role("checkbox", name=f"Clamp feature {clamps[0].feature}", exact=True).click()
    expect(page.get_by_text("59 on, 1 off")).to_be_visible(timeout=WAIT_MS)
    figures(page)
    times = []
    for i in range(6):
        start = time.perf_counter()
        page.get_by_role("button", name="Redo" if i % 2 else "Undo").click()
        expect(page.get_by_text("59 on, 1 off" if i % 2 else "60 on, 0 off")).to_be_visible()
        complete(page)
        times.append(time.perf_counter() - start)
        settled(page)
    expect(page.locator(".list")).to_have_count(1, timeout=WAIT_MS)
    elements = page.locator(".list *").count()
    print(
        f"\n60 sliders: page redraw {statistics.median(times):.2f} s (median of {len(times)}), "
        f"{elements} elements"
    )
    assert page.get_by_role("slider").count() == 61
    assert elements < MOST_ELEMENTS


def test_a_new_position_stops_the_old_run_and_only_its_figures_stay(server, page, demo):
    features = [clamp.feature for clamp in demo.preset("forget-biology").clamps[:20]]
    page.goto(f"{server}/?clamps={','.join(f'{f}:-20.5' for f in features)}")
    expect(page.get_by_text(re.compile("running|being computed"))).to_be_visible(timeout=WAIT_MS)
    # a list that was replaced stays, hidden, until the run ends
    name = f"Exact value of feature {features[0]}"
    box = page.get_by_role("spinbutton", name=name, exact=True)
    max_act = demo.atlas.about(features[0])["max_act"]
    for multiple in (-3.5, -7.5):
        box.fill(str(multiple))
        box.press("Enter")
        link = f"{features[0]}%3A{round(multiple * max_act, 2):g}"
        expect(page).to_have_url(re.compile(re.escape(link)), timeout=WAIT_MS)
    others = ((f, -20.5) for f in features[1:])
    wanted = demo.evaluate(setting_of([(features[0], round(-7.5 * max_act, 2)), *others]))
    shows(page, wanted)
    for row, s in zip(figures(page), wanted.sets, strict=True):
        assert f"{s.baseline_accuracy:.1%} → {s.accuracy:.1%}" in row
    page.keyboard.press("Control+z")
    expect(box.first).to_have_value("-3.50", timeout=WAIT_MS)
