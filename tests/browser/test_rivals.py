"""A rival on the same board: from the list onto it and back; texts beside each other that fit."""

import re

import pytest
from playwright.sync_api import expect

from backend.interventions.method import NOTHING, Setting, setting_of
from tests.browser.board import WAIT_MS, figures, settled
from tests.browser.test_accessibility import serious

pytestmark = [pytest.mark.browser, pytest.mark.demo]
CLAMPS = "2187:-300,!10:-5"


@pytest.fixture(scope="module")
def rmu(demo):
    """The shipped one, run: pages then have nothing left to run by themselves."""
    found = Setting(rival=demo.rivals.named("rmu"))
    for setting in (NOTHING, setting_of([(2187, -300.0)]), found):
        demo.evaluate(setting)
    return found


def shows(page, evaluation) -> None:
    for row, s in zip(figures(page), evaluation.sets, strict=True):
        assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in row


def test_the_shipped_rmu_goes_onto_the_board_and_the_clamps_come_back(server, page, demo, rmu):
    clamped = demo.evaluate(setting_of([(2187, -300.0)]))
    page.goto(f"{server}/?clamps={CLAMPS}")
    shows(page, clamped)
    sliders = page.locator("input[type=range]")
    expect(sliders).to_have_count(3)  # the master and two features
    page.get_by_role("button", name="Rivals").click()
    page.get_by_role("button", name=re.compile(re.escape(rmu.rival.of))).click()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"rival=rmu%3A{re.escape(rmu.rival.of)}"))
    shows(page, demo.evaluate(rmu))
    expect(sliders).to_have_count(0)
    page.get_by_text(re.compile("^Against the rivals")).click()
    expect(
        page.get_by_text(re.compile("cost as little|this retain cost the clamps"))
    ).to_be_visible()
    assert serious(page) == {}
    page.reload()
    shows(page, demo.evaluate(rmu))
    page.get_by_role("button", name="Back to your 2 clamps").click()
    expect(sliders).to_have_count(3)
    shows(page, clamped)
    expect(page.get_by_text("1 on, 1 off")).to_be_visible()


@pytest.mark.parametrize(("width", "rows"), [(1440, 1), (900, 2), (390, 3)])
def test_texts_stand_beside_each_other_where_there_is_room(server, page, rmu, width, rows):
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto(f"{server}/words?clamps={CLAMPS}")
    titles = ("Without clamps", "With clamps", f"RMU {rmu.rival.of}")
    expect(page.get_by_role("heading", name=titles[2], exact=True)).to_be_visible()
    settled(page)
    # At once of all three, and again while the page still moves.
    page.wait_for_function(
        """([titles, rows]) => {
            const found = [...document.querySelectorAll("h2")]
                .filter(heading => titles.includes(heading.textContent))
                .map(heading => Math.round(heading.getBoundingClientRect().y));
            return found.length === 3 && new Set(found).size === rows;
        }""",
        arg=[list(titles), rows],
        timeout=WAIT_MS,
    )
