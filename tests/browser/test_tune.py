"""Sliders tuned in a browser: they move, one undo brings them back, what was found goes over."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.board import WAIT_MS, settled
from tests.browser.test_accessibility import serious

pytestmark = [pytest.mark.browser, pytest.mark.demo]
CLAMPS = "2459:-85,2717:-74"
"""Each fires on less than twenty questions."""


def boxes(page) -> Locator:
    """The sliders' values, in multiples of each feature's maximum."""
    found = page.get_by_role("spinbutton", name=re.compile("Exact value of feature"))
    expect(found).to_have_count(2)
    return found


def values(page) -> list[float]:
    return [float(box.input_value()) for box in boxes(page).all()]


def stand_at(page, wanted: list[float]) -> None:
    """Soon, as the page is drawn anew."""
    for box, value in zip(boxes(page).all(), wanted, strict=True):
        expect(box).to_have_value(f"{value:.2f}")


def test_sliders_are_tuned_undone_and_taken_to_the_board(server, page, demo):
    page.goto(f"{server}/tune?clamps={CLAMPS}")
    page.get_by_text("Tune the multipliers", exact=True).click(timeout=WAIT_MS)
    steps = page.get_by_role("spinbutton", name="Steps, at most")
    steps.fill("1", timeout=WAIT_MS)
    steps.press("Enter")
    settled(page)
    before = values(page)
    page.get_by_role("button", name="Start").click()
    found = re.compile("Chosen among 2 settings on the selection half")
    expect(page.get_by_text(found)).to_be_visible()
    settled(page)
    after = values(page)
    assert all(now < then for now, then in zip(after, before, strict=True))
    assert serious(page) == {}
    page.get_by_role("button", name="Undo").click()
    stand_at(page, before)
    page.get_by_role("button", name="Put it on the board").click()
    expect(page.get_by_role("heading", name="Clamp", exact=True)).to_be_visible()
    stand_at(page, after)
    (tried,) = (t for t in demo.history.trials() if t.run.note.startswith("tuned by gradient"))
    rows = page.locator(".board tbody tr")
    for i, s in enumerate(demo.evaluate(tried.run.setting).sets):
        accuracy = f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %"
        expect(rows.nth(i)).to_contain_text(accuracy)
